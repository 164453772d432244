// npm run build: the compiler, and the mark that tells npm start that the build is up to date.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, linkCommands, root } from './prepare.js';

rmSync(join(root, 'dist', '.built'), { force: true });
ensureBuilt();
linkCommands();

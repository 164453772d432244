// npm start: installs, builds, and runs the network of nodes/mainnet.yaml in the foreground.
// Other arguments go to `mainnet up`: npm start -- nodes/devnet.yaml --detach
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, linkCommands, requireNodeVersion, root } from './prepare.js';

requireNodeVersion();
ensureInstalled();
ensureBuilt();
linkCommands();

const given = process.argv.slice(2);
const manifest = given.some((argument) => !argument.startsWith('-')) ? [] : ['nodes/mainnet.yaml'];
const command = join(root, 'bin', 'mainnet.js');
process.argv = [process.execPath, command, 'up', ...manifest, ...given];
await import('../bin/mainnet.js');

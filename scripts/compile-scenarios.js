// Scenarios without their types, beside the build, so that every Node runs those that come along: simulations/NAME.ts
// becomes dist/simulations/NAME.js, and what it imports of src is what was built of it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import typescript from 'typescript';
import { root } from './prepare.js';

const from = join(root, 'simulations');
const to = join(root, 'dist', 'simulations');

rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
for (const file of readdirSync(from).filter((name) => name.endsWith('.ts'))) {
  const { outputText } = typescript.transpileModule(readFileSync(join(from, file), 'utf8'), {
    compilerOptions: { module: 'esnext', target: 'es2022', verbatimModuleSyntax: true },
    fileName: file,
  });
  const relinked = outputText.replace(/(from\s+['"])\.\.\/src\/([^'"]+)\.ts(['"])/g, '$1../$2.js$3');
  writeFileSync(join(to, file.replace(/\.ts$/, '.js')), relinked);
}

// Runs a command of the built package, or says how to build it.
import { existsSync } from 'node:fs';

export async function launch(name) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(`${name} needs Node.js 20.19 or newer; this is ${process.version}\n`);
    process.exitCode = 1;
    return;
  }
  const entry = new URL(`../dist/cli/${name}.js`, import.meta.url);
  if (!existsSync(entry)) {
    process.stderr.write(`${name} is not built yet: run npm run build (or npm start, which does it)\n`);
    process.exitCode = 1;
    return;
  }
  await import(entry.href);
}

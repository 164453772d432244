// What every entry needs before it runs: packages installed, sources built, the commands linked. Node's own modules only.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...parts) => join(root, ...parts);

function run(command, commandArguments, what) {
  const { status, error } = spawnSync(command, commandArguments, { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  process.stderr.write(`${what} failed${error === undefined ? '' : `: ${error.message}`}\n`);
  process.exit(1);
}

export function requireNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  process.stderr.write(
    `bpci needs Node.js 20.19 or newer; this is ${process.version}: https://nodejs.org/en/download\n`,
  );
  process.exit(1);
}

/** Whether what is installed is what the lock file asks for. npm keeps a record of what it installed. */
function isInstalled() {
  const record = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    // Optional packages are those of other platforms.
    ([path, { version, optional }]) => path === '' || optional === true || installed[path]?.version === version,
  );
}

export function ensureInstalled() {
  if (isInstalled()) return;
  process.stdout.write('Installing packages\n');
  // Not `npm ci`: it wants the optional packages of every platform in the lock file, or in the registry that it asks.
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], 'npm');
}

function newestTime(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestTime(join(path, name))), stats.mtimeMs);
}

/** Builds where a source is newer than the last build. */
export function ensureBuilt() {
  const marker = inRoot('dist', '.built');
  const sources = ['src', 'simulations', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const inputs = sources.map((name) => inRoot(name));
  const builtAt = existsSync(marker) ? statSync(marker).mtimeMs : 0;
  if (inputs.every((input) => newestTime(input) < builtAt)) return;
  process.stdout.write('Building\n');
  const startedAt = new Date();
  // Without its output the compiler's record of what is built is wrong: it would write nothing.
  if (builtAt === 0) rmSync(inRoot('node_modules', '.cache', 'build.tsbuildinfo'), { force: true });
  run(process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], 'The build');
  run(process.execPath, [inRoot('scripts', 'compile-scenarios.js')], 'Compiling the scenarios');
  mkdirSync(inRoot('dist'), { recursive: true });
  writeFileSync(marker, `${startedAt.toISOString()}\n`);
}

/** `npx mainnet` and `npx bpci` find the commands of this clone, without asking a registry. */
export function linkCommands() {
  const { bin } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  mkdirSync(inRoot('node_modules', '.bin'), { recursive: true });
  for (const [name, file] of Object.entries(bin)) {
    const link = inRoot('node_modules', '.bin', name);
    const target = join('..', '..', file);
    const existing = lstatSync(link, { throwIfNoEntry: false });
    if (existing?.isSymbolicLink() && readlinkSync(link) === target) continue;
    if (existing !== undefined) rmSync(link);
    symlinkSync(target, link);
  }
}

// npm test: installs, builds, runs every check and every test. Its last line is the count.
// A skipped test fails the run, unless test/expected-skips.json names it with a reason.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, linkCommands, requireNodeVersion, root } from './prepare.js';

const checks = ['format:check', 'types', 'lint', 'imports', 'dead-code'];
/** Tests of whole networks of processes: they have the machine to themselves. */
const systemTests = 'test/system/**/*.test.ts';

/** At a time: checks, and files of tests. More would only wait for each other's processor. */
const jobs = 2;

requireNodeVersion();
ensureInstalled();
ensureBuilt();
linkCommands();

// `npm test -- test/some.test.ts` runs those files only.
const files = process.argv.slice(2);
const failedChecks = await runChecks();
const counts =
  files.length > 0
    ? [await runMocha(files)]
    : [
        await runMocha(['test/**/*.test.ts', '--ignore', systemTests, '--parallel', '--jobs', String(jobs)]),
        await runMocha([systemTests]),
      ];
const { unexpected, expected } = sortSkips(counts.flatMap(({ skipped }) => skipped));

for (const name of failedChecks) process.stdout.write(`check failed: npm run ${name}\n`);
for (const { title, reason } of expected) process.stdout.write(`skipped: ${title} (${reason})\n`);
for (const title of unexpected)
  process.stdout.write(`skipped without a reason in test/expected-skips.json: ${title}\n`);

const total = (field) => counts.reduce((sum, count) => sum + count[field], 0);
const failed = total('failed') + failedChecks.length + unexpected.length;
const skipped = expected.length === 0 ? '' : `, ${expected.length} skipped`;
process.stdout.write(`\n${total('passed')} passed, ${failed} failed${skipped}\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** What each says is printed in one piece. Resolves with the names of those that failed. */
async function runChecks() {
  const waiting = checks.values();
  const failedNames = [];
  const work = async () => {
    for (const name of waiting) if (!(await runCheck(name))) failedNames.push(name);
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failedNames;
}

async function runCheck(name) {
  const child = spawn('npm', ['run', '--silent', name], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const { code } = await ended(child);
  process.stdout.write(`\n> ${name}: ${code === 0 ? 'passed' : 'FAILED'}\n${output}\n`);
  return code === 0;
}

async function runMocha(mochaArguments) {
  const directory = mkdtempSync(join(tmpdir(), 'bpci-test-'));
  const file = join(directory, 'counts.json');
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const reporter = join(root, 'scripts', 'test-reporter.js');
  const child = spawn(process.execPath, [mocha, '--reporter', reporter, ...mochaArguments], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TEST_COUNTS_FILE: file },
  });
  const { code, signal } = await ended(child);
  // No file: mocha ended before its end, which is a failure of its own.
  const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: [] };
  rmSync(directory, { recursive: true });
  if (code !== 0 && counted.failed === 0) {
    process.stdout.write(`mocha ended with ${signal ?? `code ${code}`} and without a failed test\n`);
    counted.failed = 1;
  }
  return counted;
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function sortSkips(titles) {
  const file = join(root, 'test', 'expected-skips.json');
  const reasons = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  const unexpected = [];
  const expected = [];
  for (const title of titles) {
    const known = reasons.find(({ title: beginning }) => title.startsWith(beginning));
    if (known === undefined) unexpected.push(title);
    else expected.push({ title, reason: known.reason });
  }
  return { unexpected, expected };
}

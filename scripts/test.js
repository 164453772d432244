// npm test: installs, builds, runs every check and every test. Its last line is the count.
// A skipped test fails the run, unless test/expected-skips.json names it with a reason.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, linkCommands, requireNodeVersion, root } from './prepare.js';

const checks = ['format:check', 'types', 'lint', 'imports', 'dead-code'];

requireNodeVersion();
ensureInstalled();
ensureBuilt();
linkCommands();

const failedChecks = checks.filter((name) => {
  process.stdout.write(`\n> ${name}\n`);
  return spawnSync('npm', ['run', '--silent', name], { cwd: root, stdio: 'inherit' }).status !== 0;
});

const counts = runMocha();
const { unexpected, expected } = sortSkips(counts.skipped);

for (const name of failedChecks) process.stdout.write(`check failed: npm run ${name}\n`);
for (const { title, reason } of expected) process.stdout.write(`skipped: ${title} (${reason})\n`);
for (const title of unexpected)
  process.stdout.write(`skipped without a reason in test/expected-skips.json: ${title}\n`);

const failed = counts.failed + failedChecks.length + unexpected.length;
const skipped = expected.length === 0 ? '' : `, ${expected.length} skipped`;
process.stdout.write(`\n${counts.passed} passed, ${failed} failed${skipped}\n`);
process.exitCode = failed === 0 ? 0 : 1;

function runMocha() {
  process.stdout.write('\n> tests\n');
  const directory = mkdtempSync(join(tmpdir(), 'bpci-test-'));
  const file = join(directory, 'counts.json');
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const reporter = join(root, 'scripts', 'test-reporter.js');
  // `npm test -- test/some.test.ts` runs those files only.
  const files = process.argv.length > 2 ? process.argv.slice(2) : ['test/**/*.test.ts'];
  const { status, signal } = spawnSync(process.execPath, [mocha, '--reporter', reporter, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TEST_COUNTS_FILE: file },
  });
  // No file: mocha ended before its end, which is a failure of its own.
  const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: [] };
  rmSync(directory, { recursive: true });
  if (status !== 0 && counted.failed === 0) {
    process.stdout.write(`mocha ended with ${signal ?? `code ${status}`} and without a failed test\n`);
    counted.failed = 1;
  }
  return counted;
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

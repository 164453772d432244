// mocha's own report, and beside it the real counts in the file that scripts/test.js names.
import { writeFileSync } from 'node:fs';
import mocha from 'mocha';

export default class CountingReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const counts = { passed: 0, failed: 0, skipped: [] };
    runner.on('pass', () => (counts.passed += 1));
    runner.on('fail', () => (counts.failed += 1));
    runner.on('pending', (test) => counts.skipped.push(test.fullTitle()));
    runner.on('end', () => {
      const file = process.env.TEST_COUNTS_FILE;
      if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    });
  }
}

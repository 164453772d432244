/**
 * The process that runs one mutant: replaces its module before anything of the product is loaded, then tries seeds until
 * a checker finds something. Started by `run-mutants.ts`, which it reports to; all orders are for the same mutant, and it
 * ends with the link to its parent.
 */
import { register } from 'node:module';
import type { Order, Report } from './messages.ts';

const report = (message: Report): void => {
  process.send?.(message);
};

let isReplaced = false;

async function run({ replaced, attempts }: Order): Promise<void> {
  if (replaced !== null && !isReplaced) {
    isReplaced = true;
    const hooks = new URL('./replaced-module.ts', import.meta.url).href;
    register(import.meta.url.endsWith('.ts') ? hooks : hooks.replace(/\.ts$/, '.js'), { data: replaced });
  }
  // Only from here on may a module of the product be loaded.
  const { findTrial } = await import('./trials.ts');
  for (const { trial, firstSeed = 1, seeds } of attempts) {
    const { run: tryOut } = findTrial(trial);
    for (let seed = firstSeed; seed <= seeds; seed++) {
      try {
        const finding = await tryOut(seed);
        if (finding !== null) {
          report({ type: 'found', trial, seed, ...finding });
          return;
        }
        report({ type: 'passed', trial, seed });
      } catch (error) {
        report({
          type: 'broke',
          trial,
          seed,
          detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
    }
  }
  report({ type: 'done' });
}

process.on('message', (order) => {
  run(order as Order).catch((error: unknown) => {
    // Not a run but what it needs: its parent reads why.
    process.stderr.write(`${String(error)}\n`);
    process.disconnect();
  });
});

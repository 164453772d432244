/**
 * The process that runs one mutant: replaces its module before anything of the product is loaded, then tries seeds until
 * a checker finds something. Started by `run-mutants.ts`, which it reports to.
 */
import { register } from 'node:module';
import type { Order, Report } from './messages.ts';

const report = (message: Report): void => {
  process.send?.(message);
};

async function run({ replaced, attempts }: Order): Promise<void> {
  if (replaced !== null) {
    const hooks = new URL('./replaced-module.ts', import.meta.url).href;
    register(import.meta.url.endsWith('.ts') ? hooks : hooks.replace(/\.ts$/, '.js'), { data: replaced });
  }
  // Only from here on may a module of the product be loaded.
  const { findTrial } = await import('./trials.ts');
  for (const { trial, seeds } of attempts) {
    const { run: tryOut } = findTrial(trial);
    for (let seed = 1; seed <= seeds; seed++) {
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

process.once('message', (order) => {
  void run(order as Order).finally(() => process.disconnect());
});

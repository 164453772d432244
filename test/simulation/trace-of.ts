/** Prints the trace hashes of the brief scenario under the seeds given: what another process makes of it. */
import { simulate } from '../../src/simulation.ts';
import { brief } from './scenarios.ts';

for (const seed of process.argv.slice(2)) {
  const { traceHash } = await simulate(brief, { seed });
  console.log(traceHash);
}

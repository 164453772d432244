/** Published policy sets as a service holds them: compiled in worker threads, ended with the service. */
import { type ContentSource, PolicyLibrary } from '../actors/policy/policy-library.ts';
import { prepareOutside } from './adapters/cedar-outside.ts';
import { PolicyWorkers } from './adapters/policy-workers.ts';
import type { ServiceFrame } from './service-frame.ts';

/** `onReady` is told of each set that was compiled. */
export function policyLibrary(
  { clock, telemetry, uses }: ServiceFrame,
  source: ContentSource,
  onReady: () => void,
): { readonly library: PolicyLibrary; readonly workshop: PolicyWorkers } {
  const workshop = new PolicyWorkers(clock);
  uses(() => workshop.close());
  const library = new PolicyLibrary({
    ...{ source, compile: (job) => workshop.do('compile', job), outside: prepareOutside, onReady },
    onProblem: (content, problem) => telemetry.log.warn('a published policy set is not here', { content, problem }),
  });
  return { library, workshop };
}

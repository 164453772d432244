/** Makes the faults of a run happen, and ends them. */
import { invariant } from '../../protocols/shared/errors.ts';
import type { FaultBase, FaultTargets } from './faults/fault-kind.ts';
import { type Fault, faultKind } from './faults/index.ts';

export interface FaultScheduleOptions extends Omit<FaultTargets, 'copies'> {
  /** A fault begins. */
  readonly onFault: (fault: Fault) => void;
}

/** To be called once, at the start of a run. */
export function scheduleFaults(faults: readonly Fault[], options: FaultScheduleOptions): void {
  const { clock, onFault } = options;
  const targets = { ...options, copies: new Map() };
  const plan = (fault: Fault): void => {
    const kind = faultKind(fault.kind);
    invariant(kind !== undefined, `"${fault.kind}" is no fault`);
    const { prepare } = kind;
    const base: FaultBase = fault;
    if (prepare !== undefined) clock.setTimer(prepare.atMs(base), () => prepare.run(base, targets));
    clock.setTimer(fault.atMs, () => {
      onFault(fault);
      clock.setTimer(fault.forMs, kind.begin(base, targets));
    });
  };
  for (const fault of faults) plan(fault);
}

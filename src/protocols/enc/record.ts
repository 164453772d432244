/** What an operator keeps of a workload, from its submission on. */
import {
  jsonBoolean,
  jsonChoice,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  jsonStruct,
  jsonText,
  jsonUint,
} from '../ledger/json-codec.ts';
import type { Digest, PublicKey } from '../shared/brands.ts';
import type { AdmissionStep, BoundDecision } from './admission.ts';
import type { Execution, StopOrder, Wanted } from './life.ts';
import type { Unfit, UnfitReason } from './placement.ts';
import { type Workload, workloadCodec } from './workload.ts';

export interface WorkloadRecord {
  readonly workload: Workload;
  /** Who submitted it; null: a caller on the machine itself. */
  readonly submittedBy: PublicKey | null;
  /** ms since 1970 */
  readonly submittedAt: number;
  readonly wanted: Wanted;
  /** Those without a receipt, and the newest, in the order of their leases. */
  readonly executions: readonly Execution[];
  /** Of the last admission that was tried. */
  readonly steps: readonly AdmissionStep[];
  readonly unfit: readonly Unfit[];
  /** Yellow: what has to be released. */
  readonly held: (BoundDecision & { readonly cluster: string }) | null;
  /** Hash of its last receipt here. */
  readonly lastReceipt: Digest | null;
  /** Admissions and starts in a row that came to nothing. */
  readonly failures: number;
}

const stopCodec = jsonStruct<StopOrder>({ by: jsonText(64), reason: jsonText(256) });
const agreements = jsonList(jsonDigest, 16);
const executionCodec = jsonStruct<Execution>({
  cluster: jsonText(63),
  epoch: jsonUint(),
  decision: jsonDigest,
  policySet: jsonNullable(jsonDigest),
  agreements,
  expires: jsonUint(),
  admittedBy: jsonNullable(jsonDigest),
  isBegun: jsonBoolean,
  startedAt: jsonNullable(jsonUint()),
  isOver: jsonBoolean,
  stop: jsonNullable(stopCodec),
});
const stepCodec = jsonStruct<AdmissionStep>({
  step: jsonChoice('court', 'placement', 'policy', 'traffic', 'lease'),
  outcome: jsonChoice('passed', 'refused', 'held', 'failed'),
  detail: jsonText(64 * 1024),
});
const heldCodec = jsonStruct<NonNullable<WorkloadRecord['held']>>({
  id: jsonDigest,
  state: jsonChoice('Green', 'Yellow', 'Red'),
  action: jsonText(32),
  policySet: jsonNullable(jsonDigest),
  reasons: jsonList(jsonText(256), 64),
  expires: jsonNullable(jsonUint()),
  cluster: jsonText(63),
});

export const workloadRecordCodec: JsonCodec<WorkloadRecord> = jsonStruct<WorkloadRecord>({
  workload: workloadCodec,
  submittedBy: jsonNullable(jsonKey),
  submittedAt: jsonUint(),
  wanted: jsonChoice('running', 'stopped', 'finished'),
  executions: jsonList(executionCodec, 64),
  steps: jsonList(stepCodec, 16),
  unfit: jsonList(
    jsonStruct<Unfit>({
      cluster: jsonText(63),
      reasons: jsonList(jsonText(32) as unknown as JsonCodec<UnfitReason>, 32),
    }),
    4096,
  ),
  held: jsonNullable(heldCodec),
  lastReceipt: jsonNullable(jsonDigest),
  failures: jsonUint(),
});

export const newRecord = (workload: Workload, submittedBy: PublicKey | null, submittedAt: number): WorkloadRecord => ({
  ...{ workload, submittedBy, submittedAt, wanted: 'running', executions: [], steps: [], unfit: [], held: null },
  ...{ lastReceipt: null, failures: 0 },
});

/** The newest lease that this operator was given and knows of. */
export const newestOf = ({ executions }: WorkloadRecord): Execution | null => executions.at(-1) ?? null;

/** With an execution changed, and those that are over and not the newest left out. */
export function withExecution(record: WorkloadRecord, changed: Execution): WorkloadRecord {
  const rest = record.executions.filter(({ epoch }) => epoch !== changed.epoch);
  const all = [...rest, changed].sort((a, b) => a.epoch - b.epoch);
  const executions = all.filter(({ isOver, isBegun }, index) => index === all.length - 1 || (isBegun && !isOver));
  return { ...record, executions };
}

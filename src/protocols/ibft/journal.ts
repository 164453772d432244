/** What a restart makes of the consensus journal. Source: consensus design, "Crash safety". */
import type { Height, Round } from '../shared/brands.ts';
import { invariant } from '../shared/errors.ts';
import type { AcceptedRecord, JournalRecord, PreparedRecord, RoundRecord } from './machine-types.ts';

/** Where a height was left. */
export interface Resumption {
  /** The last round that anything was persisted for; 0 where nothing was. */
  readonly round: Round;
  /** The proposal accepted, or made, in that round. */
  readonly accepted: AcceptedRecord | null;
  readonly prepared: PreparedRecord | null;
  /** The round change that was sent for that round. */
  readonly announced: RoundRecord | null;
}

/** The highest record of each type, the later of two of one round. Repeated records give the same answer. */
export function resumptionOf(records: readonly JournalRecord[], height: Height): Resumption {
  let accepted: AcceptedRecord | null = null;
  let prepared: PreparedRecord | null = null;
  let announced: RoundRecord | null = null;
  for (const record of records) {
    if (record.height !== height) continue;
    if (record.type === 'accepted' && (accepted === null || record.round >= accepted.round)) accepted = record;
    if (record.type === 'prepared' && (prepared === null || record.round >= prepared.round)) prepared = record;
    if (record.type === 'round' && (announced === null || record.round >= announced.round)) announced = record;
  }
  const round = Math.max(accepted?.round ?? 0, prepared?.round ?? 0, announced?.round ?? 0) as Round;
  const claimed = announced?.preparedRound ?? null;
  // The certificate was persisted before the round change that names it, and journals lose only their tail.
  invariant(
    claimed === null || (prepared !== null && prepared.round >= claimed),
    'a persisted round names a certificate that the journal lacks',
  );
  return {
    round,
    accepted: accepted?.round === round ? accepted : null,
    prepared,
    announced: announced?.round === round ? announced : null,
  };
}

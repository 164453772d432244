/**
 * Entries of a light's log. The RFC 6962 hash of a decision's entry is the decision's id: the entry, its place in the tree and
 * every later reference to it are about the same bytes.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import {
  chainId32,
  type Codec,
  decode,
  digest32,
  encode,
  nullable,
  publicKey32,
  signature64,
  struct,
  textMax,
  uint,
  variant,
} from '../shared/codec.ts';
import { toDigest } from '../shared/hash.ts';
import { hashLeaf } from '../ledger/merkle-hash.ts';
import { decide, type DecisionOutcome, type DecisionTables, outcomeBytesMax, outcomeCodec } from './decide.ts';
import { type DecisionInputs, inputsCodec, type PolicyIdentity } from './inputs.ts';
import { onceEncoded } from './once-encoded.ts';

/** First entry of a log: whose it is, and which log it goes on from. */
export interface EpochEntry {
  readonly type: 'epoch';
  readonly chainId: ChainId;
  readonly light: PublicKey;
  /** From 1. */
  readonly epoch: number;
  /** Why there is one before, and where it ended on chain and on disk; null for the first. */
  readonly previous: PreviousEpoch | null;
}

export interface PreviousEpoch {
  readonly logId: Digest;
  /** Its last anchor on chain. */
  readonly anchoredSize: number;
  readonly anchoredRoot: Digest;
  /** What was found on disk, and frozen. */
  readonly foundSize: number;
  readonly foundRoot: Digest;
}

export interface DecisionEntry {
  readonly type: 'decision';
  /** Its own place: two decisions about one flow in one millisecond are two. */
  readonly log: Digest;
  readonly index: number;
  /** Of the flow and who enforces. */
  readonly request: Digest;
  readonly inputs: DecisionInputs;
  readonly outcome: DecisionOutcome;
}

/** A proof that was taken. */
export interface DischargeEntry {
  readonly type: 'discharge';
  readonly decision: Digest;
  readonly obligation: string;
  readonly by: PublicKey;
  readonly signature: Uint8Array;
  readonly time: number;
}

/** A proof that was taken from the chain: its transaction says what was proved, under the account's signature. */
export interface RelayedEntry {
  readonly type: 'relayed';
  readonly decision: Digest;
  readonly obligation: string;
  readonly by: PublicKey;
  readonly transaction: Digest;
  readonly time: number;
}

/**
 * From this entry on an order of the court is obeyed. Its leaf hash is the receipt that confirms the order on chain. What the order
 * is about stands there too, and not here: it may name somebody.
 */
export interface ObeyedEntry {
  readonly type: 'obeyed';
  readonly log: Digest;
  readonly index: number;
  readonly case: Digest;
  /** Of the ruling's actions. */
  readonly action: number;
  /** `flow-red`, `flow-yellow`. */
  readonly effect: string;
  /** Of the state in which the order was found. */
  readonly height: number;
  readonly time: number;
}

/** A held flow that is let go no more: `rejected` by somebody, or its deadline `lapsed`. It is Red. */
export interface ClosedEntry {
  readonly type: 'closed';
  readonly decision: Digest;
  readonly how: 'rejected' | 'lapsed';
  /** null: nobody, time did. */
  readonly by: PublicKey | null;
  readonly time: number;
}

/** An `after` obligation whose deadline passed without proof: a breach. */
export interface MissedEntry {
  readonly type: 'missed';
  readonly decision: Digest;
  readonly obligation: string;
  readonly time: number;
}

export type LogEntry =
  | EpochEntry
  | DecisionEntry
  | DischargeEntry
  | RelayedEntry
  | ClosedEntry
  | MissedEntry
  | ObeyedEntry;

const obligationId = textMax(1024);

const entryCodec: Codec<LogEntry> = variant<LogEntry>({
  epoch: struct<Omit<EpochEntry, 'type'>>({
    ...{ chainId: chainId32, light: publicKey32, epoch: uint },
    previous: nullable(
      struct<PreviousEpoch>({
        ...{ logId: digest32, anchoredSize: uint, anchoredRoot: digest32, foundSize: uint, foundRoot: digest32 },
      }),
    ),
  }),
  decision: struct<Omit<DecisionEntry, 'type'>>({
    log: digest32,
    index: uint,
    request: digest32,
    inputs: inputsCodec,
    outcome: onceEncoded(outcomeCodec, outcomeBytesMax),
  }),
  discharge: struct<Omit<DischargeEntry, 'type'>>({
    ...{ decision: digest32, obligation: obligationId, by: publicKey32, signature: signature64, time: uint },
  }),
  relayed: struct<Omit<RelayedEntry, 'type'>>({
    ...{ decision: digest32, obligation: obligationId, by: publicKey32, transaction: digest32, time: uint },
  }),
  closed: struct<Omit<ClosedEntry, 'type'>>({
    decision: digest32,
    how: textMax(16) as Codec<ClosedEntry['how']>,
    ...{ by: nullable(publicKey32), time: uint },
  }),
  missed: struct<Omit<MissedEntry, 'type'>>({ decision: digest32, obligation: obligationId, time: uint }),
  obeyed: struct<Omit<ObeyedEntry, 'type'>>({
    ...{ log: digest32, index: uint, case: digest32, action: uint, effect: textMax(32), height: uint, time: uint },
  }),
});

export const encodeEntry = (entry: LogEntry): Uint8Array => encode(entryCodec, entry);
/** Throws CodecError. */
export const decodeEntry = (bytes: Uint8Array): LogEntry => decode(entryCodec, bytes);

/** The id of the decision that these bytes are the entry of. */
export const entryId = (bytes: Uint8Array): Digest => toDigest(hashLeaf(bytes));

export type ReplayVerdict =
  | { readonly kind: 'same' }
  /** What it comes out as now. */
  | { readonly kind: 'different'; readonly outcome: DecisionOutcome }
  | { readonly kind: 'not-recomputable'; readonly reason: 'no-decision' | 'deadline' | 'tables-unknown' };

/** Makes the decision again from its entry and compares the bytes. `tablesOf` finds what the entry names. */
export function replayEntry(
  bytes: Uint8Array,
  tablesOf: (policy: PolicyIdentity) => DecisionTables | null,
): ReplayVerdict {
  const entry = decodeEntry(bytes);
  if (entry.type !== 'decision') return { kind: 'not-recomputable', reason: 'no-decision' };
  if (entry.inputs.isLate) return { kind: 'not-recomputable', reason: 'deadline' };
  const { policy } = entry.inputs.state;
  const tables = policy === null ? null : tablesOf(policy);
  if (policy !== null && tables === null) return { kind: 'not-recomputable', reason: 'tables-unknown' };
  const outcome = decide(entry.inputs, tables);
  const again = encodeEntry({ ...entry, outcome });
  return entryId(again) === entryId(bytes) ? { kind: 'same' } : { kind: 'different', outcome };
}

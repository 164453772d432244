/** What a light remembers beside its log: quarantine, spent counters, request ids. Written in the commit of the entry that changes it. */
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, fromHex, toHex, toUtf8 } from '../../protocols/shared/bytes.ts';
import {
  type Codec,
  decode,
  digest32,
  encode,
  nullable,
  publicKey32,
  struct,
  textMax,
  uint,
} from '../../protocols/shared/codec.ts';
import type { CounterName } from '../../protocols/policy/vocabulary.ts';
import type { Spend } from '../../protocols/traffic/counters.ts';
import { quarantineCodec, type QuarantineItem } from '../../protocols/traffic/quarantine.ts';
import type { Store, Write } from '../../runtime/ports/store.ts';
import type { DecisionLog } from './decision-log.ts';

const tables = {
  /** Log id and decision → item. */
  quarantine: 'traffic-quarantine',
  /** Subject, counter and window → persons spent by this light. */
  spent: 'traffic-spent',
  /** Log id, case and action → index of the entry. */
  obeyed: 'traffic-obeyed',
} as const;

/** Beside an entry, on this disk only. */
export interface Aside {
  readonly requestId: string;
  readonly caller: PublicKey | null;
  readonly tenant: string;
  readonly request: Digest;
}
const asideCodec: Codec<Aside> = struct<Aside>({
  requestId: textMax(512),
  caller: nullable(publicKey32),
  tenant: textMax(512),
  request: digest32,
});
export const encodeAside = (aside: Aside): Uint8Array => encode(asideCodec, aside);
export const decodeAside = (bytes: Uint8Array): Aside => decode(asideCodec, bytes);

/** Where a request id led. */
export interface KnownRequest {
  readonly index: number;
  readonly request: Digest;
}

/** The newest request ids that are remembered; older ones are decided anew. */
export const requestIdsMax = 100_000;

const requestKey = (caller: PublicKey | null, requestId: string): string => `${caller ?? ''} ${requestId}`;
const orderKey = (ruled: Digest, action: number): string => `${ruled}/${action}`;
const spentKey = (subject: Digest, counter: string, window: string): string => `${subject}/${counter}/${window}`;

/**
 * For a light whose log is lost or was replaced by an older copy, and with it what it knew of its spending: all that it leased
 * counts as spent.
 */
export const leasesAsSpent = (
  counters: readonly { subject: Digest; counter: CounterName; window: string; spent: number; lease: number }[],
): readonly Write[] =>
  counters.map(({ subject, counter, window, spent, lease }) => ({
    ...{ table: tables.spent, key: toUtf8(spentKey(subject, counter, window)) },
    value: encode(uint, spent + lease),
  }));

export class LightMemory {
  readonly items = new Map<Digest, QuarantineItem>();
  readonly #logId: Digest;
  readonly #spent = new Map<string, number>();
  readonly #requests = new Map<string, KnownRequest>();
  readonly #obeyed = new Map<string, number>();

  /** What is held belongs to the log's epoch: what an earlier one held is not let go any more. */
  constructor(store: Store, log: DecisionLog) {
    this.#logId = log.head.logId;
    const from = fromHex(this.#logId);
    for (const [key, value] of store.range(tables.quarantine, { from })) {
      if (toHex(key.subarray(0, 32)) !== this.#logId) break;
      const item = decode(quarantineCodec, value);
      this.items.set(item.decision, item);
    }
    for (const [key, value] of store.range(tables.spent))
      this.#spent.set(new TextDecoder().decode(key), decode(uint, value));
    for (const [key, value] of store.range(tables.obeyed, { from })) {
      if (toHex(key.subarray(0, 32)) !== this.#logId) break;
      this.#obeyed.set(new TextDecoder().decode(key.subarray(32)), decode(uint, value));
    }
    const known: (readonly [string, KnownRequest])[] = [];
    for (const { aside, index } of log.newestFirst()) {
      if (known.length === requestIdsMax) break;
      if (aside === null) continue;
      const { caller, requestId, request } = decodeAside(aside);
      known.push([requestKey(caller, requestId), { index, request }]);
    }
    for (const [key, place] of known.reverse()) this.#requests.set(key, place);
  }

  request(caller: PublicKey | null, requestId: string): KnownRequest | undefined {
    return this.#requests.get(requestKey(caller, requestId));
  }

  rememberRequest({ caller, requestId, request }: Aside, index: number): void {
    this.#requests.set(requestKey(caller, requestId), { index, request });
    if (this.#requests.size <= requestIdsMax) return;
    const [oldest] = this.#requests.keys();
    if (oldest !== undefined) this.#requests.delete(oldest);
  }

  /** Persons spent by this light, all in all. */
  spent(subject: Digest, counter: CounterName, window: string): number {
    return this.#spent.get(spentKey(subject, counter, window)) ?? 0;
  }

  spend(subject: Digest, spends: readonly Spend[]): readonly Write[] {
    return spends.map(({ counter, window, persons }) => {
      const key = spentKey(subject, counter, window);
      const after = (this.#spent.get(key) ?? 0) + persons;
      this.#spent.set(key, after);
      return { table: tables.spent, key: toUtf8(key), value: encode(uint, after) };
    });
  }

  /** Where the log says that an order of the court is obeyed; undefined: nowhere. */
  obeyed(ruled: Digest, action: number): number | undefined {
    return this.#obeyed.get(orderKey(ruled, action));
  }

  obey(ruled: Digest, action: number, index: number): readonly Write[] {
    const key = orderKey(ruled, action);
    this.#obeyed.set(key, index);
    return [{ table: tables.obeyed, key: concatBytes(fromHex(this.#logId), toUtf8(key)), value: encode(uint, index) }];
  }

  /** null: it is over. */
  put(decision: Digest, item: QuarantineItem | null): readonly Write[] {
    const key = concatBytes(fromHex(this.#logId), fromHex(decision));
    if (item === null) {
      if (!this.items.delete(decision)) return [];
      return [{ table: tables.quarantine, key, value: null }];
    }
    this.items.set(decision, item);
    return [{ table: tables.quarantine, key, value: encode(quarantineCodec, item) }];
  }
}

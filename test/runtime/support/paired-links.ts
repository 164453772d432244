/**
 * Two nodes' links in one process: envelopes are copied and delivered in order, a turn later; credit is counted in
 * envelopes a lane; the pair can be cut, healed and one side born anew.
 */
import { type PublicKey, publicKey } from '../../../src/protocols/shared/brands.ts';
import type { Lane } from '../../../src/runtime/ports/actors.ts';
import type { Envelope, LinkHandler, Links, SendOutcome } from '../../../src/runtime/ports/links.ts';

interface Sent {
  readonly envelope: Envelope;
  readonly lane: Lane;
  readonly once: boolean;
}

export class PairedLinks implements Links {
  readonly self: PublicKey;
  incarnation = '00'.repeat(16);
  readonly reports: { readonly peer: PublicKey; readonly reason: string }[] = [];
  /** Everything that left this side. */
  readonly sent: Sent[] = [];
  creditMax = 1_000;
  isUp = false;
  /** Says a turn late that there is room: credit is back before its callback. */
  isRoomLate = false;
  other!: PairedLinks;
  handler: LinkHandler | undefined = undefined;
  #outstanding: Record<Lane, number> = { control: 0, ordinary: 0, bulk: 0 };
  #waiting: { readonly lane: Lane; readonly callback: () => void }[] = [];
  #epoch = 0;

  constructor(key: PublicKey) {
    this.self = key;
  }

  attach(handler: LinkHandler): void {
    this.handler = handler;
  }

  send(
    _peer: PublicKey,
    envelope: Envelope,
    { lane, once }: { readonly lane: Lane; readonly once: boolean },
  ): SendOutcome {
    if (!this.isUp) return 'no-link';
    if (this.#outstanding[lane] >= this.creditMax) return 'no-credit';
    this.#outstanding[lane] += 1;
    const copy: Envelope = { ...envelope, payload: envelope.payload.slice() };
    this.sent.push({ envelope: copy, lane, once });
    const epoch = this.#epoch;
    let isConsumed = false;
    const consumed = (): void => {
      if (isConsumed) throw new Error('consumed twice');
      isConsumed = true;
      if (epoch === this.#epoch) this.#returnCredit(lane);
    };
    setImmediate(() => {
      if (epoch === this.#epoch) this.other.handler?.onEnvelope(this.self, copy, consumed, lane);
    });
    return 'sent';
  }

  /** Envelopes that the other side's mailboxes have not consumed. */
  outstanding(lane: Lane): number {
    return this.#outstanding[lane];
  }

  whenRoom(_peer: PublicKey, lane: Lane, callback: () => void): void {
    this.#waiting.push({ lane, callback });
  }

  report(peer: PublicKey, reason: string): void {
    this.reports.push({ peer, reason });
  }

  /** What was under way is lost. */
  drop(): void {
    this.isUp = false;
    this.#epoch += 1;
    this.#outstanding = { control: 0, ordinary: 0, bulk: 0 };
    this.#waiting = [];
  }

  #returnCredit(lane: Lane): void {
    this.#outstanding[lane] -= 1;
    const next = this.#waiting.findIndex((waiting) => waiting.lane === lane);
    if (next === -1) return;
    const callback = this.#waiting.splice(next, 1)[0]?.callback ?? (() => undefined);
    if (this.isRoomLate) setImmediate(callback);
    else callback();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }
  stop(): Promise<void> {
    return Promise.resolve();
  }
  setPeers(): void {
    throw new Error('a pair has its peers');
  }
  peers(): readonly [] {
    return [];
  }
  setStatus(): void {
    throw new Error('a pair has no heartbeat');
  }
  onPeer(): () => void {
    return () => undefined;
  }
  refusals(): ReadonlyMap<string, number> {
    return new Map();
  }
}

export interface LinkPair {
  readonly a: PairedLinks;
  readonly b: PairedLinks;
  /** Both see the link come up; `resumed` is false where the other's incarnation is new. */
  up(resumed: boolean): void;
  /** Both lose the link, and what was under way. */
  cut(): void;
}

export function createLinkPair(): LinkPair {
  const a = new PairedLinks(publicKey('aa'.repeat(32)));
  const b = new PairedLinks(publicKey('bb'.repeat(32)));
  a.other = b;
  b.other = a;
  return {
    a,
    b,
    up(resumed) {
      a.isUp = true;
      b.isUp = true;
      a.handler?.onUp(b.self, resumed);
      b.handler?.onUp(a.self, resumed);
    },
    cut() {
      a.drop();
      b.drop();
      a.handler?.onDown(b.self, 'cut');
      b.handler?.onDown(a.self, 'cut');
    },
  };
}

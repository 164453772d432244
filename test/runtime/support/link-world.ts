/** Nodes with links over a simulated network on a virtual clock, everything that their handlers see recorded. */
import { type ChainId, chainId, type PublicKey } from '../../../src/protocols/shared/brands.ts';
import { createSigner, createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import { createLinks, type LinksOptions, type LocalLinks } from '../../../src/runtime/links/create-links.ts';
import { defaultLinkLimits, type LinkLimits } from '../../../src/runtime/links/limits.ts';
import type { Lane } from '../../../src/runtime/ports/actors.ts';
import type { Envelope, PeerState } from '../../../src/runtime/ports/links.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import {
  type Conditions,
  PipeNetwork,
  type PipeNetworkOptions,
} from '../../../src/runtime/simulated/pipe-transport.ts';
import { SeededRandom } from '../../../src/runtime/simulated/seeded-random.ts';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';

export const testChain: ChainId = chainId('ab'.repeat(32));

/** Keys in ascending order, so that `signerOf(0)` is always the arbiter. */
const signers: readonly Signer[] = Array.from({ length: 8 }, (_, index) =>
  createSigner(new Uint8Array(32).fill(index + 1)),
).sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));

export function signerOf(index: number): Signer {
  const signer = signers[index];
  if (signer === undefined) throw new RangeError(`no key ${index}`);
  return signer;
}

export const sharedVerifier = createVerifier();

export interface Arrival {
  readonly from: PublicKey;
  readonly envelope: Envelope;
  readonly atMs: number;
  readonly consumed: () => void;
}

export interface NodeOptions {
  readonly limits?: Partial<LinkLimits>;
  readonly chainId?: ChainId;
  readonly protocolRange?: { readonly min: number; readonly max: number };
  readonly authorize?: (key: PublicKey) => boolean;
  readonly listen?: boolean;
  /** Mailboxes that take nothing until told: credit stays out. */
  readonly holdConsumption?: boolean;
}

export class LinkNode {
  readonly links: LocalLinks;
  readonly signer: Signer;
  readonly address: string;
  readonly arrivals: Arrival[] = [];
  readonly ups: { readonly peer: PublicKey; readonly resumed: boolean; readonly atMs: number }[] = [];
  readonly downs: { readonly peer: PublicKey; readonly reason: string; readonly atMs: number }[] = [];
  readonly changes: PeerState[] = [];

  constructor(world: LinkWorld, index: number, start: number, options: NodeOptions) {
    this.signer = signerOf(index);
    this.address = `node${index}:1`;
    const { clock, network } = world;
    const linksOptions: LinksOptions = {
      transport: network.transport(this.signer.publicKey),
      clock,
      random: new SeededRandom(`${world.seed}/${index}/${start}`),
      signer: this.signer,
      verifier: sharedVerifier,
      chainId: options.chainId ?? testChain,
      telemetry: noTelemetry,
      listenAddress: options.listen === false ? null : this.address,
      roles: ['validator'],
      protocolRange: options.protocolRange ?? { min: 1, max: 1 },
      limits: { ...defaultLinkLimits, ...options.limits },
      authorize: options.authorize ?? (() => false),
    };
    this.links = createLinks(linksOptions);
    this.links.attach({
      onEnvelope: (from, envelope, consumed) => {
        this.arrivals.push({ from, envelope, atMs: clock.monotonicMs(), consumed });
        if (options.holdConsumption !== true) consumed();
      },
      onUp: (peer, resumed) => this.ups.push({ peer, resumed, atMs: clock.monotonicMs() }),
      onDown: (peer, reason) => this.downs.push({ peer, reason, atMs: clock.monotonicMs() }),
    });
    this.links.onPeer((peer) => this.changes.push(peer));
  }

  get key(): PublicKey {
    return this.signer.publicKey;
  }

  peer(of: LinkNode): PeerState {
    const state = this.links.peers().find((peer) => peer.key === of.key);
    if (state === undefined) throw new RangeError(`${this.address} knows nothing of ${of.address}`);
    return state;
  }

  tell(to: LinkNode, text: string, lane: Lane = 'ordinary', once = false): string {
    return this.links.send(to.key, tellOf(text), { lane, once });
  }

  /** Payloads that arrived, as text. */
  get texts(): string[] {
    return this.arrivals.map(({ envelope }) => new TextDecoder().decode(envelope.payload));
  }
}

export function tellOf(text: string | Uint8Array, target = 'inbox'): Envelope {
  const payload = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return { kind: 'tell', target, correlation: 0, traceparent: '', payload };
}

export class LinkWorld {
  readonly clock = new VirtualClock();
  readonly network: PipeNetwork;
  readonly seed: string;
  conditions: (from: PublicKey, to: PublicKey) => Conditions = () => ({ delayMs: 5, open: true });
  onFrame: NonNullable<PipeNetworkOptions['onFrame']> = (_from, _to, frame) => frame;
  #starts = 0;

  constructor(seed = 'link world') {
    this.seed = seed;
    this.network = new PipeNetwork({
      clock: this.clock,
      conditions: (from, to) => this.conditions(from, to),
      onFrame: (from, to, frame) => this.onFrame(from, to, frame),
    });
  }

  async node(index: number, options: NodeOptions = {}): Promise<LinkNode> {
    const node = new LinkNode(this, index, ++this.#starts, options);
    await node.links.start();
    return node;
  }

  /** Makes every node a peer of every other and lets them link. */
  async meet(...nodes: LinkNode[]): Promise<void> {
    for (const node of nodes) {
      const others = nodes.filter((other) => other !== node);
      node.links.setPeers(others.map(({ key, address }) => ({ key, addresses: [address] })));
    }
    await this.pass(200);
  }

  /** Nothing passes between the two, either way, until `heal`. */
  partition(a: LinkNode, b: LinkNode): void {
    const isBetween = (from: PublicKey, to: PublicKey): boolean =>
      (from === a.key && to === b.key) || (from === b.key && to === a.key);
    this.conditions = (from, to) => ({ delayMs: 5, open: !isBetween(from, to) });
  }

  heal(): void {
    this.conditions = () => ({ delayMs: 5, open: true });
    this.network.changed();
  }

  /** Moves the clock from timer to timer; what each sets off in microtasks runs before the next. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + durationMs;
    await microtasks();
    for (let next = this.clock.nextAtMs; next !== undefined && next <= endMs; next = this.clock.nextAtMs) {
      this.clock.runNext();
      await microtasks();
    }
    this.clock.advanceTo(endMs);
  }
}

/** The microtask queue is empty when a macrotask runs. */
export const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Twins: two instances of the production node with one key, each sound in itself; every peer is linked to one of them, and
 * now and then to the other. Source: Bano et al., "Twins: BFT Systems Made Robust" (arXiv 2004.10617).
 */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { Clock, TimerHandle } from '../../../runtime/ports/clock.ts';
import { type Transport, TransportError } from '../../../runtime/ports/transport.ts';
import type { PipeNetwork } from '../../../runtime/simulated/pipe-transport.ts';
import type { Draw } from '../../draw.ts';
import type { ValidatorNode } from '../validator-node.ts';

export interface TwinOptions {
  readonly clock: Clock;
  readonly network: PipeNetwork;
  readonly draw: Draw;
  /** How often peers change from one instance to the other. */
  readonly everyMs: number;
}

interface Pair {
  readonly number: number;
  /** Peers that are linked to the second instance; the others are to the first. */
  seconds: ReadonlySet<PublicKey>;
}

export class Twins {
  readonly #nodes: readonly ValidatorNode[];
  readonly #create: (node: number) => ValidatorNode;
  readonly #pairs = new Map<PublicKey, Pair>();
  readonly #seconds = new Set<ValidatorNode>();
  #count = 0;

  /** `create` makes another instance of a node, with disks of its own. */
  constructor(nodes: readonly ValidatorNode[], create: (node: number) => ValidatorNode) {
    this.#nodes = nodes;
    this.#create = create;
  }

  /** Whether the instance is the second one of its node. */
  isSecond(instance: ValidatorNode): boolean {
    return this.#seconds.has(instance);
  }

  /** From now on there are two. Returns what leaves the first one alone again. */
  begin(node: number, options: TwinOptions): () => void {
    const first = this.#nodes[node] as ValidatorNode;
    const second = this.#create(node);
    this.#seconds.add(second);
    const pair: Pair = { number: (this.#count += 1), seconds: new Set() };
    this.#pairs.set(first.key, pair);
    second.disks.restore(first.disks.copy());
    second.boot();
    let timer: TimerHandle | null = null;
    const change = (): void => {
      const peers = this.#nodes.filter(({ index }) => index !== node).map(({ key }) => key);
      this.#assign(first.key, pair, new Set(peers.filter(() => options.draw.chance(0.5))), options.network);
      timer = options.clock.setTimer(options.everyMs, change);
    };
    change();
    return () => {
      timer?.cancel();
      this.#assign(first.key, pair, new Set(), options.network);
      this.#pairs.delete(first.key);
      second.vanish();
    };
  }

  /** The network as an instance of a node is to see it. */
  transport(instance: ValidatorNode, transport: Transport): Transport {
    const isSecond = this.isSecond(instance);
    const { key } = instance;
    return {
      listen: (address, handlers) => transport.listen(isSecond ? this.#addressOf(key, address) : address, handlers),
      dial: (address, options) => {
        const peer = options.expectedKey;
        if ((this.#pairs.get(key)?.seconds.has(peer) ?? false) !== isSecond) {
          return Promise.reject(
            new TransportError('unreachable', 'the other one of these twins is linked to this peer'),
          );
        }
        const isToSecond = this.#pairs.get(peer)?.seconds.has(key) === true;
        return transport.dial(isToSecond ? this.#addressOf(peer, address) : address, options);
      },
    };
  }

  #assign(key: PublicKey, pair: Pair, seconds: ReadonlySet<PublicKey>, network: PipeNetwork): void {
    const before = pair.seconds;
    pair.seconds = seconds;
    for (const { key: peer } of this.#nodes) if (before.has(peer) !== seconds.has(peer)) network.cut(key, peer);
  }

  #addressOf(key: PublicKey, address: string): string {
    return `${address}/twin-${this.#pairs.get(key)?.number ?? 0}`;
  }
}

/** The real HTTP interface of a node over a chain in memory: a transaction that is submitted is in the next block, which is made at once. */
import { Finality } from '../../src/actors/node/finality.ts';
import { transactionHash } from '../../src/protocols/ledger/transaction.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import { type RunningHttpServer, startHttpServer } from '../../src/runtime/adapters/http/server.ts';
import { createChainApi } from '../../src/runtime/node/chain-api.ts';
import type { SubmitOutcome } from '../../src/runtime/ports/chain-api.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { VirtualClock } from '../../src/runtime/simulated/virtual-clock.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import { MemoryChain, type MemoryChainOptions } from './memory-chain.ts';

export class MemoryNode {
  readonly chain: MemoryChain;
  readonly #finality = new Finality();
  #server: RunningHttpServer | null = null;

  constructor(options: MemoryChainOptions) {
    this.chain = new MemoryChain(options);
  }

  get endpoint(): string {
    return `http://${this.#server?.address ?? ''}`;
  }

  async start(): Promise<void> {
    this.chain.block();
    const { chain, reader } = this.chain;
    const none = (): never => {
      throw new Error('nobody asks for it here');
    };
    const well = () => ({ ok: true, checks: [] });
    const api = createChainApi({
      ...{ chain, reader, finality: this.#finality, clock: new VirtualClock(), validatorAddresses: new Map() },
      pool: {
        submit: (transactions) => Promise.resolve(transactions.map((bytes) => this.#submit(bytes))),
        pending: () => undefined,
        nextNonce: (key: PublicKey) => accountAt(chain.state, key)?.nonceBase ?? 0,
        size: () => ({ count: 0, bytes: 0 }),
      },
      ...{ consensus: none, checkpoint: () => null, transactionProof: () => null, stateProof: () => null },
      ...{ health: well, readiness: well },
    });
    this.#server = await startHttpServer({
      ...{ api, address: '127.0.0.1:0', tls: null, telemetry: noTelemetry, chainId: chain.chainId },
    });
  }

  /** Empty blocks, a second apart. */
  pass(seconds: number): void {
    for (let i = 0; i < seconds; i++) this.#finality.announce(this.chain.block());
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }

  #submit(bytes: Uint8Array): SubmitOutcome {
    const hash = transactionHash(bytes);
    try {
      this.#finality.announce(this.chain.block({ bytes, hash }));
      return { outcome: 'accepted', hash };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { outcome: 'rejected', hash, reason: detail.replace('refused: ', ''), detail };
    }
  }
}

/**
 * Goal: what a service mirrors of the chain is what the chain holds, whatever fails or comes between. Method: the real HTTP interface
 * over a chain in memory, read by the real client on a clock that the test moves; single answers fail or are delayed by a block.
 */
import { expect } from 'chai';
import { HttpChainFeed } from '../../src/client/http-chain-feed.ts';
import { ChainClient } from '../../src/client/chain-client.ts';
import { Finality } from '../../src/actors/node/finality.ts';
import { agreementId } from '../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { startHttpServer, type RunningHttpServer } from '../../src/runtime/adapters/http/server.ts';
import { createChainApi } from '../../src/runtime/node/chain-api.ts';
import type { ChainApi } from '../../src/runtime/ports/chain-api.ts';
import { noLog, noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { VirtualClock } from '../../src/runtime/simulated/virtual-clock.ts';
import { hashOf, provider, serviceTerms } from '../protocols/ledger/court/court-world.ts';
import { settle } from '../runtime/support/actor-world.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const owner = signerOf(1);
const pollMs = 250;

class FeedWorld {
  readonly chain = new MemoryChain({ validators: 1, accounts: [owner.publicKey, provider] });
  readonly clock = new VirtualClock();
  /** Modules in the order in which their state was asked for. */
  readonly reads: string[] = [];
  /** Called before each page is read. */
  onRead: (module: string, after: string | null) => void = () => undefined;
  pageEntriesMax = 1000;
  feed!: HttpChainFeed;
  #server!: RunningHttpServer;
  #nonce = 0;
  #told: (what: string) => void = () => undefined;

  async start(): Promise<void> {
    this.chain.block();
    const { chain } = this.chain;
    const none = (): never => {
      throw new Error('nobody asks for it here');
    };
    const api = createChainApi({
      ...{
        chain,
        reader: this.chain.reader,
        finality: new Finality(),
        clock: this.clock,
        validatorAddresses: new Map(),
      },
      pool: { submit: none, pending: () => undefined, nextNonce: () => 0, size: () => ({ count: 0, bytes: 0 }) },
      ...{ consensus: none, checkpoint: () => null, transactionProof: none, stateProof: none, health: none },
      readiness: none,
    });
    const stateEntries: ChainApi['stateEntries'] = (module, after, limit) => {
      this.reads.push(module);
      this.onRead(module, after);
      return api.stateEntries(module, after, Math.min(limit, this.pageEntriesMax));
    };
    this.#server = await startHttpServer({
      ...{ api: { ...api, stateEntries }, address: '127.0.0.1:0', tls: null, telemetry: noTelemetry },
      chainId: chain.chainId,
    });
    const client = new ChainClient({ endpoint: `http://${this.#server.address}` });
    const log = { ...noLog, warn: () => this.#told('warned') };
    this.feed = await HttpChainFeed.start({ client, signer: owner, clock: this.clock, log, pollMs });
    this.feed.subscribe(() => this.#told('followed'));
  }

  async stop(): Promise<void> {
    await this.feed.stop();
    await this.#server.close();
  }

  send(kind: string, body: unknown): void {
    this.chain.block(this.chain.transaction(owner, this.#nonce++, kind, body));
  }

  register(...names: readonly string[]): void {
    for (const id of names)
      this.send('registry.register', {
        ...{ id, kind: 'court', node: owner.publicKey, endpoints: [], region: 'EU', leaseMs: 3_600_000 },
      });
  }

  /** Until the feed says what came of asking once more. */
  async poll(): Promise<string> {
    const told = new Promise<string>((resolve) => (this.#told = resolve));
    this.clock.advanceTo(this.clock.monotonicMs() + pollMs);
    const what = await told;
    await settle();
    return what;
  }

  /** The registry as it is mirrored, and as it is. */
  registries(): readonly (readonly string[])[] {
    const readers = [this.feed.current()?.reader, this.chain.chain.state];
    return readers.map((reader) =>
      [...(reader?.range(toUtf8('registry/')) ?? [])].map(
        ([key, value]) => `${Buffer.from(key).toString('latin1')} ${Buffer.from(value).toString('hex')}`,
      ),
    );
  }
}

describe('the chain as a service follows it', () => {
  let world: FeedWorld;
  beforeEach(() => {
    world = new FeedWorld();
  });
  afterEach(() => world.stop());

  const expectMirrored = (services: number): void => {
    const [mirrored, held] = world.registries();
    expect(mirrored).deep.equal(held);
    expect(mirrored?.filter((entry) => entry.startsWith('registry/service/')).length).equal(services);
  };

  it('is read whole at the start, page by page, then module by module where something was told', async () => {
    world.register('one', 'two', 'three');
    world.pageEntriesMax = 1;
    await world.start();
    expectMirrored(3);
    expect(world.feed.current()?.height).equal(4);
    world.register('four');
    world.reads.length = 0;
    expect(await world.poll()).equal('followed');
    expectMirrored(4);
    expect(new Set(world.reads)).deep.equal(new Set(['registry']));
    expect(world.feed.current()?.height).equal(5);
  });

  it('is one block’s, where another comes between two pages', async () => {
    world.register('m', 'n');
    world.pageEntriesMax = 1;
    let isFirst = true;
    world.onRead = (module, after) => {
      if (module !== 'registry' || after === null || !isFirst) return;
      isFirst = false;
      world.register('a');
    };
    await world.start();
    expectMirrored(3);
  });

  it('catches up with what was told before a read failed', async () => {
    await world.start();
    world.register('one');
    world.onRead = () => {
      throw new Error('the disk does not answer');
    };
    expect(await world.poll()).equal('warned');
    expect([world.registries()[0], world.feed.current()?.height]).deep.equal([[], 1]);
    world.onRead = () => undefined;
    expect(await world.poll()).equal('followed');
    expectMirrored(1);
  });

  it('has agreements, cases and accounts together: the former write in each other’s state and hold value in the latter', async () => {
    await world.start();
    const terms = serviceTerms();
    const [first, second] = terms.parties;
    if (first === undefined || second === undefined) throw new Error('two parties expected');
    const parties = [{ ...first, account: owner.publicKey }, second];
    const obligations = terms.obligations.map((obligation) => ({ ...obligation, creditor: owner.publicKey }));
    const agreement = { terms: { ...terms, parties, obligations }, content: hashOf('c0') };
    world.send('agreements.draft', agreement);
    world.send('agreements.offer', { agreement: agreementId(agreement) });
    world.reads.length = 0;
    expect(await world.poll()).equal('followed');
    expect([...new Set(world.reads)].sort()).deep.equal(['accounts', 'agreements', 'court']);
  });
});

/**
 * Goal: what a service mirrors of the chain is what the chain holds, whatever fails or comes between, and nothing that the validators
 * did not seal. Method: the real HTTP interface over a chain in memory, read by the real client on a clock that the test moves; single
 * answers fail, are delayed by a block, or lie.
 */
import { expect } from 'chai';
import { HttpChainFeed, type HttpChainFeedOptions, type TrustMemory } from '../../src/client/http-chain-feed.ts';
import { ChainClient } from '../../src/client/chain-client.ts';
import { Finality } from '../../src/actors/node/finality.ts';
import type { TrustedHeight } from '../../src/protocols/ledger/light-client.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { startHttpServer, type RunningHttpServer } from '../../src/runtime/adapters/http/server.ts';
import { createChainApi } from '../../src/runtime/node/chain-api.ts';
import type { ChainApi, StateChangesQuery, StateChangesView } from '../../src/runtime/ports/chain-api.ts';
import { noLog, noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { VirtualClock } from '../../src/runtime/simulated/virtual-clock.ts';
import { settle } from '../runtime/support/actor-world.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const owner = signerOf(1);
const pollMs = 250;

class FeedWorld {
  readonly chain: MemoryChain;
  readonly clock = new VirtualClock();
  /** What was asked of the state. */
  readonly reads: StateChangesQuery[] = [];
  /** Makes the answer of the node. */
  answer: (truth: StateChangesView | null, query: StateChangesQuery) => StateChangesView | null = (truth) => truth;
  /** What becomes of it on the way to the service. */
  heard: (answer: StateChangesView) => unknown = (answer) => answer;
  pageEntriesMax = 10_000;
  readonly warnings: string[] = [];
  readonly feeds: HttpChainFeed[] = [];
  #server!: RunningHttpServer;
  #nonce = 0;
  #told: (what: string) => void = () => undefined;

  constructor(trustPeriodBlocks = 1000) {
    const accounts = [owner.publicKey];
    this.chain = new MemoryChain({ validators: 5, accounts, trustPeriodBlocks, historyBlocks: 8 });
    this.chain.block();
  }

  async listen(): Promise<void> {
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
    const stateChanges: ChainApi['stateChanges'] = (query) => {
      this.reads.push(query);
      const truth = api.stateChanges({ ...query, limit: Math.min(query.limit, this.pageEntriesMax) });
      return this.answer(truth, query);
    };
    this.#server = await startHttpServer({
      ...{ api: { ...api, stateChanges }, address: '127.0.0.1:0', tls: null, telemetry: noTelemetry },
      chainId: chain.chainId,
    });
  }

  async follow(options: Partial<HttpChainFeedOptions> = { genesis: this.chain.genesis }): Promise<HttpChainFeed> {
    const client = new ChainClient({ endpoint: `http://${this.#server.address}` });
    const changes = client.stateChanges.bind(client);
    client.stateChanges = async (query) => this.heard(await changes(query)) as StateChangesView;
    const warn = (_message: string, fields?: object): void => {
      this.warnings.push(String((fields as { problem?: unknown } | undefined)?.problem));
      this.#told('warned');
    };
    const log = { ...noLog, warn };
    const [clock, verifier] = [this.clock, createVerifier()];
    const feed = await HttpChainFeed.start({ client, signer: owner, verifier, clock, log, pollMs, ...options });
    feed.subscribe(() => this.#told('followed'));
    this.feeds.push(feed);
    return feed;
  }

  async stop(): Promise<void> {
    for (const feed of this.feeds) await feed.stop();
    await this.#server.close();
  }

  register(...names: readonly string[]): void {
    for (const id of names)
      this.chain.block(
        this.chain.transaction(owner, this.#nonce++, 'registry.register', {
          ...{ id, kind: 'court', node: owner.publicKey, endpoints: [], region: 'EU', leaseMs: 3_600_000 },
        }),
      );
  }

  /** Until a feed says what came of asking once more. */
  async poll(): Promise<string> {
    const told = new Promise<string>((resolve) => (this.#told = resolve));
    this.clock.advanceTo(this.clock.monotonicMs() + pollMs);
    const what = await told;
    await settle();
    // Where blocks took long to make, the idle connection was closed meanwhile: not what is tested here.
    return what === 'warned' && this.warnings.at(-1)?.includes('cannot be reached') === true ? this.poll() : what;
  }

  /** The whole state as it is held. */
  held(): readonly string[] {
    return shown(this.chain.chain.state);
  }
}

const modules = ['accounts', 'agreements', 'court', 'deadlines', 'governance', 'policies', 'registry', 'traffic'];

function shown(reader: NonNullable<ReturnType<HttpChainFeed['current']>>['reader']): readonly string[] {
  return [...modules, 'validators'].flatMap((module) =>
    [...reader.range(toUtf8(`${module}/`))].map(
      ([key, value]) => `${Buffer.from(key).toString('latin1')} ${Buffer.from(value).toString('hex')}`,
    ),
  );
}

const mirrored = (feed: HttpChainFeed): readonly string[] => {
  const current = feed.current();
  return current === null ? [] : shown(current.reader);
};

describe('the chain as a service follows it', () => {
  let world: FeedWorld;
  beforeEach(async () => {
    world = new FeedWorld();
    await world.listen();
  });
  afterEach(() => world.stop());

  it('is read whole at the height of the node, page by page, then by what changed', async () => {
    world.register('one', 'two', 'three');
    world.pageEntriesMax = 10;
    const feed = await world.follow();
    expect(mirrored(feed)).deep.equal(world.held());
    expect(world.held().length).greaterThan(10);
    expect(feed.current()?.height).equal(4);
    expect(world.reads.length).greaterThan(1);
    world.register('four');
    world.reads.length = 0;
    world.pageEntriesMax = 10_000;
    expect(await world.poll()).equal('followed');
    expect(mirrored(feed)).deep.equal(world.held());
    expect(world.reads.map(({ from }) => from)).deep.equal([4]);
    expect(feed.current()).include({ height: 5, time: world.chain.chain.tip.time });
  });

  it('is one block’s, where others come between two pages', async () => {
    world.register('m', 'n');
    world.pageEntriesMax = 8;
    world.answer = (truth, { after }) => {
      if (after !== null) world.register(`a${world.reads.length}`);
      return truth;
    };
    const feed = await world.follow();
    world.answer = (truth) => truth;
    expect(feed.current()?.height).equal(3);
    world.pageEntriesMax = 10_000;
    await world.poll();
    expect(mirrored(feed)).deep.equal(world.held());
  });

  it('catches up with what came before a read failed', async () => {
    const feed = await world.follow();
    const before = mirrored(feed);
    world.register('one');
    world.answer = () => {
      throw new Error('the disk does not answer');
    };
    expect(await world.poll()).equal('warned');
    expect([mirrored(feed), feed.current()?.height]).deep.equal([before, 1]);
    world.answer = (truth) => truth;
    expect(await world.poll()).equal('followed');
    expect(mirrored(feed)).deep.equal(world.held());
  });

  it('is read whole again where the node keeps what is here no more', async () => {
    const feed = await world.follow();
    world.register('early');
    world.chain.growTo(20);
    world.register('late');
    expect(await world.poll()).equal('followed');
    expect(mirrored(feed)).deep.equal(world.held());
    expect(world.reads.map(({ from }) => from)).deep.equal([null, 1, null]);
  });

  it('goes through changes of the validators, many blocks at a time', async () => {
    const feed = await world.follow();
    world.chain.removeValidator(world.chain.validators[1]!.publicKey);
    world.chain.block();
    expect(await world.poll()).equal('followed');
    world.register('after');
    expect(await world.poll()).equal('followed');
    expect(mirrored(feed)).deep.equal(world.held());
    const late = await world.follow();
    expect(mirrored(late)).deep.equal(world.held());
  });
});

describe('a node that lies to a service', () => {
  let world: FeedWorld;
  beforeEach(async () => {
    world = new FeedWorld();
    await world.listen();
  });
  afterEach(() => world.stop());

  type Lie = (truth: StateChangesView) => StateChangesView;
  const sealed = (truth: StateChangesView): { header: Record<string, unknown>; commit: { seals: unknown[] } } =>
    truth.sealed as { header: Record<string, unknown>; commit: { seals: unknown[] } };
  const lies: readonly (readonly [string, Lie, string])[] = [
    ['leaves a change out', (truth) => ({ ...truth, entries: truth.entries.slice(1) }), 'is not the one'],
    [
      'changes a value',
      (truth) => ({ ...truth, entries: truth.entries.map((entry) => ({ ...entry, value: '07' })) }),
      'is not the one',
    ],
    [
      'adds an entry',
      (truth) => ({ ...truth, entries: [...truth.entries, { key: 'court/arbitrator/x', value: '01' }] }),
      'is not the one',
    ],
    [
      'says another time',
      (truth) => ({ ...truth, sealed: { ...sealed(truth), header: { ...sealed(truth).header, time: 1 } } }),
      'does not hold',
    ],
    [
      'has fewer seals than a quorum',
      (truth) => {
        const { header, commit } = sealed(truth);
        return { ...truth, sealed: { header, commit: { ...commit, seals: commit.seals.slice(1) } } };
      },
      'commit-below-quorum',
    ],
    ['has no header', (truth) => ({ ...truth, sealed: null }), 'no header'],
    [
      'deletes by an empty value',
      (truth) => ({ ...truth, entries: [{ key: 'court/x', value: '' }] }),
      'nothing is held',
    ],
    ['says another height', (truth) => ({ ...truth, height: truth.height + 1 }), 'for the state of'],
  ];
  for (const [what, lie, problem] of lies)
    it(`is not followed where it ${what}, and is once it says the truth`, async () => {
      const feed = await world.follow();
      const before = mirrored(feed);
      world.register('one');
      world.answer = (truth) => (truth === null ? null : lie(truth));
      expect(await world.poll()).equal('warned');
      expect(world.warnings.at(-1)).contain(problem);
      expect([mirrored(feed), feed.current()?.height]).deep.equal([before, 1]);
      world.answer = (truth) => truth;
      expect(await world.poll()).equal('followed');
      expect(mirrored(feed)).deep.equal(world.held());
    });

  const junk: readonly (readonly [string, (truth: StateChangesView) => unknown, string])[] = [
    ['no changes', ({ height }) => ({ height }), 'sealed: missing'],
    ['a list', () => [], 'an object expected'],
    ['keys that are no text', (truth) => ({ ...truth, entries: [{ key: 7, value: '01' }] }), 'entries[0].key'],
    [
      'values that are no bytes',
      (truth) => ({ ...truth, entries: [{ key: 'court/x', value: 'zz' }] }),
      'entries[0].value',
    ],
    ['half a header', (truth) => ({ ...truth, sealed: { header: null } }), 'sealed.header'],
    ['no list of set changes', (truth) => ({ ...truth, setChanges: {} }), 'setChanges'],
    ['a place to go on that is none', (truth) => ({ ...truth, next: 'aa' }), 'next'],
  ];
  for (const [what, answer, problem] of junk)
    it(`does a service no harm with ${what} for an answer`, async () => {
      const feed = await world.follow();
      world.register('one');
      world.heard = answer;
      expect(await world.poll()).equal('warned');
      expect(world.warnings.at(-1)).contain(problem);
      expect(feed.current()?.height).equal(1);
      world.heard = (truth) => truth;
      expect(await world.poll()).equal('followed');
      expect(mirrored(feed)).deep.equal(world.held());
    });

  it('costs a service no more than it allows, however many pages it has', async () => {
    const feed = await world.follow({ genesis: world.chain.genesis, changeBytesMax: 50_000 });
    world.register('one');
    let pages = 0;
    const honest = { heard: world.heard };
    world.heard = (truth) => {
      pages += 1;
      const entries = Array.from({ length: 100 }, (_, index) => ({
        key: `court/x/${pages}/${index}`,
        value: 'ab'.repeat(50),
      }));
      return { ...truth, entries, next: pages.toString(16).padStart(64, '0') };
    };
    expect(await world.poll()).equal('warned');
    expect(world.warnings.at(-1)).contain('more than 50000 bytes');
    expect(pages).least(5).most(10);
    world.heard = (truth) => ({ ...truth, entries: [], next: 'ff'.repeat(32) });
    expect(await world.poll()).equal('warned');
    expect(world.warnings.at(-1)).contain('says nothing');
    expect(feed.current()?.height).equal(1);
    world.heard = honest.heard;
    expect(await world.poll()).equal('followed');
    expect(mirrored(feed)).deep.equal(world.held());
  });

  it('cannot make a service take another chain for its own', async () => {
    const other = { ...world.chain.genesis, chainName: 'another' };
    const outcome = await world.follow({ genesis: other }).catch((error: unknown) => String(error));
    expect(outcome).contain('is of chain');
  });
});

describe('what a service trusts of a chain', () => {
  const memoryOf = (): TrustMemory & { saved: TrustedHeight | null } => ({
    saved: null,
    load(): TrustedHeight | null {
      return this.saved;
    },
    save(trusted): void {
      this.saved = trusted;
    },
  });

  it('is followed on where it cannot be written down: the next start begins where the last one did', async () => {
    const world = new FeedWorld();
    await world.listen();
    try {
      const full: TrustMemory = {
        load: () => null,
        save: () => {
          throw new Error('no space is left');
        },
      };
      const feed = await world.follow({ genesis: world.chain.genesis, memory: full });
      world.chain.growTo(102);
      expect(await world.poll()).equal('warned');
      expect(world.warnings.at(-1)).contain('no space is left');
      expect(feed.current()?.height).equal(102);
    } finally {
      await world.stop();
    }
  });

  it('is the newest height that it knew, so that it outlives the trust period', async () => {
    const world = new FeedWorld(20);
    await world.listen();
    try {
      const { genesis } = world.chain;
      const memory = memoryOf();
      world.chain.growTo(2);
      await (await world.follow({ genesis, memory })).stop();
      expect(memory.saved).include({ height: 1, chainId: world.chain.chain.chainId });
      world.chain.growTo(21);
      await (await world.follow({ genesis, memory })).stop();
      expect(memory.saved?.height).equal(20);
      // A chain that stands still: the block that was proved before is proved again.
      expect((await world.follow({ memory })).current()?.height).equal(21);
      world.chain.growTo(30);
      expect((await world.follow({ memory })).current()?.height).equal(30);
      const strict = await world.follow({ genesis }).catch((error: unknown) => String(error));
      expect(strict).contain('more than the trust period');
      expect((await world.follow({})).current()?.height, 'on the node’s word').equal(30);
    } finally {
      await world.stop();
    }
  });
});

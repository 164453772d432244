/**
 * Goal: what is acknowledged is durable and reaches the validators, also across crashes; nothing unsound gets in; a
 * signature is verified once. Method: several mempool actors on one virtual clock, joined by the real wire codec, over
 * simulated disks that crash.
 */
import { expect } from 'chai';
import { mempoolActor, type MempoolMessage, type MempoolReader } from '../../src/actors/mempool.ts';
import { type GossipMessage, mempoolWire } from '../../src/actors/mempool-wire.ts';
import { TransactionTraces } from '../../src/actors/transaction-traces.ts';
import { VerifiedTransactions } from '../../src/actors/verified-transactions.ts';
import type { SignedTransaction } from '../../src/protocols/ledger/admission.ts';
import { application } from '../../src/protocols/ledger/application.ts';
import { defaultMempoolLimits, type MempoolLimits } from '../../src/protocols/ledger/mempool.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import type { Digest, PublicKey } from '../../src/protocols/shared/brands.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef } from '../../src/runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../src/runtime/ports/chain-api.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { genesisOf, keyOf, signatures, World } from '../protocols/ledger/ledger-world.ts';
import { type ActorWorld, createActorWorld, settle } from '../runtime/support/actor-world.ts';

const alice = keyOf('alice');
const bob = keyOf('bob');

interface Node {
  readonly key: PublicKey;
  readonly disk: MemoryDisk;
  readonly ref: ActorRef<MempoolMessage>;
  readonly reader: MempoolReader;
  readonly verified: VerifiedTransactions;
  readonly reports: string[];
  readonly counts: { verified: number; available: number; batches: number };
}

class Network {
  readonly actors: ActorWorld = createActorWorld();
  readonly ledger: World;
  readonly nodes = new Map<PublicKey, Node>();
  /** Links that are cut, by the receiver's key. */
  readonly cut = new Set<PublicKey>();
  readonly #final = new Set<Digest>();

  constructor(names: readonly string[], limits: Partial<MempoolLimits> = {}) {
    this.ledger = new World(genesisOf({ accounts: ['alice', 'bob', 'carol'] }));
    for (const name of names) this.start(keyOf(name), new MemoryDisk(), limits);
  }

  node(name: string): Node {
    return this.nodes.get(keyOf(name))!;
  }

  start(key: PublicKey, disk: MemoryDisk, limits: Partial<MempoolLimits> = {}): void {
    const counts = { verified: 0, available: 0, batches: 0 };
    const reports: string[] = [];
    const verified = new VerifiedTransactions();
    const { definition, reader } = mempoolActor({
      chainId: this.ledger.chainId,
      application,
      self: key,
      store: disk.open({ kind: 'chain', version: 1 }),
      verifier: {
        verifyMany: (items) => {
          counts.verified += items.length;
          return Promise.resolve(items.map((item) => signatures.verify(item.key, item.message, item.signature)));
        },
      },
      telemetry: noTelemetry,
      height: () => this.ledger.height,
      account: (account) => accountAt(this.ledger.state, account),
      isFinal: (hash) => this.#final.has(hash),
      peers: () => [...this.nodes.keys()].filter((peer) => peer !== key),
      remote: (peer) => this.#link(key, peer, counts),
      report: (_peer, reason) => reports.push(reason),
      onAvailable: () => {
        counts.available += 1;
      },
      verified,
      traces: new TransactionTraces(noTelemetry),
      limits: { ...defaultMempoolLimits, ...limits },
    });
    this.nodes.set(key, { key, disk, ref: this.actors.system.spawn(definition), reader, verified, reports, counts });
  }

  /** Everything passes through the bytes of the wire, under the sender's authenticated key. */
  #link(from: PublicKey, to: PublicKey, counts: { batches: number }): ActorRef<GossipMessage> {
    const link = defineActor<null, GossipMessage>({
      name: 'link',
      initial: () => null,
      receive: (state, message, context) => {
        counts.batches += 1;
        const target = this.nodes.get(to);
        if (target !== undefined && !this.cut.has(to)) {
          context.tell(target.ref, mempoolWire.decode(mempoolWire.encode(message), from, undefined));
        }
        return state;
      },
    });
    return this.actors.system.spawn(link);
  }

  async submit(name: string, transactions: readonly (SignedTransaction | Uint8Array)[]): Promise<readonly string[]> {
    const outcomes = await this.pendingSubmit(name, transactions);
    await settle();
    return outcomes.map((outcome) => (outcome.outcome === 'rejected' ? outcome.reason : outcome.outcome));
  }

  pendingSubmit(
    name: string,
    transactions: readonly (SignedTransaction | Uint8Array)[],
  ): Promise<readonly SubmitOutcome[]> {
    const bytes = transactions.map((each) => (each instanceof Uint8Array ? each : each.bytes));
    return this.actors.system.ask<MempoolMessage, readonly SubmitOutcome[]>(
      this.node(name).ref,
      (replyTo) => ({ type: 'submit', transactions: bytes, replyTo }),
      { timeoutMs: 60_000 },
    );
  }

  async candidates(name: string): Promise<readonly Digest[]> {
    const chosen = await this.actors.system.ask<MempoolMessage, readonly SignedTransaction[]>(
      this.node(name).ref,
      (replyTo) => ({ type: 'candidates', count: 1000, bytes: 2 ** 20, replyTo }),
      { timeoutMs: 1000 },
    );
    return chosen.map(({ hash }) => hash);
  }

  /** A block of these becomes final everywhere. */
  async finalise(transactions: readonly SignedTransaction[]): Promise<void> {
    this.ledger.commit(transactions);
    for (const { hash } of transactions) this.#final.add(hash);
    for (const { ref } of this.nodes.values()) this.actors.system.tell(ref, { type: 'committed', transactions });
    await settle();
  }

  /** The process dies and comes back with what its disk has synced, or with all it has written. */
  async crash(name: string, kept: 'synced' | 'written' = 'synced'): Promise<void> {
    const { key, disk, ref } = this.node(name);
    disk.crash((unsynced) => (kept === 'synced' ? 0 : unsynced));
    this.nodes.delete(key);
    void this.actors.system.stop(ref);
    await settle();
    this.start(key, disk);
    await settle();
  }

  pay(nonce?: number, options: { from?: PublicKey; expiry?: number; signer?: PublicKey } = {}): SignedTransaction {
    return this.ledger.transaction({
      from: options.from ?? alice,
      kind: 'accounts.transfer',
      body: { to: bob, amount: 1n },
      ...(nonce === undefined ? {} : { nonce }),
      ...(options.expiry === undefined ? {} : { expiry: options.expiry }),
      ...(options.signer === undefined ? {} : { signer: options.signer }),
    });
  }
}

describe('mempool actor', () => {
  it('acknowledges what is sound, in order, and says of each other transaction why not', async () => {
    const network = new Network(['a']);
    const [good, again] = [network.pay(0), network.pay(1)];
    await network.submit('a', [again]);
    const outcomes = await network.submit('a', [
      good,
      again,
      Uint8Array.of(1, 2, 3),
      network.pay(2, { signer: bob }),
      network.pay(70),
      network.pay(3, { expiry: 0 }),
      network.pay(0, { from: keyOf('nobody') }),
      network.ledger.transaction({ from: alice, kind: 'x.y', body: null, rawBody: new Uint8Array(1), nonce: 4 }),
      network.pay(0, { expiry: 50 }),
    ]);
    expect(outcomes).to.deep.equal([
      'accepted',
      'known',
      'malformed',
      'bad-signature',
      'nonce-too-far',
      'expired',
      'unknown-account',
      'unknown-kind',
      'nonce-taken',
    ]);
    expect(await network.candidates('a')).to.deep.equal([good.hash, again.hash]);
    await network.finalise([good]);
    expect(await network.submit('a', [good]), 'what is final is known').to.deep.equal(['known']);
    await network.actors.system.terminate();
  });

  it('answers only when what it acknowledges is on the disk, several submissions to one sync', async () => {
    let release = (): void => undefined;
    let syncs = 0;
    const sync = (): Promise<void> => {
      syncs += 1;
      return new Promise((resolve) => (release = resolve));
    };
    const network = new Network([]);
    network.start(keyOf('a'), new MemoryDisk({ sync }));
    await settle();
    const answered: string[] = [];
    for (const nonce of [0, 1, 2]) {
      void network.pendingSubmit('a', [network.pay(nonce)]).then(([outcome]) => answered.push(outcome!.outcome));
    }
    await settle();
    expect([answered.length, syncs]).to.deep.equal([0, 1]);
    release();
    await settle();
    release();
    await settle();
    expect(answered).to.deep.equal(['accepted', 'accepted', 'accepted']);
    expect(syncs, 'those that came during the first sync share the second').to.equal(2);
    await network.actors.system.terminate();
  });

  it('sends each transaction once to every validator, in batches, and none is verified twice', async () => {
    const network = new Network(['a', 'b', 'c']);
    const transactions = Array.from({ length: 40 }, (_, nonce) => network.pay(nonce));
    await network.submit('a', transactions);
    for (const name of ['a', 'b', 'c']) {
      expect(network.node(name).reader.size().count).to.equal(40);
      expect(network.node(name).counts.verified).to.equal(40);
      expect(network.node(name).counts.available).to.equal(1);
      for (const { hash } of transactions) expect(network.node(name).verified.signerOf(hash)).to.equal(alice);
    }
    expect(network.node('a').counts.batches, 'one to each').to.equal(2);
    expect(network.node('b').counts.batches, 'nothing is passed on').to.equal(0);
    await network.submit('b', transactions.slice(0, 5));
    expect(network.node('b').counts.verified).to.equal(40);
    await network.actors.system.terminate();
  });

  it('brings what it acknowledged back after a crash, and offers it again', async () => {
    const network = new Network(['a', 'b']);
    network.cut.add(keyOf('b'));
    const transactions = [network.pay(0), network.pay(1), network.pay(0, { from: bob })];
    expect(await network.submit('a', transactions)).to.deep.equal(['accepted', 'accepted', 'accepted']);
    expect(network.node('b').reader.size().count).to.equal(0);
    await network.crash('a');
    expect(await network.candidates('a')).to.have.members(transactions.map(({ hash }) => hash));
    network.cut.clear();
    await network.actors.pass(11_000);
    expect(await network.candidates('b'), 'reminded').to.have.members(transactions.map(({ hash }) => hash));
    await network.actors.system.terminate();
  });

  it('offers what waits to a validator whose link comes up', async () => {
    const network = new Network(['a', 'b']);
    network.cut.add(keyOf('b'));
    const transaction = network.pay(0);
    await network.submit('a', [transaction]);
    network.cut.clear();
    network.actors.system.tell(network.node('a').ref, { type: 'linked', peer: keyOf('b') });
    await settle();
    expect(await network.candidates('b')).to.deep.equal([transaction.hash]);
    await network.actors.system.terminate();
  });

  it('drops after a crash what has become final or expired meanwhile, from the disk too', async () => {
    const network = new Network(['a', 'b']);
    const [final, expiring, waiting] = [network.pay(0), network.pay(1, { expiry: 1 }), network.pay(2)];
    await network.submit('a', [final, expiring, waiting]);
    network.ledger.commit([final]);
    await network.crash('a');
    expect(await network.candidates('a')).to.deep.equal([waiting.hash]);
    await network.crash('a', 'written');
    expect(network.node('a').counts.verified, 'only what waits is left to be looked at').to.equal(1);
    await network.actors.system.terminate();
  });

  it('keeps what a client sent although peers had sent it before', async () => {
    const network = new Network(['a', 'b']);
    const transaction = network.pay(0);
    await network.submit('a', [transaction]);
    await network.crash('b');
    expect(network.node('b').reader.size().count, 'gossip is not stored').to.equal(0);
    network.actors.system.tell(network.node('a').ref, { type: 'linked', peer: keyOf('b') });
    await settle();
    expect(await network.submit('b', [transaction])).to.deep.equal(['known']);
    await network.crash('b');
    expect(await network.candidates('b')).to.deep.equal([transaction.hash]);
    await network.actors.system.terminate();
  });

  it('forgets what is final, and answers what is pending meanwhile', async () => {
    const network = new Network(['a', 'b']);
    const transactions = [network.pay(0), network.pay(1)];
    await network.submit('a', transactions);
    const { reader } = network.node('b');
    expect(reader.pending(transactions[0]!.hash)).to.deep.equal(transactions[0]!.bytes);
    expect(reader.nextNonce(alice)).to.equal(2);
    expect(reader.hasTransactions()).to.equal(true);
    // What waits beside a block that is decided and not looked at yet.
    expect(reader.hasTransactions(transactions.slice(0, 1))).to.equal(true);
    expect(reader.hasTransactions(transactions)).to.equal(false);
    expect(reader.hasTransactions([...transactions, network.pay(2)])).to.equal(false);
    await network.finalise(transactions);
    expect(reader.hasTransactions()).to.equal(false);
    expect(reader.pending(transactions[0]!.hash)).to.equal(undefined);
    expect([reader.nextNonce(alice), reader.nextNonce(keyOf('nobody'))]).to.deep.equal([2, 0]);
    await network.actors.system.terminate();
  });

  // Seed 1 of validator-churn: a transaction under a key that the account had taken in a block came to a validator that did
  // not have that block yet, which held the signature against the peer that relayed it.
  it('reports peers for what no honest mempool sends, not for what differs by height', async () => {
    const network = new Network(['a']);
    const { ref, reports } = network.node('a');
    const other = new World(genesisOf({ accounts: ['alice'], balance: 5n }));
    const foreign = other.transaction({ from: alice, kind: 'accounts.bond', body: { amount: 1n } });
    const transactions = [
      Uint8Array.of(0xc1),
      foreign.bytes,
      network.pay(0, { signer: bob }).bytes,
      network.pay(1, { expiry: 0 }).bytes,
      network.pay(0, { from: keyOf('nobody') }).bytes,
      network.pay(90).bytes,
    ];
    network.actors.system.tell(ref, { type: 'gossip', peer: bob, transactions });
    await settle();
    expect(reports).to.have.members(['transaction-malformed', 'transaction-wrong-chain']);
    expect(network.node('a').reader.size().count).to.equal(0);
    await network.actors.system.terminate();
  });

  it('acknowledges nothing that the disk has no room for', async () => {
    const network = new Network([]);
    const disk = new MemoryDisk();
    network.start(keyOf('a'), disk);
    await settle();
    disk.capacityBytes = 10;
    expect(await network.submit('a', [network.pay(0)])).to.deep.equal(['store-full']);
    expect(await network.submit('a', [network.pay(1)])).to.deep.equal(['store-full']);
    await network.actors.system.terminate();
  });

  it('drops what the executor refuses for good, and keeps what may become possible', async () => {
    const network = new Network(['a']);
    const [bad, early] = [network.pay(0), network.pay(1)];
    await network.submit('a', [bad, early]);
    const refused = [
      { hash: bad.hash, reason: 'wrong-signer' },
      { hash: early.hash, reason: 'nonce-too-far' },
    ];
    network.actors.system.tell(network.node('a').ref, { type: 'refused', refused });
    await settle();
    expect(await network.candidates('a')).to.deep.equal([early.hash]);
    await network.actors.system.terminate();
  });
});

describe('verified transactions', () => {
  it('remember the latest, within their bound', () => {
    const cache = new VerifiedTransactions(2);
    const hashes = ['a', 'b', 'c'].map((name) => keyOf(name) as string as Digest);
    for (const hash of hashes) cache.add(hash, alice);
    expect(hashes.map((hash) => cache.signerOf(hash))).to.deep.equal([undefined, alice, alice]);
    cache.add(hashes[1]!, bob);
    cache.add(hashes[0]!, alice);
    expect(hashes.map((hash) => cache.signerOf(hash))).to.deep.equal([alice, bob, undefined]);
  });
});

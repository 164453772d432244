/** Spawns the actors of one node and connects them to each other, to the links and to the chain's store. */
import { type BlockSyncMessage, blockSyncActor, blockSyncWire } from '../block-sync.ts';
import type { Chain } from '../chain/chain.ts';
import { ChainReader } from '../chain/chain-reader.ts';
import { checkpointCosigner, type CosignerMessage, cosignerWire } from '../checkpoint-cosigner.ts';
import { ledgerFollowerActor, type LedgerFollowerMessage } from '../ledger-follower.ts';
import { type MempoolMessage, type MempoolReader, mempoolActor } from '../mempool.ts';
import { mempoolWire } from '../mempool-wire.ts';
import type { ValidatorMessage } from '../validator/dependencies.ts';
import { validatorActor } from '../validator/validator.ts';
import { validatorWire } from '../validator/validator-wire.ts';
import { type SnapshotMessage, snapshotWire } from '../snapshot/snapshot-messages.ts';
import { snapshotSyncActor } from '../snapshot/snapshot-sync.ts';
import { TransactionTraces } from '../transaction-traces.ts';
import { VerifiedTransactions } from '../verified-transactions.ts';
import type { MachineState } from '../../protocols/ibft/machine-types.ts';
import type { SignedTransaction } from '../../protocols/ledger/admission.ts';
import { accountAt } from '../../protocols/ledger/queries.ts';
import { blockBytesMax, blockTransactionsMax } from '../../protocols/ledger/transaction.ts';
import { height as toHeight, type PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorRef, ActorSystem } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Links, PeerState } from '../../runtime/ports/links.ts';
import type { Signer, Verifier, VrfSigner } from '../../runtime/ports/signer.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import { BlockMetrics } from './block-metrics.ts';
import { Finality } from './finality.ts';
import { readStatus, StatusTeller } from './peer-status.ts';
import { EvidenceReports } from './evidence.ts';

export interface WiringOptions {
  readonly chain: Chain;
  readonly records: Store;
  readonly system: ActorSystem;
  readonly links: Links;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly verifier: Verifier;
  readonly signer: Signer;
  /** null: the node follows. */
  readonly vrf: VrfSigner | null;
  readonly restoredWholeNetwork: boolean;
  /** Told of every consensus signature before it leaves, for tests that watch whole lifetimes. */
  readonly onSigned?: Parameters<typeof validatorActor>[0]['onSigned'];
}

export interface Wiring {
  readonly reader: ChainReader;
  readonly finality: Finality;
  readonly mempool: ActorRef<MempoolMessage>;
  readonly pool: MempoolReader;
  /** Stops listening to the links: nothing more is sent to actors that are about to stop. */
  detach(): void;
  /** The consensus machine's latest state; null on a node that follows, or before it has started. */
  machine(): MachineState | null;
  trouble(): string | null;
  livePeers(): readonly PublicKey[];
}

const candidatesTimeoutMs = 1000;
/** How long a validator waits for a block by itself before it asks for it. */
const validatorPatienceMs = 400;

/** Fewer blocks than this are fetched one by one. */
const snapshotFromBlocks = 64;

const isLive = ({ state }: PeerState): boolean => state === 'up' || state === 'suspect';

export function wireNode(options: WiringOptions): Wiring {
  return new NodeWiring(options);
}

class NodeWiring implements Wiring {
  readonly reader: ChainReader;
  readonly finality = new Finality();
  readonly mempool: ActorRef<MempoolMessage>;
  readonly pool: MempoolReader;
  readonly #options: WiringOptions;
  readonly #verified = new VerifiedTransactions();
  readonly #traces: TransactionTraces;
  readonly #metrics: BlockMetrics;
  readonly #sync: ActorRef<BlockSyncMessage>;
  readonly #snapshots: ActorRef<SnapshotMessage>;
  readonly #cosigner: ActorRef<CosignerMessage>;
  readonly #validator: ActorRef<ValidatorMessage> | null;
  readonly #follower: ActorRef<LedgerFollowerMessage> | null;
  #machine: MachineState | null = null;
  /** none: not wanted or done. given-up: no peer could offer one; every block is fetched. */
  #snapshot: 'none' | 'running' | 'given-up' = 'none';
  #permit = 'asking';
  #trouble: string | null = null;
  #live: readonly PublicKey[] = [];
  readonly #status: StatusTeller;
  readonly #evidence: EvidenceReports;
  readonly #leaveLinks: () => void;

  constructor(options: WiringOptions) {
    this.#options = options;
    const { chain, system, vrf } = options;
    this.#status = new StatusTeller((status) => options.links.setStatus(status));
    this.reader = new ChainReader(chain.store);
    this.#metrics = new BlockMetrics(options.telemetry);
    this.#traces = new TransactionTraces(options.telemetry);
    const mempool = this.#mempoolActor();
    this.pool = mempool.reader;
    this.mempool = system.spawn(mempool.definition, { name: 'mempool', mailbox: { capacity: 50_000 } });
    system.export('mempool', this.mempool, mempoolWire);
    const { signer, telemetry } = options;
    this.#evidence = new EvidenceReports({
      ...{ chain, signer, system, telemetry, mempool: this.mempool, pool: this.pool },
      isFinal: (hash) => this.reader.place(hash) !== undefined,
    });
    this.#sync = system.spawn(this.#syncActor(), { name: 'block-sync' });
    system.export('sync', this.#sync, blockSyncWire);
    this.#snapshots = system.spawn(this.#snapshotActor(), { name: 'snapshot-sync' });
    system.export('snapshots', this.#snapshots, snapshotWire);
    this.#cosigner = system.spawn(this.#cosignerActor(), { name: 'checkpoint-cosigner' });
    system.export('checkpoints', this.#cosigner, cosignerWire);
    this.#validator = vrf === null ? null : this.#spawnValidator(vrf);
    this.#follower = vrf === null ? this.#spawnFollower() : null;
    this.#publishStatus();
    this.#leaveLinks = options.links.onPeer((peer) => this.#onPeer(peer));
  }

  detach(): void {
    this.#leaveLinks();
  }

  machine(): MachineState | null {
    return this.#machine;
  }

  trouble(): string | null {
    if (this.#snapshot === 'running') return 'importing-snapshot';
    return this.#trouble ?? (this.#validator === null || this.#permit === 'permitted' ? null : this.#permit);
  }

  livePeers(): readonly PublicKey[] {
    return this.#live;
  }

  #mempoolActor(): ReturnType<typeof mempoolActor> {
    const { chain, signer, verifier, telemetry, links, system } = this.#options;
    return mempoolActor({
      traces: this.#traces,
      chainId: chain.chainId,
      application: chain.application,
      self: signer.publicKey,
      store: chain.store,
      verifier,
      telemetry,
      height: () => chain.tip.height,
      account: (key) => accountAt(chain.state, key),
      isFinal: (hash) => this.reader.place(hash) !== undefined,
      peers: () => this.#validatorPeers().filter((key) => this.#live.includes(key)),
      remote: (peer) => system.remote(peer, 'mempool', mempoolWire, { lane: 'ordinary' }),
      report: (peer, reason) => links.report(peer, reason),
      onAvailable: () => {
        if (this.#validator !== null) system.tell(this.#validator, { type: 'transactions-available' });
      },
      verified: this.#verified,
    });
  }

  #syncActor(): ReturnType<typeof blockSyncActor> {
    const { chain, system, vrf } = this.#options;
    return blockSyncActor({
      source: { finalHeight: () => chain.tip.height, sealedBlock: (height) => this.reader.sealedBlock(height) },
      remote: (peer) => system.remote(peer, 'sync', blockSyncWire, { lane: 'bulk' }),
      deliver: (delivery) => {
        if (this.#validator !== null) system.tell(this.#validator, { type: 'deliver', delivery });
        else if (this.#follower !== null) system.tell(this.#follower, { type: 'deliver', delivery });
      },
      isHeldBack: (bestHeight) => this.#wantsSnapshot(bestHeight),
      patienceMs: vrf === null ? 0 : validatorPatienceMs,
    });
  }

  /** A node that has nothing starts from a snapshot where that is worth it. */
  #wantsSnapshot(bestHeight: number): boolean {
    const { chain, system } = this.#options;
    if (this.#snapshot === 'running') return true;
    if (this.#snapshot === 'given-up' || chain.tip.height > 0 || bestHeight < snapshotFromBlocks) return false;
    this.#snapshot = 'running';
    system.tell(this.#snapshots, { type: 'start' });
    return true;
  }

  #snapshotActor(): ReturnType<typeof snapshotSyncActor> {
    const { chain, verifier, system, links } = this.#options;
    return snapshotSyncActor({
      chain,
      reader: this.reader,
      verifier,
      peers: () => this.#validatorPeers().filter((key) => this.#live.includes(key)),
      remote: (peer) => system.remote(peer, 'snapshots', snapshotWire, { lane: 'bulk' }),
      report: (peer, reason) => links.report(peer, reason),
      onImported: (height) => {
        this.#snapshot = 'none';
        if (this.#validator !== null) system.tell(this.#validator, { type: 'chain-replaced' });
        system.tell(this.mempool, { type: 'state-replaced' });
        system.tell(this.#sync, { type: 'applied', height });
        this.#publishStatus();
        this.finality.announce(height);
      },
      onGivenUp: () => {
        this.#snapshot = 'given-up';
      },
      onHistoryFilled: this.finality.historyFilled,
    });
  }

  #cosignerActor(): ReturnType<typeof checkpointCosigner> {
    const { chain, verifier, signer, records, system, links, vrf } = this.#options;
    return checkpointCosigner({
      chain,
      reader: this.reader,
      verifier,
      own: vrf === null ? null : { signer, records },
      peers: () => this.#live,
      remote: (peer) => system.remote(peer, 'checkpoints', cosignerWire, { lane: 'ordinary' }),
      report: (peer, reason) => links.report(peer, reason),
    });
  }

  #spawnFollower(): ActorRef<LedgerFollowerMessage> {
    const { chain, verifier, system } = this.#options;
    return system.spawn(
      ledgerFollowerActor({
        chain,
        verifier,
        onFinal: (height) => {
          this.#onDecided(height);
          this.#onFinal(height);
        },
        onRefusedBlock: this.#onRefusedBlock,
        onFull: () => {
          this.#trouble = 'disk-full';
          this.#publishStatus();
        },
        onMissed: this.#onMissed,
      }),
    );
  }

  #spawnValidator(vrf: VrfSigner): ActorRef<ValidatorMessage> {
    const { chain, records, signer, verifier, telemetry, system, links, onSigned } = this.#options;
    const messages = telemetry.counter('bpci.consensus.messages', 'Consensus messages by what was made of them');
    const rounds = telemetry.counter('bpci.consensus.rounds', 'Rounds entered, by cause');
    const equivocations = telemetry.counter('bpci.consensus.equivocations', 'Contradictions found, by kind');
    const guard = telemetry.counter('bpci.consensus.guard_refusals', 'Signatures that the sign-guard refused');
    const definition = validatorActor({
      traces: this.#traces,
      chain,
      records,
      signer,
      vrf,
      verifier,
      telemetry,
      restoredWholeNetwork: this.#options.restoredWholeNetwork,
      candidates: () => this.#candidates(),
      verifiedTransactions: this.#verified,
      hasTransactions: (beside) => this.pool.hasTransactions(beside),
      livePeers: () => this.#live,
      remote: (peer) => system.remote(peer, 'validator', validatorWire, { lane: 'control' }),
      report: (peer, reason) => links.report(peer, reason),
      onMissed: this.#onMissed,
      onDecided: this.#onDecided,
      onFinal: this.#onFinal,
      onPeerAhead: (peer, height) => system.tell(this.#sync, { type: 'peer-height', peer, height }),
      announce: (peer) => this.#announce(peer),
      onRefusedBlock: this.#onRefusedBlock,
      onRefusedTransactions: (refused) => system.tell(this.mempool, { type: 'refused', refused }),
      onRound: ({ cause }) => rounds.add(1, { cause }),
      onVerdict: (kind, reason) => messages.add(1, { kind, reason }),
      onTrouble: (trouble) => {
        this.#trouble = trouble;
        this.#publishStatus();
      },
      onEvidence: (evidence) => {
        equivocations.add(1, { kind: evidence.conflict.kind });
        this.#evidence.report(evidence);
      },
      publish: (machine, permit) => {
        this.#machine = machine;
        this.#permit = permit;
        this.#trouble = null;
        this.#publishStatus();
      },
      onGuardRefusal: (reason, { kind, height, round }) => {
        guard.add(1, { reason });
        telemetry.log.warn('the sign-guard refused', { reason, kind, height, round });
      },
      ...(onSigned === undefined ? {} : { onSigned }),
    });
    const validator = system.spawn(definition, { name: 'validator', mailbox: { capacity: 20_000 } });
    system.export('validator', validator, validatorWire);
    return validator;
  }

  /** Where the mempool does not answer, an empty block is made. */
  async #candidates(): Promise<readonly SignedTransaction[]> {
    const { system, telemetry } = this.#options;
    try {
      return await system.ask<MempoolMessage, readonly SignedTransaction[]>(
        this.mempool,
        (replyTo) => ({ type: 'candidates', count: blockTransactionsMax, bytes: blockBytesMax, replyTo }),
        { timeoutMs: candidatesTimeoutMs },
      );
    } catch (error) {
      telemetry.log.error('the mempool gave no candidates', {}, error);
      return [];
    }
  }

  #validatorPeers(): readonly PublicKey[] {
    const { chain, links } = this.#options;
    return chain.tip.set.validators.map(({ publicKey }) => publicKey).filter((key) => key !== links.self);
  }

  /** What the mempool then forgets in the same store cannot become durable before the block. */
  readonly #onDecided = (height: number): void => {
    const { chain, system } = this.#options;
    system.tell(this.mempool, { type: 'committed', transactions: chain.transactionsOf(height) });
  };

  readonly #onFinal = (height: number): void => {
    const { chain, system } = this.#options;
    this.#trouble = null;
    const members = chain.tip.set.validators.map(({ publicKey }) => publicKey);
    this.#metrics.observe(chain.tip, members, this.#options.clock.now());
    system.tell(this.#sync, { type: 'applied', height });
    system.tell(this.#cosigner, { type: 'final', height });
    this.#evidence.retry();
    this.#announceToFollowers();
    this.#publishStatus();
    this.finality.announce(height);
  };

  readonly #onMissed = (): void => {
    this.#options.system.tell(this.#sync, { type: 'missed' });
  };

  readonly #onRefusedBlock = (height: number, peer: PublicKey, reason: string): void => {
    const { system, links, telemetry } = this.#options;
    telemetry.log.warn('a final block from a peer was refused', { height, peer, reason });
    links.report(peer, 'bad-block');
    system.tell(this.#sync, { type: 'refused', height, peer });
  };

  #announce(peer: PublicKey): void {
    const { chain, system } = this.#options;
    const ref = system.remote(peer, 'sync', blockSyncWire, { lane: 'ordinary' });
    const request = { type: 'announce', height: toHeight(chain.tip.height) } as const;
    system.tell(ref, { type: 'remote', peer, request });
  }

  /** Validators hear of a block by its seals; everybody else is told. */
  #announceToFollowers(): void {
    const { chain } = this.#options;
    for (const key of this.#live) {
      if (!chain.tip.set.validators.some(({ publicKey }) => publicKey === key)) this.#announce(key);
    }
  }

  #onPeer(peer: PeerState): void {
    const { system } = this.#options;
    const status = readStatus(peer);
    if (status !== null && isLive(peer)) {
      system.tell(this.#sync, { type: 'peer-height', peer: peer.key, height: status.finalHeight });
    }
    const wasLive = this.#live.includes(peer.key);
    if (isLive(peer) === wasLive) return;
    this.#live = wasLive ? this.#live.filter((key) => key !== peer.key) : [...this.#live, peer.key].sort();
    if (this.#validator !== null) system.tell(this.#validator, { type: 'links', live: this.#live });
    if (wasLive) system.tell(this.#sync, { type: 'peer-gone', peer: peer.key });
    else if (this.#validatorPeers().includes(peer.key)) {
      system.tell(this.mempool, { type: 'linked', peer: peer.key });
    }
  }

  #publishStatus(): void {
    this.#status.tell({
      finalHeight: this.#options.chain.tip.height,
      machine: this.#machine,
      trouble: this.trouble(),
    });
  }
}

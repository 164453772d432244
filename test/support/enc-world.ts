/** The operator of two clusters on a court's chain in memory, with simulated containers and owners of admission that the test answers for. */
import { encActor } from '../../src/actors/enc/enc.ts';
import type { Answered, EncMessage, ReceiptParts, WorkloadView } from '../../src/actors/enc/messages.ts';
import type { AdmissionOwners } from '../../src/actors/enc/owners.ts';
import type { ChainFeed, FollowedState, Sent } from '../../src/actors/traffic/chain-feed.ts';
import type { BoundDecision } from '../../src/protocols/enc/admission.ts';
import { readWorkload, type Workload } from '../../src/protocols/enc/workload.ts';
import type { SignedTransaction } from '../../src/protocols/ledger/admission.ts';
import { bodyCodec } from '../../src/protocols/ledger/application.ts';
import { readJson } from '../../src/protocols/ledger/json-codec.ts';
import { type LeaseRecord, readLease } from '../../src/protocols/ledger/modules/enc/cluster-state.ts';
import { type Digest, digest } from '../../src/protocols/shared/brands.ts';
import { toHex, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { sha256 } from '../../src/protocols/shared/hash.ts';
import type { ActorRef, ReplyTo } from '../../src/runtime/ports/actors.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { SimulatedDock } from '../../src/simulation/system/enc/simulated-dock.ts';
import { CourtWorld, serviceTerms } from '../protocols/ledger/court/court-world.ts';
import { keyOf, signWith } from '../protocols/ledger/ledger-world.ts';
import { type ActorWorld, createActorWorld, settle } from '../runtime/support/actor-world.ts';

export const operator = keyOf('hosting');
export const signerNamed = (name: string): Signer => ({
  publicKey: keyOf(name),
  sign: (message) => signWith(keyOf(name), message),
});

const capabilities = {
  ...{ architecture: 'amd64', cpuMillis: 4000, memoryMiB: 4096, storageMiB: 10_000, containers: 20 },
  runtimes: [{ driver: 'oci', isolationClass: 'container' }],
};

/** What a person would write. */
export const manifest = (change: Readonly<Record<string, unknown>> = {}): Workload =>
  readWorkload({
    ...{ name: 'orders', kind: 'service', tenant: 'provider-tenant', image: `sha256:${'ab'.repeat(32)}` },
    resources: { cpuMillis: 500, memoryMiB: 64, storageMiB: 10, pids: 32 },
    data: { operation: 'process', classification: 'Internal', contents: ['personal'], source: 'DE' },
    salt: '11'.repeat(32),
    ...change,
  });

export class EncWorld extends CourtWorld {
  readonly actors: ActorWorld = createActorWorld();
  readonly docks = new Map<string, SimulatedDock>();
  /** Containers that run now. */
  readonly running = new Set<string>();
  /** Containers whose program was started, in order. */
  readonly started: string[] = [];
  readonly asked: string[] = [];
  readonly decided: BoundDecision[] = [];
  /** What the owners say; replaced by tests. */
  courtComplies = true;
  policyState: 'Green' | 'Yellow' | 'Red' = 'Green';
  lightAction = 'none';
  release: BoundDecision | null = null;
  failing: 'court' | 'policy' | 'traffic' | null = null;
  enc!: ActorRef<EncMessage>;
  disk = new MemoryDisk();
  readonly #listeners = new Set<(state: FollowedState) => void>();
  #waiting: { readonly transaction: SignedTransaction; readonly resolve: (sent: Sent) => void }[] = [];
  isStalled = false;

  get followed(): FollowedState {
    return { height: this.height, time: this.parent.time, reader: this.state };
  }

  feed(): ChainFeed {
    return {
      chainId: this.chainId,
      current: () => this.followed,
      subscribe: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      send: (kind, body) => {
        const read = readJson(bodyCodec(kind)!, body);
        if ('problems' in read) return Promise.reject(new Error(JSON.stringify(read.problems)));
        const transaction = this.transaction({ from: operator, kind, body: read.value });
        return new Promise((resolve) => this.#waiting.push({ transaction, resolve }));
      },
      proof: () => Promise.resolve(null),
    };
  }

  #owners(): AdmissionOwners {
    const answer = <T>(step: 'court' | 'policy' | 'traffic', value: T): Promise<T> => {
      this.asked.push(step);
      return this.failing === step ? Promise.reject(new Error(`no ${step}`)) : Promise.resolve(value);
    };
    return {
      court: () => answer('court', { complies: this.courtComplies, problems: ['court-order'] }),
      policy: (requests) =>
        answer(
          'policy',
          requests.map(() => this.policyState),
        ),
      traffic: ({ requestId }) => {
        const decision: BoundDecision = {
          ...{ id: digest(toHex(sha256(toUtf8(requestId)))), state: this.policyState, action: this.lightAction },
          ...{ policySet: digest('90'.repeat(32)), reasons: [], expires: this.actors.clock.now() + 60_000 },
        };
        this.decided.push(decision);
        return answer('traffic', decision);
      },
      released: () => Promise.resolve(this.release),
    };
  }

  /** A new process over the same disk and the same containers. */
  start(ids: readonly string[] = ['frankfurt', 'paris']): void {
    const clusters = ids.map((id) => {
      const dock =
        this.docks.get(id) ??
        new SimulatedDock(this.actors.clock, {
          onStarted: (container) => this.started.push(container),
          onRunning: (container, isRunning) => {
            if (isRunning) this.running.add(container);
            else this.running.delete(container);
          },
        });
      this.docks.set(id, dock);
      const place = id === 'paris' ? { region: 'EU', country: 'FR' } : { region: 'EU', country: 'DE' };
      return {
        ...{ id, ...place, signer: signerNamed(`cluster ${id}`), executor: dock, capabilities },
        ...{ certifications: [], agreements: [], endpoints: [], isRegistering: true },
      };
    });
    this.enc = this.actors.system.spawn(
      encActor({
        ...{ feed: this.feed(), account: operator, clock: this.actors.clock, clusters, owners: this.#owners() },
        store: this.disk.open({ kind: 'enc', version: 1, chainId: this.chainId }),
        isPeerLost: () => false,
      }),
    );
  }

  /** Blocks of what was sent, a second of the clock after each. */
  async live(count = 1): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.actors.pass(500);
      if (!this.isStalled) {
        const waiting = this.#waiting.splice(0);
        const { results } = this.commit(
          waiting.map(({ transaction }) => transaction),
          this.actors.clock.now(),
        );
        waiting.forEach(({ transaction, resolve }, index) => {
          resolve({ hash: transaction.hash, code: results[index]!.code });
        });
        for (const listener of this.#listeners) listener(this.followed);
      }
      await this.actors.pass(500);
    }
    await settle();
  }

  ask<Reply>(make: (replyTo: ReplyTo<Reply>) => EncMessage): Promise<Reply> {
    return this.actors.system.ask(this.enc, make, { timeoutMs: 60_000 });
  }

  async submit(workload: Workload): Promise<Digest> {
    const asked = this.ask<Answered<WorkloadView>>((replyTo) => ({ type: 'submit', workload, by: null, replyTo }));
    await this.actors.pass(1);
    const answer = await asked;
    if (answer.kind !== 'answer') throw new Error(answer.reason);
    return answer.value.id;
  }

  async workload(id: Digest): Promise<WorkloadView> {
    const answer = await this.ask<Answered<WorkloadView>>((replyTo) => ({ type: 'workload', id, replyTo }));
    if (answer.kind !== 'answer') throw new Error(answer.reason);
    return answer.value;
  }

  async receipts(id: Digest): Promise<readonly ReceiptParts[]> {
    const answer = await this.ask<Answered<readonly ReceiptParts[]>>((replyTo) => ({ type: 'receipts', id, replyTo }));
    if (answer.kind !== 'answer') throw new Error(answer.reason);
    return answer.value;
  }

  lease(id: Digest): LeaseRecord | undefined {
    return readLease(this.view, id);
  }
}

/** Two active clusters, and an agreement that binds the tenant of {@link manifest}. */
export async function encWorld(): Promise<EncWorld> {
  const world = new EncWorld();
  world.activate(serviceTerms({ suspensionMaxMs: 200_000 }));
  await world.actors.pass(Math.max(0, world.parent.time - world.actors.clock.now()));
  world.start();
  await world.live(5);
  return world;
}

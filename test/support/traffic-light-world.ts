/** The traffic light actor on a chain in memory, a virtual clock and a simulated disk. */
import { trafficLightActor } from '../../src/actors/traffic/traffic-light.ts';
import { defaultTrafficLightLimits, type TrafficLightLimits } from '../../src/actors/traffic/following.ts';
import type { Answered, DecisionAnswer, LightStatus, TrafficLightMessage } from '../../src/actors/traffic/messages.ts';
import { compileHere, PolicyLibrary } from '../../src/actors/policy/policy-library.ts';
import { publicationId } from '../../src/protocols/ledger/modules/policies/publication.ts';
import { readLight } from '../../src/protocols/ledger/modules/traffic/traffic.ts';
import { View } from '../../src/protocols/ledger/view.ts';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { encodeContent, namesOf } from '../../src/protocols/policy/content.ts';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { TrafficRequest } from '../../src/protocols/traffic/flow.ts';
import type { ActorRef, ReplyTo } from '../../src/runtime/ports/actors.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { pack } from '../policy/default-pack.ts';
import { type ActorWorld, createActorWorld, settle } from '../runtime/support/actor-world.ts';
import { MemoryChain, signerOf } from './memory-chain.ts';
import { MemoryFeed } from './traffic-feed.ts';
import { verifier } from './traffic-world.ts';

export const governor = signerOf(1);
export const lightKey = signerOf(2);
const caller = signerOf(3).publicKey;
export const officer = signerOf(4);
/** The day on which chains in memory begin. */
export const asOf = '2023-11-14';

export class TrafficWorld {
  readonly actors: ActorWorld = createActorWorld();
  readonly chain: MemoryChain;
  readonly feed: MemoryFeed;
  readonly contents = new Map<string, Uint8Array>();
  readonly problems: string[] = [];
  isPolicyNodeDown = false;
  library!: PolicyLibrary;
  light!: ActorRef<TrafficLightMessage>;

  /** `others` have accounts too. */
  constructor(others: readonly PublicKey[] = []) {
    const own = [governor, lightKey, officer].map(({ publicKey }) => publicKey);
    this.chain = new MemoryChain({ validators: 1, accounts: [...own, ...others], governors: [governor.publicKey] });
    this.feed = new MemoryFeed(this.chain, lightKey);
  }

  start(disk = new MemoryDisk(), limits: Partial<TrafficLightLimits> = {}): MemoryDisk {
    const tell = (): void => void this.actors.system.tell(this.light, { type: 'tables' });
    this.library = new PolicyLibrary({
      source: {
        fetch: (content) =>
          this.isPolicyNodeDown
            ? Promise.reject(new Error('the policy node cannot be reached'))
            : Promise.resolve(this.contents.get(content) ?? null),
      },
      ...{ compile: compileHere, onReady: tell },
      onProblem: (_content, problem) => this.problems.push(problem),
    });
    const definition = trafficLightActor({
      ...{ feed: this.feed, signer: lightKey, verifier, library: this.library, clock: this.actors.clock },
      store: disk.open({ kind: 'services', version: 1, chainId: this.feed.chainId }),
      reviewers: [{ role: 'compliance-officer', key: officer.publicKey }],
      listing: { id: 'light-1', endpoints: ['http://127.0.0.1:21004'], region: 'EU' },
      telemetry: this.actors.telemetry,
      limits: { ...defaultTrafficLightLimits, ...limits },
      onDecision: () => undefined,
    });
    this.light = this.actors.system.spawn(definition);
    return disk;
  }

  /** The default pack, for the chain's day, published and attested by the governor. */
  publish(facts = pack.facts): void {
    const content = { set: pack.set, facts, asOf };
    const bytes = encodeContent(content);
    const publication = { ...namesOf(content, bytes), tenant: null };
    this.contents.set(publication.content, bytes);
    const compiled = compilePolicySet(pack.set, facts, asOf).compiledHash;
    const attestation = { publication: publicationId(publication), compiled };
    this.feed.block(this.feed.transaction(governor, 'policies.publish', publication));
    this.feed.block(this.feed.transaction(governor, 'policies.attest', attestation));
  }

  /** Blocks until the light's transactions are in, the clock a second after each. */
  async blocks(count = 3): Promise<void> {
    for (let i = 0; i < count; i++) {
      await settle();
      this.feed.block();
      await this.actors.pass(1000);
    }
    await settle();
  }

  ask<Reply>(make: (replyTo: ReplyTo<Reply>) => TrafficLightMessage): Promise<Reply> {
    return this.actors.system.ask(this.light, make, { timeoutMs: 60_000 });
  }

  decide(...requests: readonly TrafficRequest[]): Promise<readonly Answered<DecisionAnswer>[]> {
    return this.decideWithin(undefined, ...requests);
  }

  /** As part of the work that this traceparent names. */
  decideWithin(
    traceparent: string | undefined,
    ...requests: readonly TrafficRequest[]
  ): Promise<readonly Answered<DecisionAnswer>[]> {
    const receivedMs = this.actors.clock.monotonicMs();
    return this.actors.system.ask(
      this.light,
      (replyTo) => ({ type: 'decide', requests, caller, receivedMs, replyTo }),
      { timeoutMs: 60_000, traceparent },
    );
  }

  async decision(request: TrafficRequest): Promise<DecisionAnswer> {
    const [answer] = await this.decide(request);
    if (answer?.kind !== 'answer') throw new Error(JSON.stringify(answer));
    return answer.value;
  }

  status(): Promise<LightStatus> {
    return this.ask((replyTo) => ({ type: 'status', replyTo }));
  }

  record(): ReturnType<typeof readLight> {
    return readLight(new View(this.chain.chain.state), lightKey.publicKey);
  }
}

/** Registered, with the default pack in force. */
export async function running(
  limits: Partial<TrafficLightLimits> = {},
  others: readonly PublicKey[] = [],
): Promise<TrafficWorld & { readonly disk: MemoryDisk }> {
  const world = new TrafficWorld(others);
  const disk = world.start(new MemoryDisk(), limits);
  world.publish();
  await world.blocks();
  return Object.assign(world, { disk });
}

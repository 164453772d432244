/** The policy engine on a chain in memory and a virtual clock, its work done on the thread of the test. */
import { createPolicyApi } from '../../src/actors/policy/policy-api.ts';
import type { Evaluated, PolicyEngineMessage } from '../../src/actors/policy/messages.ts';
import { policyEngineActor } from '../../src/actors/policy/policy-engine.ts';
import { PolicyLibrary } from '../../src/actors/policy/policy-library.ts';
import { wholeDomain } from '../../src/actors/policy/served-domain.ts';
import type { PolicyWorkshop } from '../../src/actors/policy/workshop.ts';
import { publicationId } from '../../src/protocols/ledger/modules/policies/publication.ts';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { encodeContent, namesOf, type PolicyContent } from '../../src/protocols/policy/content.ts';
import { type PolicySet, readPolicySet } from '../../src/protocols/policy/policy-set.ts';
import { readRequest } from '../../src/protocols/policy/request.ts';
import type { Digest, PublicKey } from '../../src/protocols/shared/brands.ts';
import { prepareOutside } from '../../src/runtime/adapters/cedar-outside.ts';
import { parsePolicy } from '../../src/runtime/adapters/cedar.ts';
import { doPolicyWork } from '../../src/runtime/adapters/policy-work.ts';
import type { ActorRef } from '../../src/runtime/ports/actors.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { type Evaluation, type PolicyApi, PolicyServiceError } from '../../src/runtime/ports/policy-api.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { pack } from '../policy/default-pack.ts';
import { type ActorWorld, createActorWorld, settle } from '../runtime/support/actor-world.ts';
import { MemoryChain, signerOf } from './memory-chain.ts';
import { MemoryFeed } from './traffic-feed.ts';

export const governor = signerOf(1);
export const evaluator = signerOf(5);
export const tenant = signerOf(6);
/** The day on which chains in memory begin. */
const asOf = '2023-11-14';

export const defaultContent: PolicyContent = { set: pack.set, facts: pack.facts, asOf };

/** The default pack with one more policy. */
export function packWith(text: string): PolicyContent {
  const parsed = parsePolicy('added', text);
  if ('problems' in parsed) throw new Error(parsed.problems.map(({ message }) => message).join('; '));
  const { name, version, schema, obligations, rules } = pack.set;
  const policies = [...rules.map(({ policy }) => policy), parsed.policy];
  return { ...defaultContent, set: readPolicySet({ name, version, schema, obligations, policies }) };
}

export const contentOf = (set: PolicySet): PolicyContent => ({ ...defaultContent, set });

export const workHere: PolicyWorkshop = {
  do: (name, job) => new Promise((resolve) => resolve(doPolicyWork(name, job))),
};

/** A personal, confidential transfer from DE, changed. */
export const flow = (to: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  subject: { tenant: 'acme', workload: 'orders' },
  ...{ operation: 'transfer', classification: 'Confidential', contents: ['personal'], bases: ['contract'] },
  ...{ source: { country: 'DE' }, destination: { country: to }, ...more },
});

export class PolicyWorld {
  readonly actors: ActorWorld = createActorWorld();
  readonly chain: MemoryChain;
  readonly feed: MemoryFeed;
  readonly contents = new Map<string, Uint8Array>();
  readonly problems: string[] = [];
  readonly engine: ActorRef<PolicyEngineMessage>;
  readonly api: PolicyApi;

  constructor() {
    const accounts = [governor, evaluator, tenant].map(({ publicKey }) => publicKey);
    this.chain = new MemoryChain({ validators: 1, accounts, governors: [governor.publicKey] });
    this.feed = new MemoryFeed(this.chain, evaluator);
    const { system } = this.actors;
    const library = new PolicyLibrary({
      source: { fetch: (content) => Promise.resolve(this.contents.get(content) ?? null) },
      compile: (job) => workHere.do('compile', job),
      outside: prepareOutside,
      onReady: () => void system.tell(this.engine, { type: 'tables' }),
      onProblem: (_content, problem) => this.problems.push(problem),
    });
    this.engine = system.spawn(
      policyEngineActor({
        ...{ feed: this.feed, library, account: evaluator.publicKey, telemetry: noTelemetry },
        attesting: { workshop: workHere, random: 20 },
        stateAgeMsMax: 30_000,
      }),
    );
    this.api = createPolicyApi({
      ...{ system, engine: this.engine, clock: { now: () => this.feed.current().time }, workshop: workHere },
      ...{ domain: wholeDomain, chainId: this.chain.chain.chainId, isOfficial: () => false },
      bytesOf: library.bytesOf.bind(library),
      relay: () => Promise.reject(new PolicyServiceError('unavailable', 'no node')),
      keep: () => Promise.resolve(),
    });
  }

  /** In one block. Returns the publication's id; `isHere` false: its bytes are nowhere. */
  publish(content: PolicyContent, by: Signer = governor, own: PublicKey | null = null, isHere = true): Digest {
    const bytes = encodeContent(content);
    const publication = { ...namesOf(content, bytes), tenant: own };
    if (isHere) this.contents.set(publication.content, bytes);
    this.feed.block(this.feed.transaction(by, 'policies.publish', publication));
    return publicationId(publication);
  }

  /** By the governor, as long as no evaluator is named. */
  attest(publication: Digest, { set, facts }: PolicyContent): void {
    const compiled = compilePolicySet(set, facts, asOf).compiledHash;
    this.feed.block(this.feed.transaction(governor, 'policies.attest', { publication, compiled }));
  }

  async activate(content: PolicyContent, by: Signer = governor, own: PublicKey | null = null): Promise<void> {
    this.attest(this.publish(content, by, own), content);
    await settle();
  }

  /** In the mailbox at once, without what is checked before. */
  async ask(...requests: readonly unknown[]): Promise<readonly string[]> {
    const read = requests.map((request) => readRequest(request));
    const answers = await this.actors.system.ask<PolicyEngineMessage, readonly Evaluated[]>(
      this.engine,
      (replyTo) => ({ type: 'evaluate', requests: read, replyTo }),
      { timeoutMs: 60_000 },
    );
    return answers.map(({ outcome }) => outcome.state);
  }

  async evaluate(request: unknown, viewer: string | null = null): Promise<Evaluation> {
    const [one] = await this.api.evaluate([request], viewer);
    if (one === undefined || one instanceof PolicyServiceError) throw one ?? new Error('no answer');
    return one;
  }
}

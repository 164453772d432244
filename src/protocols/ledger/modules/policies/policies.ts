/**
 * Policy sets on chain, in two steps: a set with its facts is published (hashes, author, where its bytes are), evaluators compile it
 * and attest what they got, and it becomes active at a height once enough attested the same. Tightening needs no attestation:
 * a retired rule or a revoked fact counts from its block, for every set that was published before it.
 * Source: policy-and-traffic design, "Two steps on chain". No policy is run here.
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { type Codec, digest32, list, nullable, publicKey32, struct, textMax, uint } from '../../../shared/codec.ts';
import type { Genesis } from '../../genesis.ts';
import { jsonDigest, jsonPattern, jsonStruct } from '../../json-codec.ts';
import { kind, type LedgerModule, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import { type ReadView, stateKey, table, type View } from '../../view.ts';
import { type AttestationRule, attestationRuleCodec, evaluatorsMax } from './genesis-policies.ts';
import { factsFields, type Publication, publicationCodec, publicationId } from './publication.ts';

export interface PublishedSet extends Publication {
  readonly author: PublicKey;
  /** Height. */
  readonly publishedAt: number;
  /** What enough evaluators attested; null before. */
  readonly compiled: Digest | null;
  /** First height whose decisions rest on it; null before. */
  readonly activeFrom: number | null;
}

interface Attestation {
  readonly publication: Digest;
  readonly compiled: Digest;
}

const tighteningId = jsonPattern(/^[\x21-\x2e\x30-\x7e]{1,128}$/, 128);
const attestationCodec = jsonStruct<Attestation>({ publication: jsonDigest, compiled: jsonDigest });
const factsBodyCodec = jsonStruct<Pick<Publication, 'factSet' | 'asOf' | 'content'>>(factsFields);
const namedCodec = jsonStruct<{ readonly id: string }>({ id: tighteningId });

export const publishedCodec: Codec<PublishedSet> = struct<PublishedSet>({
  ...{ policySet: digest32, factSet: digest32, asOf: textMax(10), tenant: nullable(publicKey32), content: digest32 },
  ...{ author: publicKey32, publishedAt: uint, compiled: nullable(digest32), activeFrom: nullable(uint) },
});
const sets = table('policies/set/', publishedCodec);
/** Under which the existence of a publication is proved. */
export const publishedSetKey = (id: Digest): Uint8Array => stateKey(`policies/set/${id}`);
const active = table('policies/active/', digest32);
const rules = table(
  'policies/rule/',
  struct<AttestationRule>({ evaluators: list(publicKey32, evaluatorsMax), attestationsMin: uint }),
);
const attestations = table('policies/attestation/', uint);
/** Heights by `<id>/<height>`: each time that it was said. */
const retired = table('policies/retired-rule/', uint);
const revoked = table('policies/revoked-fact/', uint);

const network = 'network';

export interface ActiveSet extends PublishedSet {
  readonly id: Digest;
}

/** Of the network (`tenant` null) or of a tenant; undefined: none. */
export function readActiveSet(view: ReadView, tenant: PublicKey | null): ActiveSet | undefined {
  const id = view.get(active, tenant ?? network);
  const found = id === undefined ? undefined : view.get(sets, id);
  return id === undefined || found === undefined ? undefined : { ...found, id };
}

/** Of every tenant that has its own. */
export const readTenantSets = (view: ReadView): readonly ActiveSet[] =>
  [...view.scan(active)].flatMap(([key]) => (key === network ? [] : (readActiveSet(view, key as PublicKey) ?? [])));

/** Every set that was ever published, in the order of their names. */
export const readSets = (view: ReadView): readonly ActiveSet[] =>
  [...view.scan(sets)].map(([id, set]) => ({ ...set, id: id as Digest }));

/** Sets that wait for attestations. */
export const readPending = (view: ReadView): readonly ActiveSet[] =>
  [...view.scan(sets)].flatMap(([id, set]) => (set.activeFrom === null ? [{ ...set, id: id as Digest }] : []));

/** What tightens a set that was published at a height; `asOf`: as the chain stood at that height, not now. */
export const readTightening = (
  view: ReadView,
  publishedAt: number,
  asOf = Number.POSITIVE_INFINITY,
): { readonly retiredRules: readonly string[]; readonly revokedFacts: readonly string[] } => {
  const since = (from: typeof retired): readonly string[] => {
    const counting = [...view.scan(from)].filter(([, height]) => height >= publishedAt && height <= asOf);
    return [...new Set(counting.map(([key]) => key.slice(0, key.lastIndexOf('/'))))];
  };
  return { retiredRules: since(retired), revokedFacts: since(revoked) };
};

/** undefined: none was set; one governor's word counts. */
export const attestationRule = (view: ReadView): AttestationRule | undefined => view.get(rules, 'current');

const attestationKey = (publication: Digest, by: PublicKey): string => `${publication}/by/${by}`;

/** Whether this evaluator has said what it got. */
export const hasAttested = (view: ReadView, publication: Digest, by: PublicKey): boolean =>
  view.get(attestations, attestationKey(publication, by)) !== undefined;

const emit = (view: View, name: string, attributes: Readonly<Record<string, string>>): void =>
  view.emit({ module: 'policies', kind: name, attributes });

function publish(publication: Publication, view: View, { sender, height }: TransactionContext): Outcome {
  const id = publicationId(publication);
  if (view.get(sets, id) !== undefined) return refuse('already-published');
  view.set(sets, id, { ...publication, author: sender, publishedAt: height, compiled: null, activeFrom: null });
  const { policySet, factSet, asOf, tenant, content } = publication;
  emit(view, 'published', { id, policySet, factSet, asOf, tenant: tenant ?? '', content });
  return ok;
}

/** The active set of the network with other facts. */
function publishFacts(
  facts: Pick<Publication, 'factSet' | 'asOf' | 'content'>,
  view: View,
  context: TransactionContext,
): Outcome {
  const current = readActiveSet(view, null);
  if (current === undefined) return refuse('no-active-set');
  return publish({ policySet: current.policySet, tenant: null, ...facts }, view, context);
}

function attest(
  { publication: id, compiled }: Attestation,
  view: View,
  { sender, height }: TransactionContext,
): Outcome {
  const set = view.get(sets, id);
  if (set === undefined) return refuse('unknown-publication');
  if (set.activeFrom !== null) return refuse('already-active');
  const rule = attestationRule(view) ?? { evaluators: [sender], attestationsMin: 1 };
  if (!rule.evaluators.includes(sender)) return refuse('not-an-evaluator');
  const own = attestationKey(id, sender);
  if (view.get(attestations, own) !== undefined) return refuse('already-attested');
  view.set(attestations, own, height);
  const tally = `${id}/for/${compiled}`;
  const count = (view.get(attestations, tally) ?? 0) + 1;
  view.set(attestations, tally, count);
  emit(view, 'attested', { id, compiled, evaluator: sender, count: String(count) });
  if (count < rule.attestationsMin) return ok;
  const activeFrom = height + 1;
  view.set(sets, id, { ...set, compiled, activeFrom });
  view.set(active, set.tenant ?? network, id);
  emit(view, 'activated', { id, compiled, tenant: set.tenant ?? '', from: String(activeFrom) });
  return ok;
}

const tighten =
  (name: string, into: typeof retired) =>
  ({ id }: { readonly id: string }, view: View, { height }: TransactionContext): Outcome => {
    view.set(into, `${id}/${height}`, height);
    emit(view, name, { id });
    return ok;
  };

function setRule(rule: AttestationRule, view: View): Outcome {
  if (new Set(rule.evaluators).size !== rule.evaluators.length) return refuse('evaluator-twice');
  if (rule.attestationsMin > rule.evaluators.length) return refuse('too-few-evaluators');
  view.set(rules, 'current', rule);
  emit(view, 'rule-set', { evaluators: String(rule.evaluators.length), attestationsMin: String(rule.attestationsMin) });
  return ok;
}

/** A tenant publishes for itself alone. */
const ownTenant = ({ tenant }: Publication, _view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  tenant === sender ? ['set-owner'] : [];

/** Once evaluators are named they alone attest; before, the governors do. */
const namedEvaluator = (_body: Attestation, view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  attestationRule(view)?.evaluators.includes(sender) === true ? ['policy-evaluator'] : [];

/** The network's set is the governors' affair; their role is not enough for a tenant's. */
const networkSet = (publication: Publication, view: View, context: TransactionContext): Outcome =>
  publication.tenant !== null && publication.tenant !== context.sender
    ? refuse('not-own-tenant')
    : publish(publication, view, context);

/** The first set decides from block 1 on. */
function genesis({ policies }: Genesis, view: View): void {
  if (policies === undefined) return;
  if (policies.rule !== null) view.set(rules, 'current', policies.rule);
  if (policies.network === null) return;
  const { author, compiled, ...publication } = policies.network;
  const id = publicationId(publication);
  view.set(sets, id, { ...publication, author, publishedAt: 0, compiled, activeFrom: 1 });
  view.set(active, network, id);
}

export const policiesModule: LedgerModule = {
  name: 'policies',
  genesis,
  kinds: new Map([
    ['publish', kind<Publication>({ body: publicationCodec, relation: ownTenant, execute: networkSet })],
    ['publish-facts', kind({ body: factsBodyCodec, execute: publishFacts })],
    ['attest', kind<Attestation>({ body: attestationCodec, relation: namedEvaluator, execute: attest })],
    ['retire', kind({ body: namedCodec, execute: tighten('retired', retired) })],
    ['revoke-fact', kind({ body: namedCodec, execute: tighten('fact-revoked', revoked) })],
    ['set-rule', kind<AttestationRule>({ body: attestationRuleCodec, execute: setRule })],
  ]),
};

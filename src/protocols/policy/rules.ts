/**
 * A rule is a Cedar policy with annotations: `@id`, `@regime`, `@state("green"|"yellow"|"red")`, `@obligation("kind, kind")`,
 * `@citation`, `@version`, and for the printed table `@data`, `@from`, `@to`, `@context`. A policy with `@role("applies")`
 * says when its regime applies and decides nothing else. Rules of the regime `control` are prohibitions within every regime.
 */
import { PolicyError } from './policy-error.ts';

export type PolicyState = 'Green' | 'Yellow' | 'Red';

/** 1, 2, 3: the higher the worse. */
export const stateRank: Readonly<Record<PolicyState, number>> = { Green: 1, Yellow: 2, Red: 3 };
export const worse = (a: PolicyState, b: PolicyState): PolicyState => (stateRank[a] >= stateRank[b] ? a : b);

export const controlRegime = 'control';

/** When an obligation is due: before the flow is let go, while it happens (the enforcement point applies it), after release. */
export type ObligationPhase = 'before' | 'with' | 'after';

export interface ObligationKind {
  readonly kind: string;
  readonly phase: ObligationPhase;
  /** Seconds from quarantine (`before`) or release (`after`); null for `with`. */
  readonly deadlineSeconds: number | null;
  /** The role that signs the proof; null where the enforcement point's own receipt is the proof. */
  readonly proofBy: string | null;
}

/** A policy as Cedar's `policyToJson` gives it: `effect`, scope, `conditions`, `annotations`. */
export interface CedarPolicyJson {
  readonly effect: string;
  readonly principal: { readonly op: string };
  readonly action: { readonly op: string };
  readonly resource: { readonly op: string };
  readonly conditions: readonly { readonly kind: string; readonly body: unknown }[];
  readonly annotations?: Readonly<Record<string, string | null>>;
}

export interface Rule {
  readonly id: string;
  readonly version: string;
  readonly regime: string;
  /** null: the rule says that its regime applies. */
  readonly state: PolicyState | null;
  readonly obligations: readonly string[];
  readonly citation: string;
  /** Columns of the printed table: data, from, to, context. */
  readonly columns: readonly [string, string, string, string];
  readonly policy: CedarPolicyJson;
}

/** What a result says of a rule that gives a regime its state. */
export interface DeterminingRule {
  readonly id: string;
  readonly version: string;
  readonly regime: string;
  readonly state: PolicyState;
  readonly citation: string;
}

const states: ReadonlyMap<string, PolicyState> = new Map([
  ['green', 'Green'],
  ['yellow', 'Yellow'],
  ['red', 'Red'],
]);

const known = new Set([
  'id',
  'version',
  'regime',
  'role',
  'state',
  'obligation',
  'citation',
  'data',
  'from',
  'to',
  'context',
]);

/** JSON's numbers are exact to 2^53 only: a larger integer would be another one than the text says. */
function holdsInexactNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsInexactNumber);
}

/** Throws {@link PolicyError} with the rule's id as place. */
export function readRule(policy: CedarPolicyJson, kinds: ReadonlyMap<string, ObligationKind>): Rule {
  const annotations = policy.annotations ?? {};
  const id = annotations['id'] ?? '';
  const refuse = (problem: string): never => {
    throw new PolicyError('invalid-policy', id === '' ? 'a policy without @id' : `rule ${id}`, problem);
  };
  if (id === '') return refuse('every policy needs @id("…")');
  const unknown = Object.keys(annotations).find((name) => !known.has(name));
  if (unknown !== undefined) return refuse(`unknown annotation @${unknown}`);
  const text = (name: string): string => annotations[name] ?? '';
  const regime = text('regime') === '' ? refuse('@regime("…") is missing') : text('regime');
  const role = text('role');
  if (role !== '' && role !== 'applies') return refuse(`unknown @role("${role}"); there is: applies`);
  const applies = role === 'applies';
  if (applies && (policy.effect !== 'permit' || text('state') !== ''))
    return refuse('a policy with @role("applies") is a permit without @state');
  const state = applies ? null : (states.get(text('state')) ?? refuse('@state("green"), "yellow" or "red" is missing'));
  if (state !== null && (state === 'Red') !== (policy.effect === 'forbid'))
    return refuse(`@state("${text('state')}") on a ${policy.effect}: red is forbid, green and yellow are permit`);
  if (regime === controlRegime && state !== 'Red') return refuse('rules of the regime control only forbid');
  if (!applies && text('citation') === '') return refuse('@citation("…") is missing');
  const obligations = text('obligation')
    .split(',')
    .map((kind) => kind.trim())
    .filter((kind) => kind !== '');
  const stranger = obligations.find((kind) => !kinds.has(kind));
  if (stranger !== undefined) return refuse(`unknown obligation ${stranger}`);
  if (state === 'Yellow' && obligations.length === 0)
    return refuse('yellow needs an @obligation: it is what has to be proved');
  if (holdsInexactNumber(policy.conditions)) return refuse('integers must be below 2^53');
  return {
    ...{ id, regime, state, obligations, policy },
    version: text('version') === '' ? '1' : text('version'),
    citation: text('citation'),
    columns: [text('data'), text('from'), text('to'), text('context')],
  };
}

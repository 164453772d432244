/**
 * Statements: what the sources that an agreement names say about an obligation, signed by them, and what they prove by
 * its evidence rule. Source: court design, "Agreement" and "Arbitration threshold".
 */
import type { ChainId, Digest, PublicKey } from '../../../shared/brands.ts';
import { type Codec, digest32, encode, struct, textMax, uint } from '../../../shared/codec.ts';
import { signingBytes } from '../../../shared/hash.ts';
import { jsonBytesExact, type JsonCodec, jsonKey, jsonList, jsonStruct, jsonUint } from '../../json-codec.ts';
import type { SignatureRule } from '../../module.ts';
import { type ReadView, table, type View } from '../../view.ts';
import type { EvidenceRule, Obligation } from './agreement-terms.ts';

/** What a source says of one period. */
export interface Statement {
  readonly source: PublicKey;
  /** In the unit of the rule's metric. */
  readonly value: number;
  /** Signature by the source over {@link statementSigningBytes}. */
  readonly signature: Uint8Array;
}

export interface StatementSubject {
  readonly agreement: Digest;
  readonly obligation: string;
  readonly period: number;
}

const signedCodec: Codec<StatementSubject & { value: number }> = struct<StatementSubject & { value: number }>({
  agreement: digest32,
  obligation: textMax(63),
  period: uint,
  value: uint,
});

export const statementSigningBytes = (chain: ChainId, subject: StatementSubject, value: number): Uint8Array =>
  signingBytes('bpci/court-statement/v1', chain, encode(signedCodec, { ...subject, value }));

export const statementsCodec: JsonCodec<readonly Statement[]> = jsonList(
  jsonStruct<Statement>({ source: jsonKey, value: jsonUint(), signature: jsonBytesExact(64) }),
  16,
);

/** What is wrong with statements about an obligation, or null. */
export function statementsRefusal(
  statements: readonly Statement[],
  subject: StatementSubject,
  { evidenceRule }: Obligation,
  context: { readonly chainId: ChainId; readonly signatures: SignatureRule },
): 'no-evidence-rule' | 'unknown-source' | 'duplicate-source' | 'bad-statement-signature' | null {
  if (statements.length === 0) return null;
  if (evidenceRule === null) return 'no-evidence-rule';
  const seen = new Set<PublicKey>();
  for (const { source, value, signature } of statements) {
    if (!evidenceRule.sources.includes(source)) return 'unknown-source';
    if (seen.has(source)) return 'duplicate-source';
    seen.add(source);
    const message = statementSigningBytes(context.chainId, subject, value);
    if (!context.signatures.verify(source, message, signature)) return 'bad-statement-signature';
  }
  return null;
}

const isViolated = ({ comparison, bound }: EvidenceRule, value: number): boolean =>
  comparison === 'at-least' ? value < bound : value > bound;

/**
 * What the values of distinct sources mean: `breach` where enough of them violate the bound, `no-breach` where enough
 * keep it, what the rule says of missing samples where there are too few; `panel` where the sources contradict each other.
 */
export function decideByRule(rule: EvidenceRule, values: readonly number[]): 'breach' | 'no-breach' | 'panel' {
  const violating = values.filter((value) => isViolated(rule, value)).length;
  const keeping = values.length - violating;
  if (violating >= rule.needed && keeping < rule.needed) return 'breach';
  if (keeping >= rule.needed && violating < rule.needed) return 'no-breach';
  return values.length < rule.needed ? rule.missing : 'panel';
}

/**
 * What shows a breach by the agreement's own rule: enough statements that say so, or, once the period is over, too few of
 * them where the rule calls that a breach. null: nothing does.
 */
export function proofOfBreach(
  rule: EvidenceRule | null,
  values: readonly number[],
  isPeriodOver: boolean,
): 'statements' | 'silence' | null {
  if (rule === null || decideByRule(rule, values) !== 'breach') return null;
  if (values.length >= rule.needed) return 'statements';
  return isPeriodOver ? 'silence' : null;
}

/** Values by `<case>/<source>`; the first statement of a source stands. */
const received = table('court/statement/', uint);

export const readStatements = (view: ReadView, caseId: Digest): readonly number[] =>
  [...view.scan(received, `${caseId}/`)].map(([, value]) => value);

export function keepStatements(view: View, caseId: Digest, statements: readonly Statement[]): void {
  for (const { source, value } of statements) {
    const key = `${caseId}/${source}`;
    if (view.get(received, key) === undefined) view.set(received, key, value);
  }
}

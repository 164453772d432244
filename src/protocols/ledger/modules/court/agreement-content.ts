/**
 * The private part of an agreement: what people read, and rules in the manner of ODRL 2.2 (permission, prohibition, duty,
 * constraint, remedy, consequence). It never goes on chain; its salted digest does. Source: court design, "Agreement";
 * W3C ODRL Information Model 2.2; Regulation (EU) 2016/679, Article 28(3).
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { encode } from '../../../shared/codec.ts';
import { taggedHash } from '../../../shared/hash.ts';
import {
  jsonBytesExact,
  jsonChecked,
  jsonChoice,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  jsonStruct,
  jsonText,
  jsonUint,
} from '../../json-codec.ts';
import { jsonName } from './agreement-terms.ts';

/** ODRL: `leftOperand operator rightOperand`. */
interface Constraint {
  readonly leftOperand: string;
  readonly operator: 'eq' | 'neq' | 'gt' | 'gteq' | 'lt' | 'lteq' | 'isAnyOf' | 'isNoneOf';
  readonly rightOperand: string;
}

/** A permission or a prohibition. */
interface Rule {
  readonly id: string;
  /** Who may, or may not. */
  readonly assignee: PublicKey;
  readonly action: string;
  readonly target: string;
  readonly constraints: readonly Constraint[];
}

/** What an obligation of the terms means. */
export interface Duty {
  /** Of the obligation. */
  readonly id: string;
  readonly action: string;
  readonly object: string;
  readonly constraints: readonly Constraint[];
  /** What mends a breach, and what follows from one that is not mended. */
  readonly remedy: string;
  readonly consequence: string;
}

/** What Article 28(3) GDPR asks a contract with a processor to set out; the letters are its points. */
export interface DataProcessing {
  readonly subjectMatter: string;
  readonly duration: string;
  readonly nature: string;
  readonly purpose: string;
  readonly personalDataTypes: readonly string[];
  readonly dataSubjectCategories: readonly string[];
  readonly controllerRights: string;
  /** (a), transfers to third countries included. */
  readonly documentedInstructions: string;
  /** (b) */
  readonly confidentiality: string;
  /** (c), Article 32. */
  readonly securityMeasures: readonly string[];
  /** (d), paragraphs 2 and 4. */
  readonly subProcessors: {
    readonly authorisation: 'specific' | 'general';
    readonly noticeDays: number;
    readonly engaged: readonly string[];
  };
  /** (e) */
  readonly dataSubjectRequests: string;
  /** (f), Articles 32 to 36. */
  readonly assistance: string;
  /** (g) */
  readonly atEnd: { readonly choice: 'delete' | 'return'; readonly withinDays: number };
  /** (h), and its last subparagraph. */
  readonly audits: string;
}

export interface AgreementContent {
  /** 32 random bytes: without them a digest of few possible contents could be guessed. */
  readonly salt: Uint8Array;
  readonly title: string;
  /** Of the text that people signed. */
  readonly prose: Digest;
  readonly parties: readonly { readonly account: PublicKey; readonly name: string; readonly address: string }[];
  readonly duties: readonly Duty[];
  readonly permissions: readonly Rule[];
  readonly prohibitions: readonly Rule[];
  readonly dataProcessing: DataProcessing | null;
  /** Policy sets that the parties keep to. */
  readonly policies: readonly string[];
  /** Controls that somebody keeps. */
  readonly controls: readonly { readonly framework: string; readonly control: string; readonly text: string }[];
  /** What each party brings in. */
  readonly contributions: readonly { readonly account: PublicKey; readonly text: string }[];
}

const required = (maxBytes: number): JsonCodec<string> =>
  jsonChecked(jsonText(maxBytes), (text) => (text.trim() === '' ? 'must not be empty' : undefined));
const line = required(256);
const paragraph = required(4096);
const some = <T>(codec: JsonCodec<T>, max: number): JsonCodec<readonly T[]> =>
  jsonChecked(jsonList(codec, max), (items) => (items.length === 0 ? 'at least one needed' : undefined));

const constraints = jsonList(
  jsonStruct<Constraint>({
    leftOperand: line,
    operator: jsonChoice('eq', 'neq', 'gt', 'gteq', 'lt', 'lteq', 'isAnyOf', 'isNoneOf'),
    rightOperand: line,
  }),
  16,
);
const rules = jsonList(
  jsonStruct<Rule>({ id: jsonName, assignee: jsonKey, action: line, target: line, constraints }),
  64,
);

const dataProcessing = jsonStruct<DataProcessing>({
  subjectMatter: paragraph,
  duration: paragraph,
  nature: paragraph,
  purpose: paragraph,
  personalDataTypes: some(line, 64),
  dataSubjectCategories: some(line, 64),
  controllerRights: paragraph,
  documentedInstructions: paragraph,
  confidentiality: paragraph,
  securityMeasures: some(paragraph, 64),
  subProcessors: jsonStruct<DataProcessing['subProcessors']>({
    authorisation: jsonChoice('specific', 'general'),
    noticeDays: jsonUint(365),
    engaged: jsonList(line, 64),
  }),
  dataSubjectRequests: paragraph,
  assistance: paragraph,
  atEnd: jsonStruct<DataProcessing['atEnd']>({ choice: jsonChoice('delete', 'return'), withinDays: jsonUint(365) }),
  audits: paragraph,
});

export const contentCodec: JsonCodec<AgreementContent> = jsonStruct<AgreementContent>({
  salt: jsonBytesExact(32),
  title: line,
  prose: jsonDigest,
  parties: jsonList(
    jsonStruct<AgreementContent['parties'][number]>({ account: jsonKey, name: line, address: line }),
    8,
  ),
  duties: jsonList(
    jsonStruct<Duty>({ id: jsonName, action: line, object: line, constraints, remedy: line, consequence: line }),
    32,
  ),
  permissions: rules,
  prohibitions: rules,
  dataProcessing: jsonNullable(dataProcessing),
  policies: jsonList(line, 16),
  controls: jsonList(
    jsonStruct<AgreementContent['controls'][number]>({ framework: line, control: line, text: paragraph }),
    128,
  ),
  contributions: jsonList(
    jsonStruct<AgreementContent['contributions'][number]>({ account: jsonKey, text: paragraph }),
    8,
  ),
});

/** What the chain knows of the private part. */
export const contentDigest = (content: AgreementContent): Digest =>
  taggedHash('bpci/court-content/v1', encode(contentCodec, content));

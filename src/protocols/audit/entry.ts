/**
 * The audit log of a node: what was done to it and by it, one entry a line, each naming the digest of the one before. Whoever
 * changes, drops or inserts an entry changes every digest after it; the newest is anchored on chain.
 * Source: security-and-audit design, "Audit trail". docs/formats/audit-log.md.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { type Codec, CodecError, digest32, encode, list, struct, textMax, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';

/**
 * - `begin`: the first entry; names chain and node.
 * - `start`, `stop`: the process took up and ended its work. A start with no stop before it came after a crash.
 * - `failed`: it could not go on.
 * - `key-use`: a private key was opened.
 * - `config-change`: what it was started with differs from the start before.
 * - `refused`: requests that were refused since the last such entry, by reason.
 * - `mended`: an unfinished last line was cut off.
 */
const auditActions = ['begin', 'start', 'stop', 'failed', 'key-use', 'config-change', 'refused', 'mended'] as const;
export type AuditAction = (typeof auditActions)[number];

/** In the order of the names. */
export type AuditDetails = Readonly<Record<string, string>>;

export interface AuditRecord {
  /** From 0. */
  readonly index: number;
  /** Milliseconds since 1970, by the node's clock. */
  readonly time: number;
  readonly action: AuditAction;
  readonly details: AuditDetails;
}

export interface AuditEntry extends AuditRecord {
  /** Digest of the entry before; 64 zeros for the first. */
  readonly previous: Digest;
  readonly digest: Digest;
}

/** What is anchored: a log is told from one that took its place by when it began. */
export interface AuditHead {
  /** Time of the first entry. */
  readonly began: number;
  /** Entries. */
  readonly size: number;
  /** Of the last entry. */
  readonly digest: Digest;
}

const noEntryBefore = '0'.repeat(64) as Digest;

const detailsMax = 64;
/** Longer texts are cut where an entry is made. */
export const detailBytesMax = 1024;

interface Hashed {
  readonly index: number;
  readonly time: number;
  readonly action: string;
  readonly details: readonly { readonly name: string; readonly value: string }[];
  readonly previous: Digest;
}

const hashedCodec: Codec<Hashed> = struct<Hashed>({
  index: uint,
  time: uint,
  action: textMax(32),
  details: list(
    struct<{ name: string; value: string }>({ name: textMax(64), value: textMax(detailBytesMax) }),
    detailsMax,
  ),
  previous: digest32,
});

const sorted = (details: AuditDetails): readonly (readonly [string, string])[] =>
  Object.entries(details).sort(([a], [b]) => compareText(a, b));

export function chainAuditEntry({ index, time, action, details }: AuditRecord, previous: Digest): AuditEntry {
  const ordered = sorted(details);
  const hashed = { index, time, action, previous, details: ordered.map(([name, value]) => ({ name, value })) };
  const digest = taggedHash('bpci/audit-entry/v1', encode(hashedCodec, hashed));
  return { index, time, action, details: Object.fromEntries(ordered), previous, digest };
}

/** The first entry of a log. */
export const beginAuditLog = (chainId: ChainId, node: PublicKey, time: number): AuditEntry =>
  chainAuditEntry({ index: 0, time, action: 'begin', details: { chain: chainId, node } }, noEntryBefore);

/** The line of an entry, without its end. One entry has one line. */
export const auditLine = ({ index, time, action, details, previous, digest }: AuditEntry): string =>
  JSON.stringify({ index, time, action, details: Object.fromEntries(sorted(details)), previous, digest });

/** The entry of a line, or why it is none. Nothing of the chain before it is looked at. */
export function readAuditLine(line: string): { readonly entry: AuditEntry } | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'not JSON' };
    throw error;
  }
  const record = recordOf(json);
  if (record === null) return { problem: 'not an entry' };
  const { previous } = json as { readonly previous: Digest };
  let entry: AuditEntry;
  try {
    entry = chainAuditEntry(record, previous);
  } catch (error) {
    // A text that is too long or no UTF-8 could not have been written by a node.
    if (error instanceof CodecError) return { problem: error.message };
    throw error;
  }
  return auditLine(entry) === line ? { entry } : { problem: 'its digest is not that of what it says' };
}

function recordOf(json: unknown): AuditRecord | null {
  if (typeof json !== 'object' || json === null) return null;
  const { index, time, action, details, previous } = json as Readonly<Record<string, unknown>>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!isCount(index) || !isCount(time)) return null;
  const known = auditActions.find((name) => name === action);
  if (known === undefined || typeof previous !== 'string' || !/^[0-9a-f]{64}$/.test(previous)) return null;
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return null;
  const pairs = Object.entries(details as Readonly<Record<string, unknown>>);
  if (!pairs.every(([, value]) => typeof value === 'string')) return null;
  return { index, time, action: known, details: details as AuditDetails };
}

/** Reads a log line by line. Each line is judged on what came before it. */
export class AuditLogReader {
  readonly #expected: { readonly chainId: ChainId; readonly node: PublicKey } | null;
  #head: AuditHead | null = null;

  /** @param expected whose log it has to be; null takes what the first entry says */
  constructor(expected: { readonly chainId: ChainId; readonly node: PublicKey } | null) {
    this.#expected = expected;
  }

  /** Null before the first entry. */
  get head(): AuditHead | null {
    return this.#head;
  }

  /** The next line's entry, or why it cannot stand there; then nothing after it is to be believed. */
  next(line: string): { readonly entry: AuditEntry } | { readonly problem: string } {
    const read = readAuditLine(line);
    if ('problem' in read) return read;
    const { entry } = read;
    const problem = this.#misfit(entry);
    if (problem !== null) return { problem };
    this.#head = { began: this.#head?.began ?? entry.time, size: entry.index + 1, digest: entry.digest };
    return read;
  }

  #misfit({ index, action, previous, details }: AuditEntry): string | null {
    if (index !== (this.#head?.size ?? 0)) return `entry ${index} stands where ${this.#head?.size ?? 0} is due`;
    if (previous !== (this.#head?.digest ?? noEntryBefore)) return 'it does not follow the entry before it';
    if ((index === 0) !== (action === 'begin')) return 'a log begins once';
    if (index > 0 || this.#expected === null) return null;
    const { chainId, node } = this.#expected;
    if (details['chain'] !== chainId) return 'it is the log of a node of another chain';
    return details['node'] === node ? null : 'it is the log of another node';
  }
}

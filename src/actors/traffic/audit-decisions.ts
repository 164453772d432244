/**
 * Audits a light's log: every entry is read, the tree is built anew from the entries and compared tile by tile, each epoch's
 * checkpoint is verified, and the newest is compared with the anchor on chain. Source: security-and-audit design, "Audit trail".
 */
import { appendLeafHashes, emptyLogEdge, type LogEdge, rootAt } from '../../protocols/ledger/transparency-log.ts';
import { hashLeaf } from '../../protocols/ledger/merkle-hash.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { equalBytes, fromUint64Key, uint64Key } from '../../protocols/shared/bytes.ts';
import { CodecError, tryDecode } from '../../protocols/shared/codec.ts';
import { decodeEntry } from '../../protocols/traffic/entry.ts';
import { readLogCheckpoint } from '../../protocols/traffic/log-identity.ts';
import type { StoreReader } from '../../runtime/ports/store.ts';
import type { LogAnchor } from './decision-log.ts';
import { type LogHead, logGroupCodec, logHeadCodec, logTables, logTileKey } from './log-tables.ts';

export interface DecisionsAudit {
  readonly epochs: number;
  readonly entries: number;
  readonly decisions: number;
  /** Entries that the anchor on chain covers. */
  readonly anchored: number;
  readonly problems: readonly string[];
}

export interface DecisionsAuditOptions {
  readonly reader: StoreReader;
  readonly light: PublicKey;
  readonly verify: (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean;
  /** What the chain holds of the light's log; null: nothing. */
  readonly anchor: Pick<LogAnchor, 'logId' | 'size' | 'root'> | null;
}

export function auditDecisions(options: DecisionsAuditOptions): DecisionsAudit {
  const { reader, anchor } = options;
  const problems: string[] = [];
  const counts = { epochs: 0, entries: 0, decisions: 0, anchored: 0 };
  for (const [, value] of reader.range(logTables.heads)) {
    const head = tryDecode(logHeadCodec, value);
    if ('error' in head) {
      problems.push(`a head cannot be read: ${head.error.message}`);
      continue;
    }
    counts.epochs += 1;
    const epoch = auditEpoch(options, head.value);
    counts.entries += epoch.entries;
    counts.decisions += epoch.decisions;
    problems.push(...epoch.problems);
    if (anchor === null || anchor.logId !== head.value.logId || anchor.size === 0) continue;
    counts.anchored = Math.min(anchor.size, epoch.entries);
    if (epoch.entries < anchor.size)
      problems.push(`${anchor.size} entries are anchored on chain, ${epoch.entries} are here`);
    else if (epoch.rootAt(anchor.size) !== anchor.root) problems.push('it is not the log that is anchored on chain');
  }
  return { ...counts, problems };
}

interface EpochAudit {
  readonly entries: number;
  readonly decisions: number;
  readonly rootAt: (size: number) => string;
  readonly problems: readonly string[];
}

function auditEpoch({ reader, light, verify }: DecisionsAuditOptions, head: LogHead): EpochAudit {
  const { epoch, logId } = head;
  const problems: string[] = [];
  const tiles = new Map<string, Uint8Array>();
  let edge: LogEdge = emptyLogEdge;
  let decisions = 0;
  const range = { from: uint64Key(epoch), to: uint64Key(epoch + 1) };
  for (const [key, value] of reader.range(logTables.entries, range)) {
    const first = fromUint64Key(key.subarray(8));
    const group = tryDecode(logGroupCodec, value);
    if ('error' in group || first !== edge.size) {
      problems.push(`epoch ${epoch}: the entries from ${edge.size} on cannot be read`);
      break;
    }
    for (const { bytes } of group.value) if (isDecision(bytes, problems)) decisions += 1;
    const grown = appendLeafHashes(
      edge,
      group.value.map(({ bytes }) => hashLeaf(bytes)),
    );
    edge = grown.edge;
    for (const { level, index, hashes } of grown.tileWrites) tiles.set(`${level}/${index}`, hashes);
  }
  const tile = (level: number, index: number): Uint8Array | undefined => tiles.get(`${level}/${index}`);
  const root = rootAt({ tile }, edge.size);
  if (edge.size !== head.size || root !== head.root) problems.push(`epoch ${epoch}: the entries do not give its root`);
  const checkpoint = readLogCheckpoint(head.checkpoint, logId, light, verify);
  if (checkpoint === null || checkpoint.size !== head.size || checkpoint.root !== head.root) {
    problems.push(`epoch ${epoch}: its checkpoint is not the light's over this log`);
  }
  for (const [name, hashes] of tiles) {
    const [level = 0, index = 0] = name.split('/').map(Number);
    const stored = reader.get(logTables.tiles, logTileKey(epoch, level, index));
    if (stored === undefined || !equalBytes(stored, hashes)) problems.push(`epoch ${epoch}: tile ${name} differs`);
  }
  return { entries: edge.size, decisions, problems, rootAt: (size) => rootAt({ tile }, size) };
}

function isDecision(bytes: Uint8Array, problems: string[]): boolean {
  try {
    return decodeEntry(bytes).type === 'decision';
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    problems.push(`an entry cannot be read: ${error.message}`);
    return false;
  }
}

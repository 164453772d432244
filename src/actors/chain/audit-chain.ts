/**
 * Audits what nodes keep of one chain: every block is executed anew from the genesis on, every seal verified, and every record of
 * every table compared with what the execution gives. So a byte that differs anywhere in a store is found, but for what a node
 * alone knows: the time at which it stored a block.
 * Source: security-and-audit design, "Audit trail".
 */
import { type Block, blockCodec, blockDigest, type Commit, commitCodec } from '../../protocols/ledger/block.ts';
import { commitRefusal, sealsToVerify } from '../../protocols/ledger/block-limits.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import type { SignatureRule } from '../../protocols/ledger/module.ts';
import { setChangeCodec } from '../../protocols/ledger/proof-bundle.ts';
import { nodeOfStaleKey } from '../../protocols/ledger/state-tree.ts';
import type { StateReader } from '../../protocols/ledger/view.ts';
import { equalBytes, toHex, uint64Key } from '../../protocols/shared/bytes.ts';
import { encode, tryDecode } from '../../protocols/shared/codec.ts';
import type { Store, StoreReader } from '../../runtime/ports/store.ts';
import { checkpointKey } from '../checkpoint-cosigner.ts';
import { applySynced } from './apply-synced.ts';
import { checkpointProblem } from './audit-checkpoint.ts';
import { Chain } from './chain.ts';
import { backfillKey, factsCodec, importingKey, stateReaderOf, tables, tipCodec, tipKey } from './tables.ts';

/** The store of one node, as it is at one moment. */
export interface ChainSource {
  readonly name: string;
  readonly reader: StoreReader;
}

export interface ChainAudit {
  readonly name: string;
  readonly height: number;
  readonly blocks: number;
  readonly transactions: number;
  /** Signatures of validators under blocks that were verified. */
  readonly seals: number;
  /** Records of all tables that were compared. */
  readonly records: number;
  readonly problems: readonly string[];
}

export interface ChainAuditOptions {
  readonly genesis: Genesis;
  readonly signatures: SignatureRule;
  readonly sources: readonly ChainSource[];
  /** An empty store for the execution. */
  readonly scratch: Store;
  /** Seals of lower heights are taken for granted; everything is executed all the same. */
  readonly sealsFrom?: number;
  readonly onProgress?: (height: number, of: number) => void;
}

export interface ChainsAudit {
  readonly audits: readonly ChainAudit[];
  /** The state at the highest height, as it was executed. */
  readonly state: StateReader;
  readonly height: number;
}

/** Problems of one node are told up to this many: more of them say nothing new. */
const problemsMax = 20;

class SourceAudit {
  readonly source: ChainSource;
  readonly height: number;
  blocks = 0;
  transactions = 0;
  seals = 0;
  records = 0;
  missing = 0;
  readonly problems: string[] = [];

  constructor(source: ChainSource) {
    this.source = source;
    const tip = source.reader.get(tables.meta, tipKey);
    const decoded = tip === undefined ? null : tryDecode(tipCodec, tip);
    if (decoded === null) this.report('it holds no chain');
    else if ('error' in decoded) this.report(`meta tip: ${decoded.error.message}`);
    this.height = decoded !== null && 'value' in decoded ? decoded.value.height : 0;
  }

  report(problem: string): void {
    if (this.problems.length < problemsMax) this.problems.push(problem);
    else if (this.problems.length === problemsMax) this.problems.push('more of the kind');
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.source.reader.get(table, key);
  }

  done(): ChainAudit {
    const { height, blocks, transactions, seals, records, problems } = this;
    if (this.missing > 0 && this.get(tables.meta, backfillKey) === undefined) {
      problems.push(`${this.missing} blocks are missing`);
    }
    return { name: this.source.name, height, blocks, transactions, seals, records, problems };
  }
}

export function auditChains(options: ChainAuditOptions): ChainsAudit {
  const audits = options.sources.map((source) => new SourceAudit(source));
  const chain = new Chain({ ...options, store: options.scratch, historyBlocks: Number.POSITIVE_INFINITY });
  const heightMax = Math.max(0, ...audits.map(({ height }) => height));
  for (const audit of audits) if (audit.height === 0) compareRecords(chain, audit, options.signatures);
  for (let height = 1; height <= heightMax; height++) {
    options.onProgress?.(height, heightMax);
    const reached = audits.filter((audit) => audit.height >= height);
    if (!executeNext(chain, options, reached, height)) break;
    for (const audit of reached) if (audit.height === height) compareRecords(chain, audit, options.signatures);
  }
  const all = audits.map((audit) => audit.done());
  return { audits: all, state: stateReaderOf(options.scratch), height: chain.tip.height };
}

const takenForGranted: Pick<SignatureRule, 'verify'> = { verify: () => true };

/** The block at this height as some node has it and the chain accepts it; false where none has such a block. */
function executeNext(
  chain: Chain,
  options: ChainAuditOptions,
  audits: readonly SourceAudit[],
  height: number,
): boolean {
  const at = uint64Key(height);
  const { sealsFrom = 0, signatures } = options;
  const set = chain.tip.set;
  let executed: Uint8Array | null = null;
  for (const audit of audits) {
    const bytes = audit.get(tables.blocks, at);
    const commit = audit.get(tables.commits, at);
    if (bytes === undefined) {
      audit.missing += 1;
      continue;
    }
    const sealed = commit === undefined ? null : tryDecode(commitCodec, commit);
    if (sealed === null || 'error' in sealed) {
      audit.report(`commit ${height}: ${sealed === null ? 'missing' : sealed.error.message}`);
      continue;
    }
    if (executed === null) {
      const rule = height >= sealsFrom ? signatures : takenForGranted;
      const refusal = applySynced(chain, rule, [{ bytes, commit: sealed.value }], 0);
      if (refusal !== null) {
        audit.report(`block ${height}: ${refusal.reason}`);
        continue;
      }
      executed = bytes;
      if (height >= sealsFrom) audit.seals += sealed.value.seals.length;
    } else {
      if (!equalBytes(executed, bytes)) {
        audit.report(`block ${height} is not the one that was executed`);
        continue;
      }
      if (height >= sealsFrom) checkSeals(audit, { chain, set, signatures, bytes, commit: sealed.value });
    }
    audit.blocks += 1;
    audit.transactions += chain.transactionsOf(height).length;
  }
  return executed !== null;
}

interface SealedAt {
  readonly chain: Chain;
  readonly set: Chain['tip']['set'];
  readonly signatures: SignatureRule;
  readonly bytes: Uint8Array;
  readonly commit: Commit;
}

function checkSeals(audit: SourceAudit, { chain, set, signatures, bytes, commit }: SealedAt): void {
  const block = tryDecode(blockCodec, bytes);
  if ('error' in block) return;
  const { header }: Block = block.value;
  const refusal = commitRefusal(commit, header.height, set);
  const seals = sealsToVerify(chain.chainId, header.height, blockDigest(header), commit);
  const areValid = seals.every(({ key, message, signature }) => signatures.verify(key, message, signature));
  if (refusal !== null || !areValid) audit.report(`commit ${header.height}: ${refusal ?? 'bad-seal'}`);
  audit.seals += seals.length;
}

/** What the execution gives and the node has, record by record, in both directions. */
function compareRecords(chain: Chain, audit: SourceAudit, signatures: SignatureRule): void {
  const { store } = chain;
  const isPartial = audit.get(tables.meta, backfillKey) !== undefined;
  for (const table of [tables.blocks, tables.state, tables.transactions, tables.events, tables.entries, tables.tiles]) {
    compareTable(audit, table, store, { isPartial: isPartial && table !== tables.state });
  }
  compareTree(audit, store);
  compareFacts(audit, store, isPartial);
  compareSetChanges(audit, store, isPartial);
  compareMeta(audit, chain, signatures);
}

/** What a node is in the midst of is its own; cosignatures that it gathered stand for themselves. */
function compareMeta(audit: SourceAudit, chain: Chain, signatures: SignatureRule): void {
  const { store } = chain;
  for (const [key, value] of audit.source.reader.range(tables.meta)) {
    audit.records += 1;
    if (equalBytes(key, backfillKey) || equalBytes(key, importingKey)) continue;
    if (equalBytes(key, checkpointKey)) {
      const problem = checkpointProblem(chain, value, signatures);
      if (problem !== null) audit.report(`checkpoint: ${problem}`);
      continue;
    }
    const expected = store.get(tables.meta, key);
    if (expected === undefined || !equalBytes(expected, value)) {
      audit.report(`${nameOf(tables.meta, key)}: not what the execution gives`);
    }
  }
  reportMissing(audit, tables.meta, store);
}

const nameOf = (table: string, key: Uint8Array): string => `${table} ${toHex(key).slice(0, 80)}`;

/** Records that the execution gives and the node has not. */
function reportMissing(audit: SourceAudit, table: string, store: StoreReader): void {
  for (const [key] of store.range(table)) {
    if (audit.get(table, key) === undefined) audit.report(`${nameOf(table, key)}: missing`);
  }
}

function compareTable(
  audit: SourceAudit,
  table: string,
  store: StoreReader,
  { isPartial }: { readonly isPartial: boolean },
): void {
  for (const [key, value] of audit.source.reader.range(table)) {
    audit.records += 1;
    const expected = store.get(table, key);
    if (expected === undefined) audit.report(`${nameOf(table, key)}: the execution gives no such record`);
    else if (!equalBytes(expected, value)) audit.report(`${nameOf(table, key)}: not what the execution gives`);
  }
  if (!isPartial) reportMissing(audit, table, store);
}

/** A node may have given up records that no height it keeps reads any more; every other one is there. */
function compareTree(audit: SourceAudit, store: StoreReader): void {
  compareTable(audit, tables.tree, store, { isPartial: true });
  compareTable(audit, tables.stale, store, { isPartial: true });
  const stale = new Set<string>();
  for (const [key] of store.range(tables.stale)) stale.add(toHex(nodeOfStaleKey(key)));
  for (const [key] of store.range(tables.tree)) {
    if (!stale.has(toHex(key)) && audit.get(tables.tree, key) === undefined) {
      audit.report(`${nameOf(tables.tree, key)}: missing`);
    }
  }
}

/** When a node stored a block is its own to say. */
function compareFacts(audit: SourceAudit, store: StoreReader, isPartial: boolean): void {
  for (const [key, value] of audit.source.reader.range(tables.facts)) {
    audit.records += 1;
    const expected = tryDecode(factsCodec, store.get(tables.facts, key) ?? new Uint8Array(0));
    const found = tryDecode(factsCodec, value);
    if ('error' in found) audit.report(`${nameOf(tables.facts, key)}: ${found.error.message}`);
    else if ('error' in expected) audit.report(`${nameOf(tables.facts, key)}: the execution gives no such record`);
    else {
      // A block of before a snapshot never had its state here.
      const { rootRef, hasState, firstLeaf } = found.value;
      const isSame = firstLeaf === expected.value.firstLeaf && (!hasState || rootRef === expected.value.rootRef);
      if (!isSame || (!hasState && !isPartial && rootRef !== null)) {
        audit.report(`${nameOf(tables.facts, key)}: not what the execution gives`);
      }
    }
  }
  if (!isPartial) reportMissing(audit, tables.facts, store);
}

/** Its commit is the node's own, and verified where it stands alone. */
function compareSetChanges(audit: SourceAudit, store: StoreReader, isPartial: boolean): void {
  for (const [key, value] of audit.source.reader.range(tables.setChanges)) {
    audit.records += 1;
    const expected = tryDecode(setChangeCodec, store.get(tables.setChanges, key) ?? new Uint8Array(0));
    const commit = tryDecode(commitCodec, audit.get(tables.commits, key) ?? new Uint8Array(0));
    if ('error' in expected) audit.report(`${nameOf(tables.setChanges, key)}: the execution gives no such record`);
    else if ('value' in commit) {
      const whole = encode(setChangeCodec, { ...expected.value, commit: commit.value });
      if (!equalBytes(whole, value)) audit.report(`${nameOf(tables.setChanges, key)}: not what the execution gives`);
    }
  }
  if (!isPartial) reportMissing(audit, tables.setChanges, store);
}

/**
 * Audits everything that a network's data directory holds on this machine: chains, decision logs, audit logs, signatures that
 * validators keep, identities. Reads only, beside a network that runs as well as without one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditChains, type ChainsAudit, type ChainSource } from '../actors/chain/audit-chain.ts';
import { statementKey, statementsTable } from '../actors/court/statement-store.ts';
import { contentTable } from '../actors/policy/content-store.ts';
import { auditDecisions } from '../actors/traffic/audit-decisions.ts';
import { signedRecords } from '../actors/validator/sign-guard.ts';
import { chainIdOf, type Genesis } from '../protocols/ledger/genesis.ts';
import { genesisProblems } from '../protocols/ledger/genesis-state.ts';
import { readAuditHead } from '../protocols/ledger/modules/audit.ts';
import { readLight } from '../protocols/ledger/modules/traffic/traffic.ts';
import { View } from '../protocols/ledger/view.ts';
import type { ChainId, PublicKey } from '../protocols/shared/brands.ts';
import { equalBytes, toHex } from '../protocols/shared/bytes.ts';
import { sha256 } from '../protocols/shared/hash.ts';
import { handedInCodec } from '../protocols/court/handed-in.ts';
import { statementSigningBytes } from '../protocols/ledger/modules/court/statements.ts';
import { tryDecode } from '../protocols/shared/codec.ts';
import { readAuditLog } from './adapters/audit-log.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { inspectLmdbStore, type StoreInspection } from './adapters/lmdb-reader.ts';
import { authorityDigest } from './network-authority.ts';
import { networkDirectory } from './network-directory.ts';
import { readNodeIdentity } from './network-keys.ts';
import { readGenesis } from './network-prepare.ts';
import { MemoryDisk } from './simulated/memory-store.ts';

/** What was checked of one thing, in numbers, and what is wrong with it. */
export interface AuditSection {
  /** `chain of validator-1` */
  readonly subject: string;
  /** `{ blocks: 12, seals: 60 }` */
  readonly checked: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

export interface DirectoryAudit {
  readonly chainId: ChainId;
  /** Of the highest block that was executed. */
  readonly height: number;
  readonly sections: readonly AuditSection[];
  readonly ok: boolean;
}

export interface DirectoryAuditOptions {
  readonly dataDir: string;
  /** Seals of lower heights are taken for granted. */
  readonly sealsFrom?: number;
  readonly onProgress?: (height: number, of: number) => void;
}

const verifier = createVerifier();
const verify = (key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean =>
  verifier.verify(key, message, signature);

/** Rejects with PrepareError where there is no genesis, StoreError where a store cannot be opened. */
export async function auditDirectory(options: DirectoryAuditOptions): Promise<DirectoryAudit> {
  const directory = networkDirectory(options.dataDir);
  const genesis = readGenesis(directory.genesisFile);
  const chainId = chainIdOf(genesis);
  const nodesDirectory = join(directory.root, 'nodes');
  const names = existsSync(nodesDirectory) ? readdirSync(nodesDirectory).sort() : [];
  const sections: AuditSection[] = [auditIdentities(options.dataDir, genesis, names)];
  const stores = names.map((name) => openStores(directory.node(name).root));
  try {
    const chains = names.flatMap((name, at): ChainSource[] => {
      const reader = stores[at]?.chain ?? null;
      return reader === null ? [] : [{ name, reader }];
    });
    const scratch = new MemoryDisk().open({ kind: 'chain', version: 1, chainId });
    const audit = auditChains({ ...options, genesis, signatures: verifier, sources: chains, scratch });
    for (const { name, height, blocks, transactions, seals, records, problems } of audit.audits) {
      const checked = { height, blocks, transactions, seals, records };
      sections.push({ subject: `chain of ${name}`, checked, problems });
    }
    // After the chains: what is anchored in them was in the logs before.
    for (const [at, name] of names.entries()) {
      const own = directory.node(name);
      const identity = readNodeIdentity(own.identityFile, name);
      if (identity === null) continue;
      const node = { name, key: identity.publicKey, audit, chainId };
      sections.push(...auditGuard(node, stores[at]?.guard ?? null));
      sections.push(...auditLight(node, join(own.root, 'log')));
      sections.push(...auditContents(name, join(own.root, 'contents')));
      sections.push(...auditStatements(node, join(own.root, 'statements')));
      sections.push(...auditOwnLog(node, join(own.root, 'audit')));
    }
    await scratch.close();
    const ok = sections.every(({ problems }) => problems.length === 0);
    return { chainId, height: audit.height, sections, ok };
  } finally {
    for (const { chain, guard } of stores) await Promise.all([chain?.close(), guard?.close()]);
  }
}

interface NodeStores {
  readonly chain: StoreInspection | null;
  readonly guard: StoreInspection | null;
}

function openStores(root: string): NodeStores {
  const open = (name: string): StoreInspection | null =>
    existsSync(join(root, name, 'data.mdb')) ? inspectLmdbStore(join(root, name)) : null;
  return { chain: open('chain'), guard: open('guard') };
}

/** Whether identities are those of the genesis, and the authority is the one that it names. */
function auditIdentities(dataDir: string, genesis: Genesis, names: readonly string[]): AuditSection {
  const directory = networkDirectory(dataDir);
  const problems = genesisProblems(genesis, verifier, { devnet: true }).map(
    ({ path, message }) => `${path}: ${message}`,
  );
  let identities = 0;
  for (const name of names) {
    const identity = readNodeIdentity(directory.node(name).identityFile, name);
    if (identity === null) continue;
    identities += 1;
    const validator = genesis.validators.find((one) => one.name === name);
    if (validator === undefined || validator.publicKey === identity.publicKey) continue;
    problems.push(`${name} is ${validator.publicKey} in the genesis and ${identity.publicKey} in its identity`);
  }
  if (genesis.networkAuthority !== null && existsSync(directory.authorityFile)) {
    const found = authorityDigest(readFileSync(directory.authorityFile, 'utf8'));
    if (found !== genesis.networkAuthority) problems.push('the network authority is not the one of the genesis');
  }
  return {
    subject: 'genesis and identities',
    checked: { validators: genesis.validators.length, identities },
    problems,
  };
}

interface AuditedNode {
  readonly name: string;
  readonly key: PublicKey;
  readonly audit: ChainsAudit;
  readonly chainId: ChainId;
}

/** What a validator signed in the last heights, kept so that it never contradicts itself. */
function auditGuard({ name, key }: AuditedNode, guard: StoreInspection | null): readonly AuditSection[] {
  if (guard === null) return [];
  let signatures = 0;
  const problems: string[] = [];
  for (const record of signedRecords(guard)) {
    signatures += 1;
    if ('problem' in record) problems.push(record.problem);
    else if (!verify(key, record.content, record.signature)) problems.push(`signature ${signatures} is not its own`);
  }
  return [{ subject: `guard of ${name}`, checked: { signatures }, problems }];
}

function auditLight({ name, key, audit }: AuditedNode, directory: string): readonly AuditSection[] {
  if (!existsSync(join(directory, 'data.mdb'))) return [];
  const reader = inspectLmdbStore(directory);
  try {
    const record = readLight(new View(audit.state), key);
    const { problems, ...checked } = auditDecisions({ reader, light: key, verify, anchor: record ?? null });
    return [{ subject: `decision log of ${name}`, checked, problems }];
  } finally {
    void reader.close();
  }
}

/** Published sets that a policy engine keeps, each under the digest of its bytes. */
function auditContents(name: string, directory: string): readonly AuditSection[] {
  if (!existsSync(join(directory, 'data.mdb'))) return [];
  const reader = inspectLmdbStore(directory);
  try {
    const problems: string[] = [];
    let sets = 0;
    for (const [key, bytes] of reader.range(contentTable)) {
      sets += 1;
      if (!equalBytes(key, sha256(bytes))) problems.push(`the set ${toHex(key)} has other bytes`);
    }
    return [{ subject: `contents of ${name}`, checked: { sets }, problems }];
  } finally {
    void reader.close();
  }
}

/** Statements that sources handed in to a court, each with its source's signature. */
function auditStatements({ name, chainId }: AuditedNode, directory: string): readonly AuditSection[] {
  if (!existsSync(join(directory, 'data.mdb'))) return [];
  const reader = inspectLmdbStore(directory);
  try {
    const problems: string[] = [];
    let statements = 0;
    for (const [key, bytes] of reader.range(statementsTable)) {
      statements += 1;
      const read = tryDecode(handedInCodec, bytes);
      if ('error' in read) {
        problems.push(`statement ${statements} cannot be read: ${read.error.message}`);
        continue;
      }
      const { value: stated } = read;
      const signed = statementSigningBytes(chainId, stated, stated.value);
      const isIts = equalBytes(key, statementKey(stated, stated)) && verify(stated.source, signed, stated.signature);
      if (!isIts) problems.push(`statement ${statements} is not what ${stated.source} signed`);
    }
    return [{ subject: `statements of ${name}`, checked: { statements }, problems }];
  } finally {
    void reader.close();
  }
}

function auditOwnLog({ name, key, audit, chainId }: AuditedNode, directory: string): readonly AuditSection[] {
  if (!existsSync(directory)) return [];
  const { entries, head, problem, unfinished } = readAuditLog(directory, { chainId, node: key });
  const problems: string[] = [];
  if (problem !== null) problems.push(`${problem.file}:${problem.line}: ${problem.problem}`);
  if (unfinished !== null) problems.push(`${unfinished.file}: its last line is unfinished`);
  const anchored = readAuditHead(new View(audit.state), key);
  if (anchored !== undefined) {
    const at = entries[anchored.size - 1];
    if (head === null || head.began < anchored.began || (head.began === anchored.began && at === undefined)) {
      problems.push(`${anchored.size} entries are anchored on chain, ${entries.length} are here`);
    } else if (head.began === anchored.began && at?.digest !== anchored.digest) {
      problems.push('it is not the log that is anchored on chain');
    }
  }
  const checked = { entries: entries.length, anchored: anchored?.size ?? 0 };
  return [{ subject: `audit log of ${name}`, checked, problems }];
}

/**
 * Makes what a network needs before its processes start, once: keys, accounts, the HTTP authority, the genesis. What is
 * there is never made again; a manifest that contradicts it is refused.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ChainId, PublicKey } from '../protocols/shared/brands.ts';
import { CodedError, invariant } from '../protocols/shared/errors.ts';
import { chainIdOf, type Genesis, type GenesisAccount } from '../protocols/ledger/genesis.ts';
import { genesisFromJson, genesisToJson } from '../protocols/ledger/genesis-json.ts';
import type { LoadedManifest } from './manifest.ts';
import type { Environment } from './manifest-environment.ts';
import { isOfChain, joinAddress, type PlannedNode } from './manifest-expand.ts';
import { ManifestError, type Problem } from './manifest-problems.ts';
import {
  authorityDigest,
  createAuthority,
  issueCertificate,
  needsCertificate,
  readAuthority,
} from './network-authority.ts';
import { type NetworkDirectory, networkDirectory, writeFileAtomically } from './network-directory.ts';
import { genesisDifferences, makeGenesis } from './network-genesis.ts';
import { genesisCourt, genesisPolicies } from './network-governance.ts';
import {
  ensureAccountKey,
  ensureNodeKeys,
  type NodeIdentity,
  readNodeIdentity,
  networkPassphrase,
} from './network-keys.ts';
import { reviewerKeys, serviceConfigs } from './network-services.ts';
import { chainRoles, type NodeConfig, type NodePeer } from './node-config.ts';
import type { ServiceConfig } from './service-config.ts';

export class PrepareError extends CodedError<'no-genesis' | 'bad-genesis' | 'missing-identity' | 'no-certificate'> {
  override readonly name = 'PrepareError';
}

export interface PreparedNetwork {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  /** Whether keys and genesis were made by this call. */
  readonly isNew: boolean;
  readonly directory: NetworkDirectory;
  /** Copy of the genesis for verifiers, in the working directory. */
  readonly genesisCopy: string;
  /** Of the nodes of the chain. */
  readonly configs: readonly NodeConfig[];
  readonly services: readonly ServiceConfig[];
}

export interface PrepareInputs {
  readonly loaded: LoadedManifest;
  /** The nodes of this machine. */
  readonly nodes: readonly PlannedNode[];
  readonly environment: Environment;
  readonly now: number;
}

/** Rejects with ManifestError, NetworkKeyError or {@link PrepareError}. */
export async function prepareNetwork(inputs: PrepareInputs): Promise<PreparedNetwork> {
  const { loaded, nodes } = inputs;
  const directory = networkDirectory(loaded.manifest.spec.defaults.dataDir);
  const isNew = !existsSync(directory.genesisFile);
  if (isNew) {
    const hasAll = nodes.length === loaded.nodes.length;
    if (!hasAll || loaded.manifest.spec.chain.genesis === null) throw missingGenesis(loaded, directory, hasAll);
    await generateKeys(inputs);
    await createGenesis(inputs);
  }
  const genesis = readGenesis(directory.genesisFile);
  const differences = genesisDifferences(loaded, genesis);
  if (differences.length > 0) throw new ManifestError(loaded.file, differences);
  await generateKeys(inputs);
  const peers = collectPeers(loaded, directory, genesis);
  await renewCertificates(inputs, nodes);
  const genesisCopy = resolve(loaded.manifest.spec.chain.genesisFile);
  copyGenesis(directory.genesisFile, genesisCopy);
  const chainId = chainIdOf(genesis);
  const configs = nodes.filter(isOfChain).map((node) => nodeConfig(loaded, node, directory, peers));
  const passphrase = networkPassphrase(loaded.manifest.spec.defaults.passphraseVariable, inputs.environment);
  const services = await serviceConfigs(loaded, nodes, { directory, chainId, passphrase });
  return { chainId, genesis, isNew, directory, genesisCopy, configs, services };
}

/** Keys of these nodes, made where they are missing and no genesis names them yet. */
export async function generateKeys(inputs: PrepareInputs): Promise<readonly NodeIdentity[]> {
  const { metadata, spec } = inputs.loaded.manifest;
  const directory = networkDirectory(spec.defaults.dataDir);
  const passphrase = networkPassphrase(spec.defaults.passphraseVariable, inputs.environment);
  const genesis = existsSync(directory.genesisFile) ? readGenesis(directory.genesisFile) : null;
  const known = new Map(genesis?.validators.map((validator) => [validator.name, validator.publicKey]));
  const identities: NodeIdentity[] = [];
  for (const node of inputs.nodes) {
    const expected = known.get(node.name) ?? null;
    const pinned = { ...node, publicKey: node.publicKey ?? expected };
    identities.push(
      await ensureNodeKeys(pinned, directory.node(node.name), {
        chainName: metadata.name,
        passphrase,
        create: expected === null,
      }),
    );
  }
  return identities;
}

const servesHttp = (node: PlannedNode): boolean => node.apiPort !== null || node.metricsPort !== null;
const usesAuthority = (node: PlannedNode): boolean => node.tls && node.certificate === null && servesHttp(node);

/** Makes genesis, peers and certificates out of the identities of every node, which must all be here. */
export async function createGenesis(inputs: Omit<PrepareInputs, 'nodes'>): Promise<Genesis> {
  const { loaded, now } = inputs;
  const { metadata, spec } = loaded.manifest;
  const directory = networkDirectory(spec.defaults.dataDir);
  if (existsSync(directory.genesisFile)) {
    throw new PrepareError('bad-genesis', `${directory.genesisFile} is there already, and a genesis is made once`);
  }
  const identities = requireIdentities(loaded, directory);
  const authorityFiles = { certificateFile: directory.authorityFile, keyFile: directory.authorityKeyFile };
  if (loaded.nodes.some(usesAuthority) && !existsSync(directory.authorityFile)) {
    await createAuthority(metadata.name, authorityFiles, now);
  }
  const isFirst = (node: PlannedNode): boolean => node.roles.includes('validator') && node.inGenesis;
  const first = new Set(loaded.nodes.filter(isFirst).map((node) => node.name));
  const { accounts, governors } = await makeAccounts(inputs, directory);
  /** Of the services of one role, or of all. */
  const keysOf = (role?: string): readonly PublicKey[] => {
    const services = loaded.nodes.filter(({ service }) => service !== null && (role ?? service.role) === service.role);
    const names = new Set(services.map(({ name }) => name));
    return identities.filter(({ name }) => names.has(name)).map(({ publicKey }) => publicKey);
  };
  const wanted = spec.chain.genesis;
  const passphrase = networkPassphrase(spec.defaults.passphraseVariable, inputs.environment);
  const policies =
    wanted === null ? undefined : await genesisPolicies(wanted, { author: governors[0], evaluators: keysOf('policy') });
  // The policies' part of the document stands after the court's.
  const noCourt = policies === undefined ? undefined : { arbitrators: [], jurisdictions: [] };
  const court = (wanted === null ? undefined : await genesisCourt(wanted, directory, passphrase)) ?? noCourt;
  const genesis = makeGenesis({
    loaded,
    identities: identities.filter((identity) => first.has(identity.name)),
    accounts: withAccounts(accounts, keysOf()),
    governors,
    networkAuthority: existsSync(directory.authorityFile)
      ? authorityDigest(readFileSync(directory.authorityFile, 'utf8'))
      : null,
    time: now,
    ...(court === undefined ? {} : { court }),
    ...(policies === undefined ? {} : { policies }),
  });
  await renewCertificates(inputs, loaded.nodes);
  const peers = identities.map(({ name, publicKey }) => ({ name, publicKey }));
  writeFileAtomically(directory.peersFile, `${JSON.stringify(peers, null, 2)}\n`, 0o644);
  // Last: a directory with a genesis is a prepared one.
  writeFileAtomically(directory.genesisFile, `${JSON.stringify(genesisToJson(genesis), null, 2)}\n`, 0o644);
  return genesis;
}

function requireIdentities(loaded: LoadedManifest, directory: NetworkDirectory): readonly NodeIdentity[] {
  const missing: string[] = [];
  const identities = loaded.nodes.flatMap((node) => {
    const file = directory.node(node.name).identityFile;
    const identity = readNodeIdentity(file, node.name);
    if (identity === null) missing.push(file);
    return identity === null ? [] : [identity];
  });
  if (missing.length === 0) return identities;
  throw new PrepareError(
    'missing-identity',
    `the identities of ${missing.length} nodes are missing; run mainnet keys generate on their machines and copy these files here:\n${missing.join('\n')}`,
  );
}

async function makeAccounts(
  { loaded, environment }: Omit<PrepareInputs, 'nodes'>,
  directory: NetworkDirectory,
): Promise<{ accounts: readonly GenesisAccount[]; governors: readonly PublicKey[] }> {
  const { chain, defaults } = loaded.manifest.spec;
  const wanted = chain.genesis ?? { faucet: 0n, accounts: [], governors: [] as readonly string[] };
  const passphrase = networkPassphrase(defaults.passphraseVariable, environment);
  const accounts: GenesisAccount[] = [];
  for (const { name, publicKey, balance } of wanted.accounts) {
    const key = publicKey ?? (await ensureAccountKey(directory.accountKeyFile(name), passphrase));
    accounts.push({ publicKey: key as PublicKey, balance });
  }
  if (wanted.faucet > 0n) {
    const key = await ensureAccountKey(directory.accountKeyFile('faucet'), passphrase);
    accounts.push({ publicKey: key, balance: wanted.faucet });
  }
  const all = withAccounts(accounts, await reviewerKeys(loaded.nodes, directory, passphrase));
  if (wanted.governors.length > 0) return { accounts: all, governors: wanted.governors as readonly PublicKey[] };
  return { accounts: all, governors: [await ensureAccountKey(directory.accountKeyFile('operator'), passphrase)] };
}

/** Those that are not there yet come with nothing: an account that exists may send transactions. */
function withAccounts(accounts: readonly GenesisAccount[], keys: readonly PublicKey[]): readonly GenesisAccount[] {
  const known = new Set(accounts.map(({ publicKey }) => publicKey));
  const missing = [...new Set(keys)].filter((publicKey) => !known.has(publicKey));
  return [...accounts, ...missing.map((publicKey) => ({ publicKey, balance: 0n }))];
}

function missingGenesis(loaded: LoadedManifest, directory: NetworkDirectory, hasAll: boolean): PrepareError {
  const why = hasAll
    ? `${loaded.file} has no chain.genesis to make one from: copy the network's genesis.json there`
    : 'the network spans several machines: run mainnet keys generate on each and mainnet genesis create on one, and copy its network directory to the others';
  return new PrepareError('no-genesis', `there is no ${directory.genesisFile}; ${why}`);
}

/** Throws PrepareError `bad-genesis`. */
export function readGenesis(file: string): Genesis {
  const refuse = (reason: string, cause?: unknown): PrepareError =>
    new PrepareError('bad-genesis', `${file} is not a genesis document: ${reason}`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const read = genesisFromJson(json);
  if ('value' in read) return read.value;
  throw refuse(read.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
}

/** The key of every node of the network: pinned in the manifest, here on this machine, in peers.json or in the genesis. */
function collectPeers(
  loaded: LoadedManifest,
  directory: NetworkDirectory,
  genesis: Genesis,
): ReadonlyMap<string, NodePeer> {
  const known = new Map<string, string>(genesis.validators.map(({ name, publicKey }) => [name, publicKey]));
  if (existsSync(directory.peersFile)) {
    const listed = JSON.parse(readFileSync(directory.peersFile, 'utf8')) as readonly {
      name: string;
      publicKey: string;
    }[];
    for (const { name, publicKey } of listed) if (!known.has(name)) known.set(name, publicKey);
  }
  const peers = new Map<string, NodePeer>();
  const problems: Problem[] = [];
  for (const node of loaded.nodes.filter(isOfChain)) {
    const identity = readNodeIdentity(directory.node(node.name).identityFile, node.name);
    const publicKey = node.publicKey ?? identity?.publicKey ?? known.get(node.name);
    if (publicKey !== undefined) {
      peers.set(node.name, { name: node.name, publicKey, addresses: [linkAddress(node, node.host.address)] });
      continue;
    }
    problems.push({
      code: 'missing-key',
      origin: loaded.originOf(node.path),
      path: `${node.path}.publicKeys`,
      message: `the key of ${node.name} on ${node.host.name} is not known on this machine`,
      found: null,
      allowed: `publicKeys in the manifest, or ${directory.peersFile} from the machine that made the genesis`,
    });
  }
  if (problems.length > 0) throw new ManifestError(loaded.file, problems);
  return peers;
}

/** Certificates of these nodes, where they are missing or near their end and the authority's key is on this machine. */
async function renewCertificates(inputs: Omit<PrepareInputs, 'nodes'>, nodes: readonly PlannedNode[]): Promise<void> {
  const directory = networkDirectory(inputs.loaded.manifest.spec.defaults.dataDir);
  const authorityPem = existsSync(directory.authorityFile) ? readFileSync(directory.authorityFile, 'utf8') : null;
  const authority = await readAuthority({
    certificateFile: directory.authorityFile,
    keyFile: directory.authorityKeyFile,
  });
  for (const node of nodes.filter(usesAuthority)) {
    const own = directory.node(node.name);
    const wanted = { address: node.host.address, authorityPem: authorityPem ?? '' };
    if (authorityPem !== null && !needsCertificate(own.certificateFile, wanted, inputs.now)) continue;
    if (authority === null) {
      if (existsSync(own.certificateFile)) continue;
      throw new PrepareError(
        'no-certificate',
        `${node.name} has no certificate for HTTP: copy ${own.certificateFile} from the machine that made the genesis, or name your own with certificate:`,
      );
    }
    const identity = readNodeIdentity(own.identityFile, node.name);
    if (identity === null) continue;
    const addresses = [...new Set([node.host.address, node.host.listen])];
    const certified = { name: node.name, addresses, publicKey: identity.certificateKey };
    writeFileAtomically(own.certificateFile, await issueCertificate(authority, certified, inputs.now), 0o644);
  }
}

/** A genesis of another chain in the copy's place is set aside, not overwritten: someone may verify with it. */
function copyGenesis(from: string, to: string): void {
  const text = readFileSync(from, 'utf8');
  if (existsSync(to) && readFileSync(to, 'utf8') !== text)
    renameSync(to, `${to.replace(/\.json$/, '')}-${nameOf(to)}.json`);
  if (!existsSync(to)) writeFileAtomically(to, text, 0o644);
}

/** The beginning of its chain's id, or the digest of a file that is no genesis at all. */
function nameOf(file: string): string {
  try {
    return chainIdOf(readGenesis(file)).slice(0, 8);
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 8);
  }
}

const linkAddress = ({ name, linkPort }: PlannedNode, host: string): string => {
  invariant(linkPort !== null, `${name} has a port for links`);
  return joinAddress(host, linkPort);
};

function nodeConfig(
  loaded: LoadedManifest,
  node: PlannedNode,
  directory: NetworkDirectory,
  peers: ReadonlyMap<string, NodePeer>,
): NodeConfig {
  const own = directory.node(node.name);
  const listen = (port: number | null): string | null => (port === null ? null : joinAddress(node.host.listen, port));
  const issued = usesAuthority(node) ? { certificateFile: own.certificateFile, keyFile: own.certificateKeyFile } : null;
  return {
    name: node.name,
    roles: chainRoles.filter((role) => node.roles.includes(role)),
    dataDir: own.root,
    genesisFile: directory.genesisFile,
    keyFile: own.keyFile,
    vrfKeyFile: node.roles.includes('validator') ? own.vrfKeyFile : null,
    passphraseVariable: loaded.manifest.spec.defaults.passphraseVariable,
    linkAddress: linkAddress(node, node.host.listen),
    apiAddress: listen(node.apiPort),
    metricsAddress: listen(node.metricsPort),
    http: node.tls ? (node.certificate ?? issued) : null,
    peers: [...peers.values()].filter((peer) => peer.name !== node.name),
    logLevel: node.logLevel,
    logTo: 'file',
    historyBlocks: node.historyBlocks,
    restoredWholeNetwork: false,
    otlpEndpoint: node.otlpEndpoint,
    signatureLog: node.signatureLog ? own.signatureLog : null,
  };
}

/** `mainnet keys` and `mainnet genesis`: what a network of several machines needs before it starts, and its upkeep. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import { genesisToJson } from '../../protocols/ledger/genesis-json.ts';
import { exportKeyFile, readPassphrase, rotateKeyFile } from '../../runtime/adapters/key-files.ts';
import { readLauncherState } from '../../runtime/launcher-state.ts';
import type { LoadedManifest } from '../../runtime/manifest.ts';
import type { PlannedNode } from '../../runtime/manifest-expand.ts';
import { nearest } from '../../runtime/manifest-problems.ts';
import { networkDirectory } from '../../runtime/network-directory.ts';
import { networkPassphrase, readNodeIdentity } from '../../runtime/network-keys.ts';
import { createGenesis, generateKeys, prepareNetwork, readGenesis } from '../../runtime/network-prepare.ts';
import { CommandError, exitCodes, formatTable, type Terminal } from '../terminal.ts';

interface Scope {
  readonly loaded: LoadedManifest;
  readonly nodes: readonly PlannedNode[];
  readonly json: boolean;
  readonly terminal: Terminal;
}

const directoryOf = (scope: Scope) => networkDirectory(scope.loaded.manifest.spec.defaults.dataDir);
const inputsOf = (scope: Scope) => ({
  loaded: scope.loaded,
  nodes: scope.nodes,
  environment: process.env,
  now: Date.now(),
});

export async function generateNodeKeys(scope: Scope): Promise<number> {
  const { terminal } = scope;
  const identities = await generateKeys(inputsOf(scope));
  const directory = directoryOf(scope);
  if (scope.json) {
    terminal.json(identities.map((identity) => ({ ...identity, file: directory.node(identity.name).identityFile })));
    return exitCodes.done;
  }
  const rows = identities.map(({ name, publicKey }) => [name, publicKey, directory.node(name).identityFile]);
  for (const line of formatTable([['node', 'public key', 'identity (public)'], ...rows])) terminal.out(line);
  terminal.out();
  terminal.out(`Private keys stay in ${directory.root}/nodes/*/keys, mode 0600.`);
  terminal.out(`Next, with the identities of all nodes in one place: mainnet genesis create ${scope.loaded.file}`);
  return exitCodes.done;
}

export function showNodeKeys(scope: Scope): number {
  const directory = directoryOf(scope);
  const rows = scope.nodes.map((node) => {
    const own = directory.node(node.name);
    const identity = readNodeIdentity(own.identityFile, node.name);
    return {
      name: node.name,
      publicKey: identity?.publicKey ?? null,
      vrfPublicKey: identity?.vrfPublicKey ?? null,
      keyFile: existsSync(own.keyFile) ? own.keyFile : null,
    };
  });
  if (scope.json) scope.terminal.json(rows);
  else {
    const lines = rows.map((row) => [row.name, row.publicKey ?? 'not made yet', row.keyFile ?? 'not on this machine']);
    for (const line of formatTable([['node', 'public key', 'key file'], ...lines])) scope.terminal.out(line);
  }
  return exitCodes.done;
}

function requireNode(scope: Scope, name: string): PlannedNode {
  const node = scope.nodes.find((candidate) => candidate.name === name);
  if (node !== undefined) return node;
  const names = scope.nodes.map((candidate) => candidate.name);
  const suggestion = nearest(name, names);
  throw new CommandError(
    'usage',
    `no node is named ${name}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`,
    [`nodes: ${names.join(', ')}`],
  );
}

function requireStopped(scope: Scope): void {
  const { root } = directoryOf(scope);
  const hosts = [null, ...new Set(scope.loaded.nodes.map((node) => node.host.name))];
  if (hosts.every((host) => readLauncherState(root, host) === null)) return;
  throw new CommandError('failed', 'the network is running here, and a node reads its keys when it starts', [
    `stop it first: mainnet down ${scope.loaded.file}`,
  ]);
}

/**
 * New keys for one node; the old ones are set aside, not deleted. A validator of the genesis is refused: the chain knows
 * it by its key, so a new key is a new validator, which joins by vote.
 */
export async function rotateNodeKeys(scope: Scope, name: string, tlsOnly: boolean): Promise<number> {
  const node = requireNode(scope, name);
  requireStopped(scope);
  const directory = directoryOf(scope);
  const own = directory.node(name);
  const inGenesis =
    existsSync(directory.genesisFile) &&
    readGenesis(directory.genesisFile).validators.some((validator) => validator.name === name);
  if (!tlsOnly && inGenesis) {
    throw new CommandError('failed', `${name} is a validator of the genesis: the chain knows it by its key`, [
      'add a node with inGenesis: false and a key of its own to the manifest, vote it in, then vote this one out',
      `its TLS key can be renewed now: mainnet keys rotate ${scope.loaded.file} ${name} --tls`,
    ]);
  }
  const passphrase = networkPassphrase(scope.loaded.manifest.spec.defaults.passphraseVariable, process.env);
  if (!tlsOnly) {
    for (const path of [own.keyFile, own.vrfKeyFile]) if (existsSync(path)) await rotateKeyFile(path, passphrase);
  }
  rmSync(own.certificateKeyFile, { force: true });
  rmSync(own.certificateFile, { force: true });
  const [identity] = await generateKeys({ ...inputsOf(scope), nodes: [node] });
  if (existsSync(directory.genesisFile)) await prepareNetwork(inputsOf(scope));
  if (scope.json) scope.terminal.json(identity);
  else {
    scope.terminal.out(`${name}  ${identity?.publicKey ?? ''}`);
    if (!tlsOnly) scope.terminal.out('Other machines pin the old key: give them the new identity.json or publicKeys.');
  }
  return exitCodes.done;
}

/** The public identity on standard output, or with `to` the private key to a new file under the passphrase in `variable`. */
export async function exportNodeKey(
  scope: Scope,
  name: string,
  secret: { readonly to: string; readonly variable: string } | null,
): Promise<number> {
  requireNode(scope, name);
  const own = directoryOf(scope).node(name);
  if (secret === null) {
    const identity = readNodeIdentity(own.identityFile, name);
    if (identity === null) throw new CommandError('failed', `${name} has no keys here`, ['mainnet keys generate']);
    scope.terminal.json(identity);
    return exitCodes.done;
  }
  const passphrase = networkPassphrase(scope.loaded.manifest.spec.defaults.passphraseVariable, process.env);
  const toPassphrase = readPassphrase({ variable: secret.variable });
  const { publicKey } = await exportKeyFile(own.keyFile, passphrase, { path: secret.to, passphrase: toPassphrase });
  scope.terminal.err(
    `${secret.to} holds the private key ${publicKey} of ${name}, under the passphrase in ${secret.variable}.`,
  );
  scope.terminal.err('Two nodes that run with one key contradict each other: keep it as a backup.');
  return exitCodes.done;
}

export async function makeGenesisFiles(scope: Scope): Promise<number> {
  const directory = directoryOf(scope);
  const genesis = await createGenesis(inputsOf(scope));
  const chainId = chainIdOf(genesis);
  if (scope.json) {
    scope.terminal.json({ chainId, genesisFile: directory.genesisFile, validators: genesis.validators.length });
    return exitCodes.done;
  }
  const { out } = scope.terminal;
  out(`chain ${chainId}, ${genesis.validators.length} validators`);
  out(`  ${directory.genesisFile}`);
  out(`  ${directory.peersFile}`);
  if (existsSync(directory.authorityFile)) out(`  ${directory.authorityFile}`);
  out();
  out('To every machine, at the same place under its data directory: genesis.json, peers.json and authority.pem, and');
  out('each node’s nodes/NAME/tls/certificate.pem. authority-key.pem and accounts/ stay here.');
  return exitCodes.done;
}

export function showGenesis(scope: Scope): number {
  const { genesisFile } = directoryOf(scope);
  if (!existsSync(genesisFile)) {
    throw new CommandError('failed', `there is no ${genesisFile}`, [
      `make it: mainnet genesis create ${scope.loaded.file}`,
    ]);
  }
  const genesis = readGenesis(genesisFile);
  if (scope.json) scope.terminal.json({ chainId: chainIdOf(genesis), genesis: genesisToJson(genesis) });
  else scope.terminal.out(readFileSync(genesisFile, 'utf8').trimEnd());
  return exitCodes.done;
}

/** The services of a network as its launcher prepares them: their accounts in the genesis, and the configuration of each. */
import { existsSync } from 'node:fs';
import { isHex64, type PublicKey } from '../protocols/shared/brands.ts';
import { isLoopback, isOfChain, joinAddress, type PlannedNode, type PlannedService } from './manifest-expand.ts';
import type { LoadedManifest } from './manifest.ts';
import { serviceRoleNames, type ServiceSettings } from './manifest-services.ts';
import type { NetworkDirectory } from './network-directory.ts';
import { ensureAccountKey, readNodeIdentity } from './network-keys.ts';
import type { ServiceConfig, ServiceEndpoints } from './service-config.ts';

/** Loopback listeners take HTTP and TLS on one port; others TLS only. */
export function urlOf(node: PlannedNode, port: number): string {
  const scheme = isLoopback(node.host.listen) ? 'http' : 'https';
  return `${scheme}://${joinAddress(node.host.address, port)}`;
}

/** The API of this node's own host where there is one, else the first. */
function endpointsFor(node: PlannedNode, nodes: readonly PlannedNode[]): ServiceEndpoints {
  const nearest = (candidates: readonly PlannedNode[]): string | undefined => {
    const serving = candidates.filter(({ apiPort }) => apiPort !== null);
    const chosen = serving.find(({ host }) => host.name === node.host.name) ?? serving[0];
    return chosen?.apiPort === undefined || chosen.apiPort === null ? undefined : urlOf(chosen, chosen.apiPort);
  };
  const services: Record<string, string> = {};
  for (const role of serviceRoleNames) {
    const url = nearest(nodes.filter(({ service }) => service?.role === role));
    if (url !== undefined) services[role] = url;
  }
  // The rules of manifests see to it that some node of the chain serves the API.
  return { bpci: nearest(nodes.filter(isOfChain)) ?? '', services };
}

type Reviewer = ServiceSettings<'traffic'>['reviewers'][number];

const reviewersOf = (nodes: readonly PlannedNode[]): readonly Reviewer[] =>
  nodes.flatMap(({ service }) => (service?.role === 'traffic' ? service.settings.reviewers : []));

/** Keys of the accounts that reviewers sign with, made where they are missing. */
export async function reviewerKeys(
  nodes: readonly PlannedNode[],
  directory: NetworkDirectory,
  passphrase: string | null,
): Promise<readonly PublicKey[]> {
  const keys = new Set<PublicKey>();
  for (const { account, publicKey } of reviewersOf(nodes)) {
    if (publicKey !== null) keys.add(publicKey as PublicKey);
    else if (account !== null) keys.add(await ensureAccountKey(directory.accountKeyFile(account), passphrase));
  }
  return [...keys];
}

/** As the service gets them: names of accounts have become keys, and DockLock knows the clusters of the manifest. */
async function resolvedSettings(
  service: PlannedService,
  nodes: readonly PlannedNode[],
  directory: NetworkDirectory,
  passphrase: string | null,
): Promise<ServiceSettings> {
  const keyOf = (account: string): Promise<PublicKey> =>
    ensureAccountKey(directory.accountKeyFile(account), passphrase);
  if (service.role === 'docklock') {
    const { operators } = service.settings;
    const named: string[] = [];
    for (const text of operators) named.push(isHex64(text) ? text : await keyOf(text));
    return { ...service.settings, operators: [...named, ...clusterOwners(nodes, directory)] };
  }
  if (service.role !== 'traffic') return service.settings;
  const reviewers: Reviewer[] = [];
  for (const { role, account, publicKey } of service.settings.reviewers)
    reviewers.push({ role, account: null, publicKey: account === null ? publicKey : await keyOf(account) });
  return { ...service.settings, reviewers };
}

const clusterOwners = (nodes: readonly PlannedNode[], directory: NetworkDirectory): readonly string[] =>
  nodes
    .filter(({ service }) => service?.role === 'enc')
    .flatMap(({ name, publicKey }) => {
      const key = publicKey ?? readNodeIdentity(directory.node(name).identityFile, name)?.publicKey;
      return key === undefined ? [] : [key];
    });

export async function serviceConfigs(
  loaded: LoadedManifest,
  nodes: readonly PlannedNode[],
  options: { readonly directory: NetworkDirectory; readonly chainId: string; readonly passphrase: string | null },
): Promise<readonly ServiceConfig[]> {
  const { directory, chainId, passphrase } = options;
  const configs: ServiceConfig[] = [];
  for (const node of nodes) {
    if (node.service === null || node.apiPort === null) continue;
    const own = directory.node(node.name);
    configs.push({
      kind: 'service',
      name: node.name,
      role: node.service.role,
      settings: await resolvedSettings(node.service, loaded.nodes, directory, passphrase),
      dataDir: own.root,
      keyFile: own.keyFile,
      passphraseVariable: loaded.manifest.spec.defaults.passphraseVariable,
      chainId,
      genesisFile: directory.genesisFile,
      apiAddress: joinAddress(node.host.listen, node.apiPort),
      http: node.tls
        ? (node.certificate ?? { certificateFile: own.certificateFile, keyFile: own.certificateKeyFile })
        : null,
      authorityFile: existsSync(directory.authorityFile) ? directory.authorityFile : null,
      otlpEndpoint: node.otlpEndpoint,
      endpoints: endpointsFor(node, loaded.nodes),
    });
  }
  return configs;
}

/** From the nodes that a manifest writes down to the nodes that run: replicas, hosts, ports, defaults. */
import { isIP } from 'node:net';
import type { ManifestDraft, ManifestNodeDraft } from './manifest-network.ts';
import { defaultSettings, type ServiceRole, serviceRoleNames, type ServiceSettings } from './manifest-services.ts';
import { chainRoles, type Role } from './node-config.ts';

/** What the node runs when it is a service. */
export type PlannedService = {
  [R in ServiceRole]: { readonly role: R; readonly settings: ServiceSettings<R> };
}[ServiceRole];

interface PlannedHost {
  /** Name in spec.hosts, or the address where it is not listed. */
  readonly name: string;
  /** Where others reach it. */
  readonly address: string;
  /** What it binds. */
  readonly listen: string;
}

/** One node. In a manifest with problems, what could not be read has the neutral value: no port, no roles. */
export interface PlannedNode {
  /** `validator-1`; without replicas the name in the manifest. */
  readonly name: string;
  /** Where it stands: `spec.nodes[0]`. */
  readonly path: string;
  readonly replica: number;
  readonly roles: readonly (Role | ServiceRole)[];
  /** Null for nodes of the chain. */
  readonly service: PlannedService | null;
  readonly host: PlannedHost;
  /** Nodes of one host with the same process name run in one process. */
  readonly process: string;
  /** Expanded names. */
  readonly after: readonly string[];
  /** Null for services. */
  readonly linkPort: number | null;
  readonly apiPort: number | null;
  readonly metricsPort: number | null;
  readonly tls: boolean;
  readonly certificate: { readonly certificateFile: string; readonly keyFile: string } | null;
  readonly restart: { readonly max: number; readonly withinMs: number };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly historyBlocks: number;
  readonly otlpEndpoint: string | null;
  readonly signatureLog: boolean;
  readonly inGenesis: boolean;
  /** Pinned in the manifest, or null. */
  readonly publicKey: string | null;
}

export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));

/** `host:port`, IPv6 in brackets. */
export const joinAddress = (host: string, port: number): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

export function expandNodes(draft: ManifestDraft): readonly PlannedNode[] {
  const nodes = draft.spec?.nodes ?? [];
  const namesOf = new Map<string, readonly string[]>();
  for (const node of nodes) {
    const name = node?.name ?? null;
    if (node !== null && name !== null) namesOf.set(name, replicaNames(node));
  }
  return nodes.flatMap((node, index) => {
    if (node === null || node.name === null) return [];
    return replicaNames(node).map((name, replica) => plan(draft, node, { name, replica, index, namesOf }));
  });
}

function replicaNames(node: ManifestNodeDraft): readonly string[] {
  const replicas = node.replicas ?? 1;
  const name = node.name ?? '';
  return replicas === 1 ? [name] : Array.from({ length: replicas }, (_, index) => `${name}-${index + 1}`);
}

function plan(
  draft: ManifestDraft,
  node: ManifestNodeDraft,
  at: {
    readonly name: string;
    readonly replica: number;
    readonly index: number;
    readonly namesOf: ReadonlyMap<string, readonly string[]>;
  },
): PlannedNode {
  const defaults = draft.spec?.defaults ?? null;
  const certificate = node.certificate ?? defaults?.certificate ?? null;
  const restart = node.restart ?? defaults?.restart ?? null;
  const offset = (port: number | null | undefined, each: boolean): number | null =>
    port === null || port === undefined || (at.replica > 0 && !each) ? null : port + at.replica;
  return {
    name: at.name,
    path: `spec.nodes[${at.index}]`,
    replica: at.replica,
    roles: (node.roles ?? []).filter((role) => role !== null),
    service: plannedService(node),
    host: resolveHost(draft, node.host ?? defaults?.host ?? '127.0.0.1'),
    process: node.process ?? at.name,
    after: (node.after ?? []).flatMap((name) => (name === null ? [] : (at.namesOf.get(name) ?? [name]))),
    linkPort: offset(node.ports?.link, true),
    apiPort: offset(node.ports?.api, node.apiEach ?? false),
    metricsPort: offset(node.ports?.metrics, true),
    tls: node.tls ?? defaults?.tls ?? true,
    certificate:
      certificate === null || certificate.certificateFile === null || certificate.keyFile === null
        ? null
        : { certificateFile: certificate.certificateFile, keyFile: certificate.keyFile },
    restart: { max: restart?.max ?? 5, withinMs: restart?.within ?? 60_000 },
    logLevel: node.logLevel ?? defaults?.logLevel ?? 'info',
    historyBlocks: node.historyBlocks ?? defaults?.historyBlocks ?? 1000,
    otlpEndpoint: node.otlpEndpoint ?? defaults?.otlpEndpoint ?? null,
    signatureLog: node.signatureLog ?? defaults?.signatureLog ?? false,
    inGenesis: node.inGenesis ?? true,
    publicKey: node.publicKeys?.[at.replica] ?? null,
  };
}

/** Whether it validates or follows: it holds the chain. */
export const isOfChain = (node: PlannedNode): boolean =>
  node.roles.some((role) => (chainRoles as readonly string[]).includes(role));

function plannedService(node: ManifestNodeDraft): PlannedService | null {
  const role = serviceRoleNames.find((name) => node.roles?.includes(name));
  if (role === undefined) return null;
  // A manifest with problems is refused before its settings are used.
  return { role, settings: node[role] ?? defaultSettings(role) } as PlannedService;
}

function resolveHost(draft: ManifestDraft, named: string): PlannedHost {
  const host = (draft.spec?.hosts ?? []).find((candidate) => candidate?.name === named);
  const address = host?.address ?? named;
  return { name: named, address, listen: host?.listen ?? address };
}

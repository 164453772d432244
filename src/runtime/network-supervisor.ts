/**
 * Brings the part of a network that belongs to this machine up, and keeps it up: claims the data directory, checks the
 * ports, prepares keys and genesis, starts the processes, answers other terminals.
 */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CodedError } from '../protocols/shared/errors.ts';
import { createLauncher, type Launcher } from './launcher.ts';
import { type LauncherReport, serveControl } from './launcher-control.ts';
import type { ProcessPlan } from './launcher-process.ts';
import { claimDataDir, LauncherError, processStart, socketPathOf } from './launcher-state.ts';
import type { LoadedManifest } from './manifest.ts';
import type { Environment } from './manifest-environment.ts';
import type { PlannedNode } from './manifest-expand.ts';
import { networkDirectory, writeFileAtomically } from './network-directory.ts';
import { type PreparedNetwork, prepareNetwork } from './network-prepare.ts';
import { findPortProblems, type WantedPort } from './port-check.ts';
import type { HostedConfig } from './service-config.ts';

export interface SuperviseOptions {
  readonly loaded: LoadedManifest;
  /** Only the nodes of this host; null where the manifest has one host. */
  readonly host: string | null;
  readonly environment: Environment;
  /** Program and arguments before the configuration file, where it is not the shipped child process. */
  readonly child?: readonly string[];
  /** SIGTERM to SIGKILL. Default 15 s. */
  readonly stopTimeoutMs?: number;
}

export interface SupervisedNetwork {
  readonly prepared: PreparedNetwork;
  readonly launcher: Launcher;
  readonly report: () => LauncherReport;
  /** Resolves when another terminal has asked for the end. */
  readonly stopRequested: Promise<void>;
  /** Graceful and bounded; releases the data directory. Idempotent. */
  stop(): Promise<void>;
}

export class HostError extends CodedError<'unknown-host' | 'host-needed'> {
  override readonly name = 'HostError';
}

/** The nodes that this machine runs. Throws {@link HostError}. */
export function selectNodes(loaded: LoadedManifest, host: string | null): readonly PlannedNode[] {
  const hosts = [...new Set(loaded.nodes.map((node) => node.host.name))];
  if (host === null) {
    if (hosts.length === 1) return loaded.nodes;
    throw new HostError('host-needed', `${loaded.file} describes ${hosts.length} hosts (${hosts.join(', ')})`);
  }
  const nodes = loaded.nodes.filter((node) => node.host.name === host || node.host.address === host);
  if (nodes.length > 0) return nodes;
  throw new HostError(
    'unknown-host',
    `${loaded.file} has no node on the host ${host}; its hosts are ${hosts.join(', ')}`,
  );
}

/** Rejects with ManifestError, HostError, LauncherError or what the preparation found. Nothing is left running then. */
export async function superviseNetwork(options: SuperviseOptions): Promise<SupervisedNetwork> {
  const { loaded, host } = options;
  const nodes = selectNodes(loaded, host);
  const directory = networkDirectory(loaded.manifest.spec.defaults.dataDir);
  const socket = socketPathOf(directory.root, host);
  const startedAt = Date.now();
  const release = claimDataDir(directory.root, {
    pid: process.pid,
    processStart: processStart(process.pid),
    startedAt,
    manifest: loaded.file,
    network: loaded.manifest.metadata.name,
    host,
    socket,
  });
  try {
    await requireFreePorts(nodes);
    const prepared = await prepareNetwork({ loaded, nodes, environment: options.environment, now: Date.now() });
    const launcher = createLauncher(planProcesses(options, nodes, [...prepared.configs, ...prepared.services]));
    const report = (): LauncherReport => ({
      network: loaded.manifest.metadata.name,
      manifest: loaded.file,
      pid: process.pid,
      startedAt,
      processes: launcher.status(),
    });
    let requestStop: () => void = () => undefined;
    const stopRequested = new Promise<void>((resolve) => (requestStop = resolve));
    const control = await serveControl(socket, {
      report,
      onEvent: (listener) => launcher.onEvent(listener),
      requestStop,
    });
    let stopping: Promise<void> | null = null;
    const stop = async (): Promise<void> => {
      await launcher.stop();
      release();
      await control.close();
    };
    return { prepared, launcher, report, stopRequested, stop: () => (stopping ??= stop()) };
  } catch (error) {
    release();
    throw error;
  }
}

async function requireFreePorts(nodes: readonly PlannedNode[]): Promise<void> {
  const wanted = nodes.flatMap((node): WantedPort[] => {
    const ports = { link: node.linkPort, api: node.apiPort, metrics: node.metricsPort };
    return Object.entries(ports).flatMap(([kind, port]) =>
      port === null ? [] : [{ host: node.host.listen, port, purpose: `${node.name} ${kind}` }],
    );
  });
  const problems = await findPortProblems(wanted);
  if (problems.length === 0) return;
  throw new LauncherError('ports-in-use', problems.map((problem) => problem.message).join('\n'), {
    details: { count: problems.length },
  });
}

/** Flags of the child's JavaScript engine: a node's live data is small, and seven of them share a machine. */
const engineFlags = ['--max-semi-space-size=2'];

/** Runs TypeScript sources as they are: for development, where this file is one. */
const sourceLoader = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

function shippedChild(): readonly string[] {
  const source = import.meta.url.endsWith('.ts');
  const entry = fileURLToPath(new URL(`../cli/node-process.${source ? 'ts' : 'js'}`, import.meta.url));
  return [process.execPath, ...engineFlags, ...(source ? ['--import', sourceLoader()] : []), entry];
}

function planProcesses(
  options: SuperviseOptions,
  nodes: readonly PlannedNode[],
  configs: readonly HostedConfig[],
): readonly ProcessPlan[] {
  const directory = networkDirectory(options.loaded.manifest.spec.defaults.dataDir);
  const [command = process.execPath, ...commandArguments] = options.child ?? shippedChild();
  const processOf = new Map(nodes.map((node) => [node.name, node.process]));
  return [...new Set(nodes.map((node) => node.process))].map((name) => {
    const members = nodes.filter((node) => node.process === name);
    const memberNames = members.map((node) => node.name);
    const configFile = directory.processConfigFile(name);
    const own = configs.filter((config) => memberNames.includes(config.name));
    writeFileAtomically(configFile, `${JSON.stringify(own, null, 2)}\n`, 0o600);
    // What runs on other hosts is not waited for: links come up when both ends are there.
    const after = members.flatMap((node) => node.after.flatMap((other) => processOf.get(other) ?? []));
    const restart = members[0]?.restart ?? { max: 5, withinMs: 60_000 };
    return {
      name,
      nodes: memberNames,
      after: [...new Set(after)].filter((other) => other !== name),
      command,
      commandArguments: [...commandArguments, configFile],
      environment: options.environment,
      outputFile: directory.processOutputFile(name),
      restart,
      backoffMs: 250,
      backoffMaxMs: 10_000,
      stopTimeoutMs: options.stopTimeoutMs ?? 15_000,
    };
  });
}

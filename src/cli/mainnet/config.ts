/** `mainnet config print`: what is in force, and where each value comes from. */
import type { LoadedManifest } from '../../runtime/manifest.ts';
import type { PlannedNode } from '../../runtime/manifest-expand.ts';
import { formatOrigin, show } from '../../runtime/manifest-problems.ts';
import { exitCodes, formatTable, type Terminal } from '../terminal.ts';

export interface PrintedValue {
  readonly path: string;
  readonly value: unknown;
  /** `nodes/mainnet.yaml:11:16`, `environment variable BPCI_…` or `default`. */
  readonly source: string;
}

export function effectiveValues(loaded: LoadedManifest): readonly PrintedValue[] {
  return [...loaded.origins].map(([path, origin]) => ({
    path,
    value: jsonReady(valueAt(loaded.manifest, path)),
    source: formatOrigin(origin),
  }));
}

export function printConfig(loaded: LoadedManifest, asJson: boolean, terminal: Terminal): number {
  const values = effectiveValues(loaded);
  if (asJson) {
    terminal.json({ manifest: loaded.file, values, nodes: loaded.nodes.map(describeNode) });
    return exitCodes.done;
  }
  const { out, paint } = terminal;
  const rows = values.map(({ path, value, source }) => [path, show(value), paint('dim', source)]);
  for (const line of formatTable([['path', 'value', 'from'], ...rows])) out(line);
  out();
  const nodes = loaded.nodes.map((node) => [
    node.name,
    node.roles.join(','),
    node.host.name,
    node.process,
    String(node.linkPort ?? '-'),
    String(node.apiPort ?? '-'),
    String(node.metricsPort ?? '-'),
  ]);
  for (const line of formatTable([['node', 'roles', 'host', 'process', 'link', 'api', 'metrics'], ...nodes])) out(line);
  return exitCodes.done;
}

const describeNode = (node: PlannedNode): Record<string, unknown> => ({
  name: node.name,
  roles: node.roles,
  host: node.host,
  process: node.process,
  after: node.after,
  ports: { link: node.linkPort, api: node.apiPort, metrics: node.metricsPort },
});

/** Durations are milliseconds; amounts beyond 2^53 become text. */
const jsonReady = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

function valueAt(value: unknown, path: string): unknown {
  let current = value;
  for (const part of path.split(/[.[\]]+/).filter((word) => word !== '')) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[part];
  }
  return current;
}

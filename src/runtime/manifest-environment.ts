/**
 * Overrides from the environment. `BPCI_` and the path below `spec` in capitals, one word a part:
 * `spec.chain.blockTime` is BPCI_CHAIN_BLOCK_TIME, `spec.defaults.dataDir` is BPCI_DEFAULTS_DATA_DIR. What has a name is
 * addressed by it: `spec.nodes[validator].ports.link` is BPCI_NODES_VALIDATOR_PORTS_LINK. Values are read as YAML.
 */
import { parse } from 'yaml';
import { manifestShape } from './manifest-network.ts';
import type { ObjectShape, Shape } from './manifest-shape.ts';
import { nearest, type Problem } from './manifest-problems.ts';
import { type Located, type LocatedMap, toLocated } from './manifest-source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const toVariable = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toUpperCase();

/** Puts a value in its place in the tree. */
type Override = (value: Located) => void;

/** Variables with these beginnings are ours: a name that fits nothing is an error. Others (tokens, client settings) are left alone. */
const ownPrefixes = ['BPCI_METADATA_', 'BPCI_CHAIN_', 'BPCI_DEFAULTS_', 'BPCI_HOSTS_', 'BPCI_NODES_'];

/** Variables that other programs know as well, and ours that they stand for. */
const commonVariables: ReadonlyMap<string, string> = new Map([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'BPCI_DEFAULTS_OTLP_ENDPOINT'],
]);

/** The variable of ours that this one is; null where it is none. One of ours that is set counts more than a common one. */
function targetOf(variable: string, environment: Environment): string | null {
  if (ownPrefixes.some((prefix) => variable.startsWith(prefix))) return variable;
  const own = commonVariables.get(variable);
  return own === undefined || environment[own] !== undefined ? null : own;
}

/** Every variable that can override something in this document. */
function overridableVariables(tree: Located): ReadonlyMap<string, Override> {
  const targets = new Map<string, Override>();
  if (tree.kind !== 'map') return targets;
  const { metadata, spec } = manifestShape.fields;
  collect(metadata.shape, childMap(tree, 'metadata'), 'BPCI_METADATA', targets);
  collect(spec.shape, childMap(tree, 'spec'), 'BPCI', targets);
  return targets;
}

/** Applies the overrides in place; problems are appended. */
export function applyEnvironment(tree: Located, environment: Environment, problems: Problem[]): void {
  const targets = overridableVariables(tree);
  for (const [variable, text] of Object.entries(environment)) {
    const target = targetOf(variable, environment);
    if (text === undefined || target === null) continue;
    const origin = { kind: 'environment', variable } as const;
    const override = targets.get(target);
    if (override === undefined) {
      const suggestion = nearest(variable, [...targets.keys()]);
      problems.push({
        code: 'unknown-variable',
        origin,
        path: variable,
        message: suggestion === null ? 'overrides nothing in this manifest' : `unknown; did you mean ${suggestion}?`,
        found: null,
        allowed: null,
      });
      continue;
    }
    try {
      override(toLocated(parse(text), origin));
    } catch {
      override({ kind: 'scalar', origin, value: text });
    }
  }
}

/** A map under a map; made (and put in its place only when something is set) where it is absent. */
interface Slot {
  readonly read: () => LocatedMap | null;
  readonly write: () => LocatedMap | null;
}

function childMap(parent: LocatedMap, name: string): Slot {
  return slotIn({ read: () => parent, write: () => parent }, name);
}

function slotIn(parent: Slot, name: string): Slot {
  const read = (): LocatedMap | null => {
    const value = parent.read()?.entries.get(name)?.value;
    return value?.kind === 'map' ? value : null;
  };
  return {
    read,
    write: () => {
      const existing = read();
      if (existing !== null) return existing;
      const above = parent.write();
      if (above === null || above.entries.has(name)) return null;
      const origin = { kind: 'default' } as const;
      const made: LocatedMap = { kind: 'map', origin, entries: new Map() };
      above.entries.set(name, { origin, value: made });
      return made;
    },
  };
}

function collect(shape: ObjectShape, slot: Slot, prefix: string, targets: Map<string, Override>): void {
  for (const [name, field] of Object.entries(shape.fields)) {
    const variable = `${prefix}_${toVariable(name)}`;
    const inner: Shape = field.shape;
    if (inner.kind === 'object') {
      collect(inner, slotIn(slot, name), variable, targets);
    } else if (inner.kind === 'list' && inner.item.kind === 'object') {
      const list = slot.read()?.entries.get(name)?.value;
      if (list?.kind === 'list') collectNamed(inner.item, list.items, variable, targets);
    } else {
      targets.set(variable, (value) => slot.write()?.entries.set(name, { origin: value.origin, value }));
    }
  }
}

function collectNamed(
  item: ObjectShape,
  items: readonly Located[],
  prefix: string,
  targets: Map<string, Override>,
): void {
  items.forEach((located) => {
    if (located.kind !== 'map') return;
    const name = located.entries.get('name')?.value;
    if (name?.kind !== 'scalar' || typeof name.value !== 'string') return;
    const slot: Slot = { read: () => located, write: () => located };
    collect(item, slot, `${prefix}_${toVariable(name.value)}`, targets);
  });
}

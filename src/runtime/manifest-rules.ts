/** What a manifest must satisfy as a whole, beyond the shape of each field. Every rule looks at whatever could be read. */
import { isIP } from 'node:net';
import { mainnetValidatorsMin } from '../protocols/ledger/genesis-state.ts';
import { parameterBounds, type ParameterName } from '../protocols/ledger/modules/parameters.ts';
import { faultyCountMax, isQuorumReachable, quorumOf } from '../protocols/ledger/validator-set.ts';
import { isLoopback, joinAddress, type PlannedNode } from './manifest-expand.ts';
import type { ManifestChain } from './manifest-network.ts';
import { formatDuration } from './manifest-shape.ts';
import { nearest, show } from './manifest-problems.ts';
import { firstReplicas, originPath, place, report, type RuleContext } from './manifest-rule-context.ts';
import { checkServices } from './manifest-service-rules.ts';

/** Accounts whose key files the launcher makes itself. */
const reservedAccounts = ['faucet', 'operator'];

export function checkRules(context: RuleContext): void {
  checkNames(context);
  checkPorts(context);
  checkHosts(context);
  checkDependencies(context);
  checkRoles(context);
  checkServices(context);
  checkValidators(context);
  checkChain(context);
  checkAccounts(context);
  checkKeys(context);
}

function checkNames(context: RuleContext): void {
  const seen = new Map<string, PlannedNode>();
  for (const node of context.nodes) {
    const other = seen.get(node.name);
    if (other === undefined) seen.set(node.name, node);
    else if (other.path !== node.path || other.replica !== node.replica) {
      report(context, 'duplicate-name', `${node.path}.name`, {
        message: `two nodes are named ${node.name}`,
        found: `${node.name}, also made by ${place(context, `${other.path}.name`)}`,
        allowed: 'a name that no other node has, replicas included',
      });
    }
  }
  const hosts = new Map<string, number>();
  (context.draft.spec?.hosts ?? []).forEach((host, index) => {
    if (host === null || host.name === null) return;
    const first = hosts.get(host.name);
    if (first === undefined) hosts.set(host.name, index);
    else {
      report(context, 'duplicate-name', `spec.hosts[${index}].name`, {
        message: `two hosts are named ${host.name}`,
        found: `${host.name}, also ${place(context, `spec.hosts[${first}].name`)}`,
        allowed: 'a name that no other host has',
      });
    }
  });
}

function checkPorts(context: RuleContext): void {
  const taken = new Map<string, { readonly node: PlannedNode; readonly kind: string }>();
  for (const node of context.nodes) {
    const ports = { link: node.linkPort, api: node.apiPort, metrics: node.metricsPort };
    for (const [kind, port] of Object.entries(ports)) {
      if (port === null || port === 0) continue;
      const path = `${node.path}.ports.${kind}`;
      if (port > 65535) {
        report(context, 'bad-value', path, {
          message: `the consecutive ports of the replicas run past 65535 at ${node.name}`,
          found: String(port),
          allowed: 'a first port that leaves room for every replica',
        });
        continue;
      }
      const address = joinAddress(node.host.listen, port);
      const other = taken.get(address);
      if (other === undefined) taken.set(address, { node, kind });
      else {
        report(context, 'duplicate-port', path, {
          message: `port ${port} on ${node.host.listen} is used twice`,
          found: `${node.name} ${kind} and ${other.node.name} ${other.kind}, ${place(context, `${other.node.path}.ports.${other.kind}`)}`,
          allowed: 'a free port; replicas take consecutive ports from the first',
        });
      }
    }
  }
  (context.draft.spec?.nodes ?? []).forEach((node, index) => {
    if (node?.apiEach !== true || node.ports?.api !== null) return;
    report(context, 'contradiction', `spec.nodes[${index}].apiEach`, {
      message: 'apiEach is set and there is no API port',
      found: 'apiEach: true',
      allowed: 'ports.api, or apiEach: false',
    });
  });
}

function checkHosts(context: RuleContext): void {
  const hosts = (context.draft.spec?.hosts ?? []).flatMap((host) =>
    host === null || host.name === null ? [] : [host.name],
  );
  for (const node of firstReplicas(context.nodes)) {
    const path = originPath(context, [`${node.path}.host`, 'spec.defaults.host']);
    if (hosts.length > 0 && !hosts.includes(node.host.name) && isIP(node.host.name) === 0) {
      const suggestion = nearest(node.host.name, hosts);
      report(context, 'unknown-host', path, {
        message: `${node.name} names an unknown host${suggestion === null ? '' : `; did you mean ${suggestion}?`}`,
        found: show(node.host.name),
        allowed: `one of ${hosts.join(', ')}, or an IP address`,
      });
    }
    const serves = node.apiPort !== null || node.metricsPort !== null;
    if (serves && !node.tls && !isLoopback(node.host.listen)) {
      report(context, 'plain-http', originPath(context, [`${node.path}.tls`, 'spec.defaults.tls']), {
        message: `${node.name} would serve plain HTTP on ${node.host.listen}`,
        found: `tls: false on ${node.host.listen}`,
        allowed: 'tls: true, or a loopback address (127.0.0.1, ::1)',
      });
    }
  }
  const hostOfProcess = new Map<string, PlannedNode>();
  for (const node of context.nodes) {
    const first = hostOfProcess.get(node.process);
    if (first === undefined) hostOfProcess.set(node.process, node);
    else if (first.host.name !== node.host.name) {
      report(context, 'contradiction', `${node.path}.process`, {
        message: `the process ${node.process} would run on two hosts`,
        found: `${first.name} on ${first.host.name}, ${node.name} on ${node.host.name}`,
        allowed: 'nodes of one host in a process',
      });
    }
  }
}

function checkDependencies(context: RuleContext): void {
  const names = context.nodes.map((node) => node.name);
  const processOf = new Map(context.nodes.map((node) => [node.name, node.process]));
  const edges = new Map<string, Set<string>>();
  for (const node of context.nodes) {
    for (const dependency of node.after) {
      const process = processOf.get(dependency);
      if (process !== undefined) {
        const from = edges.get(node.process) ?? new Set<string>();
        if (process !== node.process || dependency === node.name) from.add(process);
        edges.set(node.process, from);
      } else if (node.replica === 0) {
        const suggestion = nearest(dependency, names);
        report(context, 'unknown-node', `${node.path}.after`, {
          message: `${node.name} waits for a node that does not exist${suggestion === null ? '' : `; did you mean ${suggestion}?`}`,
          found: show(dependency),
          allowed: 'a name in spec.nodes, with or without the replica number',
        });
      }
    }
  }
  const cycle = findCycle(edges);
  if (cycle === null) return;
  const node = context.nodes.find((candidate) => candidate.process === cycle[0]);
  report(context, 'dependency-cycle', `${node?.path ?? 'spec.nodes'}.after`, {
    message: 'these nodes wait for each other and none could start',
    found: cycle.join(' after '),
    allowed: 'an order in which every node can start',
  });
}

/** A cycle as its members, the first repeated at the end, or null. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | null {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): readonly string[] | null => {
    const start = trail.indexOf(name);
    if (start >= 0) return [...trail.slice(start), name];
    if (done.has(name)) return null;
    for (const next of edges.get(name) ?? []) {
      const found = visit(next, [...trail, name]);
      if (found !== null) return found;
    }
    done.add(name);
    return null;
  };
  for (const name of edges.keys()) {
    const found = visit(name, []);
    if (found !== null) return found;
  }
  return null;
}

function checkRoles(context: RuleContext): void {
  for (const node of firstReplicas(context.nodes)) {
    if (node.roles.includes('validator') && node.roles.includes('follower')) {
      report(context, 'contradiction', `${node.path}.roles`, {
        message: `${node.name} is both validator and follower`,
        found: node.roles.join(', '),
        allowed: 'one of them: a validator follows the chain anyway',
      });
    }
  }
}

function checkValidators(context: RuleContext): void {
  const chain = context.draft.spec?.chain ?? null;
  const written = context.draft.spec?.nodes;
  // Nodes that could not be read may be validators: counting the rest would report what is not so.
  if (chain === null || written === null || written === undefined) return;
  const isUnclear = (roles: readonly (string | null)[] | null): boolean => roles === null || roles.includes(null);
  if (written.some((node) => node === null || node.name === null || isUnclear(node.roles))) return;
  const count = context.nodes.filter((node) => node.roles.includes('validator') && node.inGenesis).length;
  const min = chain.profile === 'devnet' ? 1 : mainnetValidatorsMin;
  if (count < min) {
    report(context, 'too-few-validators', 'spec.nodes', {
      message: chain.profile === 'devnet' ? 'there is no validator' : 'a mainnet needs at least 4 validators',
      found: `${count} in the genesis`,
      allowed: chain.profile === 'devnet' ? 'at least 1' : 'at least 4; or chain.profile: devnet for development',
    });
  }
  if (count === 0 || chain.finalityThreshold === null || isQuorumReachable(count, chain.finalityThreshold)) return;
  const faulty = faultyCountMax(count);
  const highest = Math.floor(((count - faulty) * 100) / count);
  report(context, 'unreachable-threshold', 'spec.chain.finalityThreshold', {
    message: `with ${count} validators ${chain.finalityThreshold} % asks for ${quorumOf(count, chain.finalityThreshold)} votes; only ${count - faulty} are sure to come, with ${faulty} down`,
    found: String(chain.finalityThreshold),
    allowed: `at most ${highest} with ${count} validators`,
  });
}

/** Parameters of the chain by their names in the manifest. */
const durations = {
  blockTime: 'blockTimeMs',
  emptyBlockPeriod: 'emptyBlockPeriodMs',
  roundTimeout: 'roundTimeoutBaseMs',
  roundTimeoutMax: 'roundTimeoutMaxMs',
} as const satisfies Partial<Record<keyof ManifestChain, ParameterName>>;

/** The lesser must not be above the greater. Source: the ledger's rules for parameters. */
const ordered = [
  ['roundTimeout', 'roundTimeoutMax', formatDuration],
  ['evidenceAgeBlocks', 'unbondingBlocks', String],
  ['trustPeriodBlocks', 'evidenceAgeBlocks', String],
] as const;

function checkChain(context: RuleContext): void {
  const chain = context.draft.spec?.chain ?? null;
  if (chain === null) return;
  for (const [name, parameter] of Object.entries(durations)) {
    const value = chain[name as keyof typeof durations];
    const [min, max] = parameterBounds[parameter];
    if (value === null || (value >= min && value <= max)) continue;
    report(context, 'bad-duration', `spec.chain.${name}`, {
      message: 'this duration is too short or too long',
      found: formatDuration(value),
      allowed: `from ${formatDuration(min)} to ${formatDuration(max)}`,
    });
  }
  for (const [lesser, greater, asText] of ordered) {
    const [low, high] = [chain[lesser], chain[greater]];
    if (low === null || high === null || low <= high) continue;
    report(context, 'contradiction', originPath(context, [`spec.chain.${greater}`, `spec.chain.${lesser}`]), {
      message: `${greater} is less than ${lesser}`,
      found: `${asText(high)} and ${asText(low)}`,
      allowed: `${greater} of at least ${lesser}`,
    });
  }
}

function checkAccounts(context: RuleContext): void {
  const names = new Set<string>(reservedAccounts);
  const keys = new Set<string>();
  (context.draft.spec?.chain?.genesis?.accounts ?? []).forEach((account, index) => {
    const path = `spec.chain.genesis.accounts[${index}]`;
    if (account === null) return;
    if (account.name !== null) {
      if (names.has(account.name)) {
        report(context, 'duplicate-name', `${path}.name`, {
          message: reservedAccounts.includes(account.name)
            ? `${account.name} is an account that is made anyway`
            : `two accounts are named ${account.name}`,
          found: account.name,
          allowed: `a name that no other account has; not ${reservedAccounts.join(' or ')}`,
        });
      }
      names.add(account.name);
    }
    if (account.publicKey === null) return;
    if (keys.has(account.publicKey)) {
      report(context, 'duplicate-key', `${path}.publicKey`, {
        message: 'two accounts have this key',
        found: account.publicKey,
        allowed: 'one account a key',
      });
    }
    keys.add(account.publicKey);
  });
}

function checkKeys(context: RuleContext): void {
  const owner = new Map<string, string>();
  (context.draft.spec?.nodes ?? []).forEach((node, index) => {
    const keys = node?.publicKeys ?? [];
    const replicas = node?.replicas ?? 1;
    const path = `spec.nodes[${index}].publicKeys`;
    if (keys.length > 0 && keys.length !== replicas) {
      report(context, 'missing-key', path, {
        message: `${keys.length} keys are pinned for ${replicas} ${replicas === 1 ? 'node' : 'nodes'}`,
        found: `${keys.length} keys`,
        allowed: `${replicas}, in the order of the replicas, or none`,
      });
    }
    keys.forEach((key, position) => {
      if (key === null) return;
      const other = owner.get(key);
      if (other !== undefined && other !== path) {
        report(context, 'duplicate-key', `${path}[${position}]`, {
          message: `the key is pinned for two nodes, also at ${place(context, other)}`,
          found: key,
          allowed: 'a key of its own for every node',
        });
      }
      owner.set(key, path);
    });
  });
}

/**
 * Machines for a network over several of them: network namespaces joined by a switch where this machine lets us make
 * them, loopback addresses elsewhere. Everything is named after this process, and removed by `close`.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';

export interface Host {
  readonly name: string;
  /** Where the other hosts, and this test, reach it. */
  readonly address: string;
  /** What stands before a command that runs on it. */
  readonly prefix: readonly string[];
}

export interface Hosts {
  readonly hosts: readonly Host[];
  close(): void;
}

export interface CuttableHosts extends Hosts {
  /** Pulls the plug of its network: nothing reaches it, nothing leaves it, nobody is told. */
  cut(name: string): void;
  restore(name: string): void;
}

/** Addresses of this machine alone, others in each run. Linux answers on all of 127.0.0.0/8. */
export function loopbackHosts(names: readonly string[]): Hosts {
  const network = `127.${randomInt(2, 255)}.${randomInt(0, 255)}`;
  const hosts = names.map((name, index) => ({ name, address: `${network}.${index + 2}`, prefix: [] }));
  return { hosts, close: () => undefined };
}

function ip(...commandArguments: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync('ip', commandArguments, { encoding: 'utf8' });
  if (status === 0) return null;
  return error === undefined ? stderr.trim() : error.message;
}

function must(...commandArguments: readonly string[]): void {
  const problem = ip(...commandArguments);
  if (problem !== null) throw new Error(`ip ${commandArguments.join(' ')}: ${problem}`);
}

/** Why this machine gives no network namespaces, or null where it does. */
export function namespaceProblem(): string | null {
  const probe = `bpci-${process.pid}-probe`;
  const problem = ip('netns', 'add', probe);
  if (problem !== null) return problem;
  try {
    return (
      ip('-n', probe, 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right') ??
      ip('-n', probe, 'link', 'add', 'bridge', 'type', 'bridge')
    );
  } finally {
    ip('netns', 'delete', probe);
  }
}

/**
 * A namespace a host and one that is the switch, so that no firewall of this machine stands between them; this machine
 * itself is plugged into the switch too. 198.18.0.0/15 is set aside for tests of networks (RFC 2544).
 */
export function namespaceHosts(names: readonly string[]): CuttableHosts {
  const base = `bpci-${process.pid}`;
  const network = `198.18.${randomInt(0, 255)}`;
  const theSwitch = `${base}-switch`;
  const namespaces = [theSwitch, ...names.map((name) => `${base}-${name}`)];
  const ownEnd = `bpci${process.pid}`;
  const close = (): void => {
    ip('link', 'delete', ownEnd);
    for (const namespace of namespaces) ip('netns', 'delete', namespace);
  };
  try {
    for (const namespace of namespaces) {
      must('netns', 'add', namespace);
      must('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    must('-n', theSwitch, 'link', 'add', 'bridge', 'type', 'bridge');
    must('-n', theSwitch, 'link', 'set', 'bridge', 'up');
    names.forEach((name, index) => {
      const host = `${base}-${name}`;
      must('-n', theSwitch, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
      must('-n', theSwitch, 'link', 'set', name, 'master', 'bridge', 'up');
      must('-n', host, 'address', 'add', `${network}.${index + 1}/24`, 'dev', 'eth0');
      must('-n', host, 'link', 'set', 'eth0', 'up');
    });
    must('link', 'add', ownEnd, 'type', 'veth', 'peer', 'name', 'observer', 'netns', theSwitch);
    must('-n', theSwitch, 'link', 'set', 'observer', 'master', 'bridge', 'up');
    must('address', 'add', `${network}.254/24`, 'dev', ownEnd);
    must('link', 'set', ownEnd, 'up');
  } catch (error) {
    close();
    throw error;
  }
  const hosts = names.map((name, index) => ({
    name,
    address: `${network}.${index + 1}`,
    prefix: ['ip', 'netns', 'exec', `${base}-${name}`],
  }));
  return {
    hosts,
    close,
    cut: (name) => must('-n', theSwitch, 'link', 'set', name, 'down'),
    restore: (name) => must('-n', theSwitch, 'link', 'set', name, 'up'),
  };
}

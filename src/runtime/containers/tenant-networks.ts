/**
 * Networks of tenants: a bridge each, without a way out of it. A container's end of its link lies in the network namespace of its shim,
 * which ends with it. Nothing is forwarded to or from these bridges, and nothing of the host answers them but connections that the host
 * began: those of published ports, which this process carries from the host's loopback.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, connect as connectTo, type Server } from 'node:net';
import type { ContainerSpec, PublishedPort } from '../../protocols/shared/containers.ts';
import { ContainerError } from '../ports/container-driver.ts';
import { findProgram } from './oci-runtime.ts';

export interface NetworkAttachment {
  readonly bridge: string;
  /** Of the bridge within 100.64.0.0/10. */
  readonly subnet: number;
  /** Last byte of the container's address. */
  readonly host: number;
  readonly published: readonly PublishedPort[];
}

interface Attached {
  readonly attachment: NetworkAttachment;
  readonly servers: readonly Server[];
}

/** Ranges of users and subnets are given together: one of each a tenant. */
const usersPerTenant = 65_536;
const subnetsMax = 1 << 14;
const hostMin = 2;
const hostMax = 254;
const commandMsMax = 10_000;

const address = (subnet: number, host: number): string => `100.${64 + (subnet >> 8)}.${subnet & 255}.${host}`;

export class TenantNetworks {
  /** Stands in the name of every bridge and link of these networks. */
  readonly tag: string;
  readonly #attached = new Map<string, Attached>();
  #turn: Promise<unknown> = Promise.resolve();

  /** `name`: of what these networks belong to; two of a host have two. */
  constructor(name: string) {
    this.tag = createHash('sha256').update(name).digest('hex').slice(0, 4);
  }

  /** What is missing for networks; null where nothing is. */
  get problem(): string | null {
    const missing = ['ip', 'nft', 'nsenter'].filter((program) => findProgram(program) === null);
    return missing.length === 0 ? null : `networks of tenants need ${missing.join(' and ')}`;
  }

  /** Connects the namespace of a process. Rejects with ContainerError; then nothing is left. */
  connect(spec: ContainerSpec, shim: number): Promise<NetworkAttachment> {
    return this.#inTurn(async () => {
      const tenant = Math.floor((spec.idRange?.first ?? 0) / usersPerTenant);
      const bridge = `dl${this.tag}-${tenant}`;
      const subnet = tenant % subnetsMax;
      const host = this.#freeHost(bridge);
      const link = this.#linkOf(bridge, host);
      await this.#guard();
      const own = address(subnet, 1);
      const isNew = !isThere(bridge);
      try {
        await this.#ip(
          [],
          [
            ...(isNew
              ? [`link add ${bridge} type bridge`, `addr add ${own}/24 dev ${bridge}`, `link set ${bridge} up`]
              : []),
            `link add ${link} type veth peer name eth0 netns ${shim}`,
            `link set ${link} master ${bridge} up`,
          ],
        );
        if (isNew) await this.#within('add', bridge);
        await this.#ip(
          ['nsenter', '-t', String(shim), '-n'],
          ['link set lo up', `addr add ${address(subnet, host)}/24 dev eth0`, 'link set eth0 up'],
        );
        return await this.#publish(spec, { bridge, subnet, host, published: [] });
      } catch (error) {
        await this.#takeAway(bridge, host);
        throw error;
      }
    });
  }

  /** Of a container that an earlier process connected: its ports are carried again, under the numbers that they had. */
  async restore(spec: ContainerSpec, attachment: NetworkAttachment): Promise<NetworkAttachment> {
    this.#attached.set(spec.id, { attachment, servers: [] });
    return await this.#publish(spec, attachment);
  }

  disconnect(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const attached = this.#attached.get(id);
      if (attached === undefined) return;
      for (const server of attached.servers) server.close();
      this.#attached.delete(id);
      await this.#takeAway(attached.attachment.bridge, attached.attachment.host);
    });
  }

  /** Stops carrying; what is connected stays so. Where nothing is, the rules go. */
  async close(): Promise<void> {
    await this.#turn;
    for (const { servers } of this.#attached.values()) for (const server of servers) server.close();
    if (this.#attached.size === 0 && this.#isGuarded)
      await this.#run(['nft', 'delete', 'table', 'inet', this.#table], '');
  }

  #isGuarded = false;

  get #table(): string {
    return `docklock_${this.tag}`;
  }

  #linkOf(bridge: string, host: number): string {
    return `${bridge}v${host}`.replace(/^dl/, 'd').replace('-', '').slice(0, 15);
  }

  #freeHost(bridge: string): number {
    const taken = new Set(
      [...this.#attached.values()]
        .filter(({ attachment }) => attachment.bridge === bridge)
        .map(({ attachment }) => attachment.host),
    );
    for (let host = hostMin; host <= hostMax; host += 1) if (!taken.has(host)) return host;
    throw new ContainerError('unsupported', `a tenant has at most ${hostMax - hostMin + 1} containers on its network`);
  }

  /** Nothing is forwarded from or to a bridge; the host answers what it asked itself. Before there is one. */
  async #guard(): Promise<void> {
    if (this.#isGuarded) return;
    const bridges = `"dl${this.tag}-*"`;
    const there = readdirSync('/sys/class/net').filter((name) => name.startsWith(`dl${this.tag}-`));
    await this.#run(
      ['nft', '-f', '-'],
      `table inet ${this.#table}
delete table inet ${this.#table}
table inet ${this.#table} {
  set within {
    type ifname . ifname
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname . oifname @within accept
    iifname ${bridges} drop
    oifname ${bridges} drop
  }
  chain input {
    type filter hook input priority -10; policy accept;
    iifname ${bridges} ct state established,related accept
    iifname ${bridges} drop
  }
}
`,
    );
    for (const bridge of there) await this.#within('add', bridge);
    this.#isGuarded = true;
  }

  /** Where bridged frames go through the hooks of routed ones, those of one bridge are let through. */
  #within(change: 'add' | 'delete', bridge: string): Promise<void> {
    return this.#run(
      ['nft', '-f', '-'],
      `${change} element inet ${this.#table} within { "${bridge}" . "${bridge}" }\n`,
    );
  }

  /** The ports that were free once are tried again. */
  async #publish(spec: ContainerSpec, attachment: NetworkAttachment): Promise<NetworkAttachment> {
    const wanted = attachment.published.length > 0 ? attachment.published : wantedPorts(spec);
    const servers: Server[] = [];
    const published: PublishedPort[] = [];
    for (const { hostPort, containerPort } of wanted) {
      const server = carrier(address(attachment.subnet, attachment.host), containerPort);
      servers.push(server);
      published.push({ containerPort, hostPort: await listening(server, hostPort) });
    }
    const complete = { ...attachment, published };
    this.#attached.set(spec.id, { attachment: complete, servers });
    return complete;
  }

  async #takeAway(bridge: string, host: number): Promise<void> {
    await this.#delete(this.#linkOf(bridge, host));
    const isUsed = [...this.#attached.values()].some(({ attachment }) => attachment.bridge === bridge);
    if (isUsed || !isThere(bridge)) return;
    await this.#delete(bridge);
    if (this.#isGuarded) await this.#within('delete', bridge);
  }

  /** A container's link goes with its namespace too, at any moment. */
  async #delete(link: string): Promise<void> {
    if (!isThere(link)) return;
    await this.#ip([], [`link del ${link}`]).catch((error: unknown) => {
      if (isThere(link)) throw error;
    });
  }

  #ip(before: readonly string[], lines: readonly string[]): Promise<void> {
    return this.#run([...before, 'ip', '-batch', '-'], `${lines.join('\n')}\n`);
  }

  async #run(command: readonly string[], input: string): Promise<void> {
    const [program = '', ...args] = command;
    const complaint = await new Promise<string | null>((resolve) => {
      const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], timeout: commandMsMax });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code) => resolve(code === 0 ? null : said));
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });
    if (complaint !== null)
      throw new ContainerError('runtime-failed', `the network could not be changed: ${complaint.trim().slice(0, 300)}`);
  }

  /** Addresses and bridges are given one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

const isThere = (link: string): boolean => existsSync(`/sys/class/net/${link}`);

const wantedPorts = ({ network }: ContainerSpec): readonly PublishedPort[] =>
  network.kind === 'tenant' ? network.publish : [];

/** Carries connections from the host's loopback into the container. */
function carrier(host: string, port: number): Server {
  return createServer((from) => {
    const to = connectTo({ host, port });
    const end = (): void => {
      from.destroy();
      to.destroy();
    };
    from.on('error', end);
    to.on('error', end);
    from.pipe(to);
    to.pipe(from);
  });
}

/** Resolves with the port. Rejects with ContainerError where it is taken. */
const listening = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new ContainerError('runtime-failed', `port ${port} of this machine cannot be listened on`, { cause })),
    );
    server.listen({ host: '127.0.0.1', port }, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });

/** The network of nodes/three-hosts.yaml on three hosts, prepared and run by the commands that its header names. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { ChainClient, type Submission } from '../../src/client/chain-client.ts';
import { mintToken } from '../../src/client/token.ts';
import { signTransaction } from '../../src/client/transactions.ts';
import { chainIdOf } from '../../src/protocols/ledger/genesis.ts';
import { readGenesis } from '../../src/runtime/network-prepare.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import type { TransactionView } from '../../src/runtime/ports/chain-api.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';
import { readSigner } from '../../src/runtime/adapters/key-files.ts';
import type { Host } from './hosts.ts';
import { present } from './waiting.ts';

const root = resolve(import.meta.dirname, '../..');
const shipped = join(root, 'nodes', 'three-hosts.yaml');
/** Of the manifest: from the working directory of each host. */
const dataDir = join('data', 'three-hosts');
const apiPort = 21001;

export const hostNames = ['alpha', 'beta', 'gamma'] as const;
export type HostName = (typeof hostNames)[number];

interface Outcome {
  readonly code: number | string | null;
  readonly out: string;
  readonly errors: string;
}

function execute(command: readonly string[], cwd: string, environment: NodeJS.ProcessEnv): Promise<Outcome> {
  const [program = '', ...programArguments] = command;
  return new Promise((settle) => {
    const options = { cwd, timeout: 180_000, killSignal: 'SIGKILL', env: environment } as const;
    execFile(program, programArguments, options, (error, out, errors) => {
      settle({ code: error === null ? 0 : (error.signal ?? error.code ?? null), out, errors });
    });
  });
}

export class ThreeHosts {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bpci-three-hosts-'));
  readonly #hosts: ReadonlyMap<HostName, Host>;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running = new Set<HostName>();
  #faucet: Signer | undefined;
  #chainId = '';
  #nonce = 0;

  constructor(hosts: readonly Host[], overrides: Readonly<Record<string, string>>) {
    this.#hosts = new Map(hosts.map((host) => [host.name as HostName, host]));
    this.#environment = { ...process.env, NO_COLOR: '1', ...overrides };
    const manifest = hosts.reduce(
      (text, { name, address }) => text.replace(new RegExp(`(name: ${name}, address:) [0-9.]+`), `$1 ${address}`),
      readFileSync(shipped, 'utf8'),
    );
    for (const { name, address } of hosts) {
      expect(manifest).to.include(`name: ${name}, address: ${address}`);
      mkdirSync(join(this.#directory, name));
      writeFileSync(join(this.#directory, name, 'three-hosts.yaml'), manifest);
    }
  }

  /** Runs `mainnet` on a host, from its own working directory. */
  mainnet(name: HostName, ...commandArguments: readonly string[]): Promise<Outcome> {
    const host = this.#host(name);
    const command = [...host.prefix, process.execPath, join(root, 'bin', 'mainnet.js'), ...commandArguments];
    return execute(command, join(this.#directory, name), this.#environment);
  }

  async #mainnetDone(name: HostName, ...commandArguments: readonly string[]): Promise<void> {
    const { code, out, errors } = await this.mainnet(name, ...commandArguments);
    expect(code, `mainnet ${commandArguments.join(' ')} on ${name}:\n${out}${errors}`).to.equal(0);
  }

  /** Keys on each host, the genesis on alpha, and nothing but public files carried between them. */
  async prepare(): Promise<void> {
    await Promise.all(
      hostNames.map((name) => this.#mainnetDone(name, 'keys', 'generate', 'three-hosts.yaml', '--host', name)),
    );
    for (const name of hostNames) {
      for (const node of this.#nodesOf(name)) this.#carry(name, 'alpha', join('nodes', node, 'identity.json'));
    }
    await this.#mainnetDone('alpha', 'genesis', 'create', 'three-hosts.yaml');
    for (const name of hostNames.filter((other) => other !== 'alpha')) {
      for (const file of ['genesis.json', 'peers.json', 'authority.pem'])
        this.#carry('alpha', name, join('network', file));
      for (const node of this.#nodesOf(name)) this.#carry('alpha', name, join('nodes', node, 'tls', 'certificate.pem'));
    }
    const alpha = join(this.#directory, 'alpha', dataDir);
    this.#faucet = await readSigner(join(alpha, 'accounts', 'faucet.key'), null);
    this.#chainId = chainIdOf(readGenesis(join(alpha, 'network', 'genesis.json')));
  }

  /** Resolves when every node of these hosts is ready: no host is while the others are not there. */
  async up(...names: readonly HostName[]): Promise<void> {
    for (const name of names) this.#running.add(name);
    await Promise.all(
      names.map((name) =>
        this.#mainnetDone(name, 'up', 'three-hosts.yaml', '--host', name, '--detach', '--timeout', '120s'),
      ),
    );
  }

  async down(name: HostName): Promise<void> {
    this.#running.delete(name);
    await this.#mainnetDone(name, 'down', 'three-hosts.yaml', '--host', name);
  }

  async close(): Promise<void> {
    const outcomes = await Promise.all(
      [...this.#running].map((name) => this.mainnet(name, 'down', 'three-hosts.yaml', '--host', name)),
    );
    rmSync(this.#directory, { recursive: true, force: true });
    for (const { code, out, errors } of outcomes) expect(code, out + errors).to.equal(0);
  }

  /** From outside the host, so with a token: only a node's own machine may go without. */
  client(name: HostName): ChainClient {
    const file = join(this.#directory, name, dataDir, 'network', 'authority.pem');
    const faucet = present(this.#faucet, 'faucet');
    return new ChainClient({
      endpoint: `https://${this.#host(name).address}:${apiPort}`,
      certificateAuthority: readFileSync(file, 'utf8'),
      token: () => mintToken(faucet, { chainId: this.#chainId }),
      timeoutMs: 30_000,
    });
  }

  /** A transfer from the faucet, given to a host, and its bytes. */
  async pay(name: HostName, amount: string): Promise<{ readonly bytes: Uint8Array; readonly final: TransactionView }> {
    const { bytes } = signTransaction(present(this.#faucet, 'faucet'), {
      // Counted here: a host that is a block behind would still offer the last one.
      ...{ chainId: this.#chainId, nonce: this.#nonce++, expiryHeight: 1_000_000 },
      kind: 'accounts.transfer',
      body: { to: createSigner(randomBytes(32)).publicKey, amount },
    });
    return { bytes, final: requireFinal(await this.client(name).submit(bytes, { waitMs: 60_000 })) };
  }

  /** Waits until the transaction is final on a host. */
  async finalOn(name: HostName, bytes: Uint8Array): Promise<TransactionView> {
    return requireFinal(await this.client(name).submit(bytes, { waitMs: 60_000 }));
  }

  #host(name: HostName): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new RangeError(`no host ${name}`);
    return host;
  }

  #nodesOf(name: HostName): readonly string[] {
    return readdirSync(join(this.#directory, name, dataDir, 'nodes')).filter((node) => node.startsWith(name));
  }

  #carry(from: HostName, to: HostName, file: string): void {
    if (from === to) return;
    const target = join(this.#directory, to, dataDir, file);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    cpSync(join(this.#directory, from, dataDir, file), target);
  }
}

function requireFinal(submission: Submission): TransactionView {
  if (submission.status === 'final') return submission;
  throw new Error(`not final in time: ${submission.hash}`);
}

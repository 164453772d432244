/**
 * What a person has who tries the whole system: a network launched from a manifest, the commands, a workload that is served, somebody
 * who measures it, and arbitrators who decide cases.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainClient } from '../../src/client/chain-client.ts';
import { caseAt, type CaseView, courtStateKeys } from '../../src/protocols/ledger/modules/court/court-queries.ts';
import type { CaseStage } from '../../src/protocols/ledger/modules/court/case-state.ts';
import type { Digest } from '../../src/protocols/shared/brands.ts';
import { fromHex, toHex } from '../../src/protocols/shared/bytes.ts';
import { readSigner, showKeyFile } from '../../src/runtime/adapters/key-files.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { CourtPeople } from '../support/court-command.ts';
import { freePortRange } from '../support/free-ports.ts';
import { ensureBuilt } from './harness.ts';
import { root } from './node-child.ts';
import { present, until } from './waiting.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const manifestOf = (port: number): string => `apiVersion: bpci/v1
kind: Network
metadata: { name: walkthrough }
spec:
  chain:
    blockTime: 200ms
    genesis: { faucet: 1000000000000, arbitrators: { count: 15 }, policyPack: default }
  defaults: { dataDir: ./data/walkthrough }
  nodes:
    - { name: validator, replicas: 4, roles: [validator], process: validators, ports: { link: ${port}, api: ${port + 4} } }
    - name: court
      roles: [court]
      process: services
      after: [validator]
      ports: { api: ${port + 5} }
      court: { jurisdiction: local, arbitrationThreshold: 200, legalFramework: v1.0 }
    - { name: policy, roles: [policy], process: services, after: [validator], ports: { api: ${port + 6} } }
    - name: traffic
      roles: [traffic]
      process: services
      after: [validator, court, policy]
      ports: { api: ${port + 7} }
      traffic:
        decisionLatency: 2s # the machine of a test may be busy
        reviewers: [{ role: compliance-officer, account: officer }]
`;

export class WalkthroughWorld {
  readonly directory: string;
  readonly manifest: string;
  readonly client: ChainClient;
  readonly endpoints: { readonly court: string; readonly policy: string; readonly traffic: string };
  /** At the court's command line in this process: the deadlines of a dispute are seconds, and a busy machine starts processes slowly. */
  readonly people = new CourtPeople();
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.manifest = join(directory, 'walkthrough.yaml');
    const chain = `http://127.0.0.1:${port + 4}`;
    this.client = new ChainClient({ endpoint: chain });
    this.people.endpoint = chain;
    const at = (offset: number): string => `http://127.0.0.1:${port + offset}`;
    this.endpoints = { court: at(5), policy: at(6), traffic: at(7) };
    this.#environment = {
      ...{ PATH: process.env['PATH'], HOME: directory, NO_COLOR: '1', BPCI_HOME: this.people.home },
      ...{ BPCI_ENDPOINT: chain, BPCI_TRAFFIC_ENDPOINT: this.endpoints.traffic },
    };
  }

  static async launch(): Promise<WalkthroughWorld> {
    ensureBuilt();
    const port = await freePortRange(8);
    const world = new WalkthroughWorld(mkdtempSync(join(tmpdir(), 'bpci-walkthrough-')), port);
    writeFileSync(world.manifest, manifestOf(port));
    await world.done('mainnet', 'up', world.manifest, '--detach', '--timeout', '3m');
    return world;
  }

  /** Runs a command of the built package. */
  run(command: string, ...args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { cwd: this.directory, env: this.#environment, maxBuffer: 64 * 2 ** 20 };
      execFile(process.execPath, [join(root, 'dist/cli', `${command}.js`), ...args], options, (error, out, err) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
      });
    });
  }

  /** The same where it has to succeed. Resolves with what it printed. */
  async done(command: string, ...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${out}${err}`);
    return out;
  }

  async json<T>(command: string, ...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.done(command, ...args, '--json')) as T;
  }

  write(file: string, text: string): string {
    const path = join(this.directory, file);
    writeFileSync(path, text);
    return path;
  }

  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    await this.run('mainnet', 'down', this.manifest);
    if (keep) console.log(`      left for a look: ${this.directory}`);
    else rmSync(this.directory, { recursive: true, force: true });
    this.people.remove();
  }

  signer(name: string): Promise<Signer> {
    return readSigner(join(this.people.home, 'keys', `${name}.key`), null);
  }

  /** Arbitrators take their keys from where the launcher made them. Name of each by its account. */
  takeArbitratorKeys(): ReadonlyMap<string, string> {
    const accounts = join(this.directory, 'data/walkthrough/accounts');
    const files = readdirSync(accounts).filter((name) => name.startsWith('arbitrator-'));
    return new Map(
      files.map((file) => {
        copyFileSync(join(accounts, file), join(this.people.home, 'keys', file));
        return [showKeyFile(join(accounts, file)).publicKey, file.replace('.key', '')];
      }),
    );
  }

  async case(id: Digest): Promise<CaseView> {
    const cells = new Map<string, Uint8Array>();
    for (const key of [courtStateKeys.case(id), courtStateKeys.panel(id), courtStateKeys.actions(id)]) {
      const [module = '', ...rest] = new TextDecoder().decode(key).split('/');
      const { value } = await this.client.state(module, rest.join('/'));
      if (value !== null) cells.set(toHex(key), fromHex(value));
    }
    const reader = { get: (key: Uint8Array) => cells.get(toHex(key)), range: () => [] };
    return present(caseAt(reader, id), `case ${id}`);
  }

  /** Resolves when the case is in this stage. */
  atStage(id: Digest, stage: CaseStage): Promise<CaseView> {
    const inStage = async (): Promise<CaseView | false> => {
      const found = await this.case(id);
      return found.record.stage === stage && found;
    };
    return until(`stage ${stage}`, inStage);
  }

  /** Those who were drawn accept, vote for the claim, and reveal: `agreement-court accept|vote|reveal`. Resolves with their accounts. */
  async decideByPanel(id: Digest): Promise<readonly string[]> {
    const names = this.takeArbitratorKeys();
    const { panel } = await this.atStage(id, 'challenge');
    const accounts = panel.seats.map(({ arbitrator }) => arbitrator);
    const judges = accounts.map((account) => present(names.get(account), account));
    const reasons = this.people.file('reasons.txt', 'The workload was away while it was measured.\n');
    await Promise.all(judges.map((judge) => this.people.json('accept', id, '--as', judge)));
    await this.atStage(id, 'commit');
    const vote = ['--decision', 'breach', '--penalty', '250', '--reasons', reasons];
    await Promise.all(judges.map((judge) => this.people.json('vote', id, ...vote, '--as', judge)));
    await this.atStage(id, 'reveal');
    await Promise.all(judges.map((judge) => this.people.json('reveal', id, '--as', judge)));
    return accounts;
  }
}

/** A workload over HTTP that can be taken away, and what share of the requests to it is answered. */
export class Workload {
  readonly #port: number;
  #server: Server | null = null;

  private constructor(port: number) {
    this.#port = port;
  }

  static async serve(): Promise<Workload> {
    const workload = new Workload(await freePortRange(1));
    workload.#server = createServer((_request, response) => response.end('served\n'));
    const server = workload.#server;
    await new Promise<void>((resolve) => server.listen(workload.#port, '127.0.0.1', resolve));
    return workload;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Requests that are answered of so many. */
  async answered(requests: number): Promise<number> {
    let answered = 0;
    for (let i = 0; i < requests; i++) {
      const response = await fetch(`http://127.0.0.1:${this.#port}/`).catch(() => null);
      if (response?.ok === true && (await response.text()) === 'served\n') answered += 1;
    }
    return answered;
  }
}

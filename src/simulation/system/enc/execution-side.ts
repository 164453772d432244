/**
 * Everything of a simulation that has to do with workloads: on each node an operator with one cluster, all of one account; the machines
 * that run containers, which outlive the nodes' processes; tenants who submit, to several operators at once; the audit of receipts.
 */
import { encActor } from '../../../actors/enc/enc.ts';
import { containerId } from '../../../actors/enc/executor.ts';
import type { Answered, EncMessage, ReceiptParts } from '../../../actors/enc/messages.ts';
import { receiptHash, type WorkloadExecution } from '../../../protocols/enc/receipt.ts';
import { readWorkload, type Workload, workloadId } from '../../../protocols/enc/workload.ts';
import type { ChainId } from '../../../protocols/shared/brands.ts';
import { toHex, toUtf8 } from '../../../protocols/shared/bytes.ts';
import { DsseError, openEnvelope, readEnvelope } from '../../../protocols/shared/dsse.ts';
import { sha256 } from '../../../protocols/shared/hash.ts';
import type { TrafficDecision } from '../../../protocols/traffic/receipt.ts';
import type { ActorRef, ReplyTo } from '../../../runtime/ports/actors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Signer, Verifier } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import type { ContainerRunning, ContainerStarted, ReceiptsAudited } from '../checkers/told-executions.ts';
import { isReachable } from '../client.ts';
import type { Pair } from '../court/cast.ts';
import type { LifePorts } from '../node.ts';
import type { Engines } from '../traffic/engines.ts';
import type { Lights } from '../traffic/lights.ts';
import { NodeFeed } from '../traffic/node-feed.ts';
import type { ValidatorNode, ValidatorProgram } from '../validator-node.ts';
import { SimulatedDock } from './simulated-dock.ts';
import { simulatedOwners } from './simulated-owners.ts';
import { Tenants } from './tenants.ts';

export interface ExecutionOptions {
  readonly clock: Clock;
  readonly createSigner: () => Signer;
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  /** Submitted in the course of a run. */
  readonly workloads: number;
  readonly lights: Lights;
  readonly engines: Engines;
}

export interface ExecutionRun {
  readonly chainId: ChainId;
  readonly onAcknowledged: (hash: string, node: number) => void;
  readonly verifier: Pick<Verifier, 'verify'>;
  /** By their names in agreements. */
  readonly tenants: readonly string[];
  readonly untilMs: number;
  readonly durationMs: number;
  readonly onStarted: (started: ContainerStarted) => void;
  readonly onRunning: (change: ContainerRunning) => void;
  readonly onDecision: (decision: TrafficDecision) => void;
  readonly onAudited: (audited: ReceiptsAudited) => void;
  readonly onDisturbed: (node: number) => void;
}

const auditMs = 6_000;
const submitMs = 900;
/** Two operators send for one account: what was passed by another's is known to be lost soon. */
const expiryBlocks = 5;
/** An operator that has not been heard of for so long is taken for dead; and sometimes one is that lives. */
const silentMs = 12_000;
const wronglyLost = 0.004;

const pairCount = 2;
/** Of the workloads, that many are of tenants who are at law with each other. */
const litigious = 0.3;

const capabilities = {
  ...{ architecture: 'amd64', cpuMillis: 4_000, memoryMiB: 4_096, storageMiB: 10_000, containers: 12 },
  runtimes: [{ driver: 'simulated', isolationClass: 'container' }],
};

export class ExecutionSide {
  /** All operators are of one account. */
  readonly operator: Signer;
  readonly #pairs: readonly Pair[];
  readonly #options: ExecutionOptions;
  readonly #keys: readonly Signer[];
  readonly #docks: readonly SimulatedDock[];
  readonly #running = new WeakMap<ValidatorProgram, ActorRef<EncMessage>>();
  readonly #heardMs: number[];
  readonly #workloads = new Map<string, Workload>();
  #run: ExecutionRun | null = null;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    const { nodes, createSigner, clock } = options;
    this.operator = createSigner();
    this.#pairs = Array.from({ length: pairCount }, () => ({
      ...{ customer: createSigner(), provider: createSigner(), sources: [createSigner()] },
    }));
    this.#keys = nodes.map(createSigner);
    this.#heardMs = nodes.map(() => clock.monotonicMs());
    this.#docks = nodes.map((node) => new SimulatedDock(node.time, this.#eventsOf(node)));
  }

  /** Those that need an account. */
  get accounts(): readonly Signer[] {
    return [this.operator, ...this.#pairs.flatMap(({ customer, provider }) => [customer, provider])];
  }

  /** A life of a node has begun. Throws as stores do at opening. */
  onRunning(node: ValidatorNode, program: ValidatorProgram, { open, clock }: LifePorts): void {
    const { nodes, lights, engines } = this.#options;
    const { index } = node;
    const feed = new NodeFeed(node, program, this.operator, expiryBlocks);
    const cluster = {
      ...{ id: `cluster-${index}`, region: 'EU', country: 'FR', capabilities },
      ...{ certifications: [], agreements: [], endpoints: [], isRegistering: true },
      ...{ signer: this.#keys[index] as Signer, executor: this.#docks[index] as SimulatedDock },
    };
    const enc = program.system.spawn(
      encActor({
        ...{ feed, clock, account: this.operator.publicKey, clusters: [cluster] },
        store: open('enc', { kind: 'enc', version: 1, chainId: feed.chainId }),
        owners: simulatedOwners({
          ...{ clock, node, nodes, lights, engines, caller: this.operator.publicKey },
          onDecision: (decision) => this.#run?.onDecision(decision),
        }),
        isPeerLost: (id) => this.#isLost(id),
      }),
    );
    this.#running.set(program, enc);
  }

  start(run: ExecutionRun): void {
    this.#run = run;
    const { clock, draw, workloads, nodes } = this.#options;
    const beat = (): void => {
      const now = clock.monotonicMs();
      for (const node of nodes)
        if (isReachable(node)) this.#heardMs[node.index] = now;
        else run.onDisturbed(node.index);
      clock.setTimer(500, beat);
    };
    beat();
    const tenants = new Tenants({ ...this.#options, ...run, pairs: this.#pairs, draw: draw.fork('tenants') });
    tenants.start();
    for (let number = 0; number < workloads; number++) {
      const atMs = draw.between(5_000, Math.max(6_000, run.untilMs - 60_000));
      clock.setTimer(atMs, () => {
        const tenant = draw.pick(draw.chance(litigious) ? run.tenants : tenants.names);
        this.#submit(this.#workload(number, tenant), draw.shuffle([...nodes]));
      });
    }
    clock.setTimer(run.durationMs - auditMs, () => {
      for (const node of nodes) this.#audit(node, run);
    });
  }

  #eventsOf({ index: node }: ValidatorNode): ConstructorParameters<typeof SimulatedDock>[1] {
    const { clock } = this.#options;
    const told = (id: string): { readonly node: number; readonly epoch: number; readonly atMs: number } => ({
      ...{ node, epoch: Number(id.slice(id.lastIndexOf('-') + 1)), atMs: clock.monotonicMs() },
    });
    return {
      onStarted: (id, workload) => {
        const { tenant, graceMs } = workload;
        const cluster = `cluster-${node}`;
        this.#run?.onStarted({ ...told(id), cluster, tenant, graceMs, workload: workloadId(workload) });
      },
      onRunning: (id, isRunning) => {
        const workload = this.#workloads.get(id.slice(0, id.lastIndexOf('-')));
        if (workload !== undefined) this.#run?.onRunning({ ...told(id), workload: workloadId(workload), isRunning });
      },
    };
  }

  #workload(number: number, tenant: string): Workload {
    const { draw } = this.#options;
    const isJob = draw.chance(0.4);
    const does = draw.pick(isJob ? ['for 3000', 'for 12000', 'missing'] : ['serve', 'serve', 'stubborn', 'for 30000']);
    const workload = readWorkload({
      ...{ name: 'orders', kind: isJob ? 'job' : 'service', tenant, image: `sha256:${'ab'.repeat(32)}`, args: [does] },
      resources: { cpuMillis: 500, memoryMiB: 128, storageMiB: 10, pids: 16 },
      data: {
        ...{ operation: 'transfer', classification: 'Internal', contents: ['personal'], source: 'DE' },
        ...{ purpose: 'service-provision', bases: ['contract'] },
      },
      ...{ graceMs: 2_000, salt: toHex(sha256(toUtf8(`workload ${number}`))) },
    });
    const name = containerId(workloadId(workload), 0);
    this.#workloads.set(name.slice(0, name.lastIndexOf('-')), workload);
    return workload;
  }

  /** Given to three operators, one after the other: each may come to run it. Those that are away are asked later again. */
  #submit(workload: Workload, order: readonly ValidatorNode[]): void {
    const { clock } = this.#options;
    order.slice(0, 3).forEach((node, place) => {
      const attempt = (left: number): void => {
        node.enter(() => {
          void this.#ask<Answered<unknown>>(node, (replyTo) => ({ type: 'submit', workload, by: null, replyTo })).then(
            (answer) => {
              if (answer?.kind !== 'answer' && left > 0) clock.setTimer(3_000, () => attempt(left - 1));
            },
          );
        });
        if (node.isDown && left > 0) clock.setTimer(3_000, () => attempt(left - 1));
      };
      clock.setTimer(1 + place * submitMs, () => attempt(5));
    });
  }

  #ask<Reply>(node: ValidatorNode, make: (replyTo: ReplyTo<Reply>) => EncMessage): Promise<Reply | null> {
    const { parts } = node;
    const enc = parts === null ? undefined : this.#running.get(parts);
    if (parts === null || enc === undefined) return Promise.resolve(null);
    return parts.system.ask<EncMessage, Reply>(enc, make, { timeoutMs: 5_000 }).then(
      (reply) => reply,
      () => null,
    );
  }

  #isLost(cluster: string): boolean {
    const { clock, draw } = this.#options;
    const index = Number(cluster.slice('cluster-'.length));
    return clock.monotonicMs() - (this.#heardMs[index] ?? 0) > silentMs || draw.chance(wronglyLost);
  }

  #audit(node: ValidatorNode, run: ExecutionRun): void {
    for (const workload of this.#workloads.values()) {
      const id = workloadId(workload);
      node.enter(() => {
        void this.#ask<Answered<readonly ReceiptParts[]>>(node, (replyTo) => ({ type: 'receipts', id, replyTo })).then(
          async (answer) => {
            if (answer?.kind !== 'answer') return;
            const dock = this.#docks[node.index] as SimulatedDock;
            const prefix = containerId(id, 0).slice(0, -1);
            const here = (await dock.list()).filter((each) => each.id.startsWith(prefix));
            run.onAudited({
              ...{ node: node.index, workload: id },
              receipts: answer.value.map(({ receipt }) => this.#read(receipt.text, receipt.cluster, run)),
              hashes: answer.value.map(({ receipt }) => receiptHash(toUtf8(receipt.text))),
              present: here.map((each) => Number(each.id.slice(prefix.length))),
            });
          },
        );
      });
    }
  }

  #read(text: string, cluster: string, { verifier }: ExecutionRun): WorkloadExecution | null {
    const key = this.#keys[Number(cluster.slice('cluster-'.length))]?.publicKey;
    try {
      const { statement, signers } = openEnvelope(readEnvelope(JSON.parse(text)), verifier.verify);
      return key !== undefined && signers.includes(key) ? (statement.predicate as WorkloadExecution) : null;
    } catch (error) {
      if (error instanceof DsseError) return null;
      throw error;
    }
  }
}

/**
 * Goal: one trace follows a transaction from the HTTP request through the mempools and the block to the answer, over
 * every node; a block of many transactions links their traces; cut links cut the trace, so the links are what carries it.
 * Method: four production validators in this process with HTTP, a collector that they send their spans to; then the
 * same validators over links in memory that lose what envelopes say of traces.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNode, createSigner, prepareNetwork, readManifest, type RunningNode } from '../../src/index.ts';
import type { ChainId } from '../../src/protocols/shared/brands.ts';
import { publicKey } from '../../src/protocols/shared/brands.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import type { TransactionView } from '../../src/runtime/ports/chain-api.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { freePortRange } from '../support/free-ports.ts';
import { SimulatedNetwork } from '../support/simulated-network.ts';
import { type CollectedSpan, SpanCollector } from '../support/span-collector.ts';
import { transfer } from '../support/transactions.ts';
import { QuietTelemetry, type RecordedSpan } from './support/quiet-telemetry.ts';

const sender = createSigner(new Uint8Array(32).fill(7));
const receiver = publicKey('ab'.repeat(32));
const clientSpan = '00f067aa0ba902b7';
const traceIdOf = (number: number): string => number.toString(16).padStart(32, 'a');

class TracedNetwork {
  readonly collector = new SpanCollector();
  readonly nodes: RunningNode[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'bpci-traces-'));

  async start(): Promise<void> {
    const port = await freePortRange(8);
    const text = `
apiVersion: bpci/v1
kind: Network
metadata: { name: traced }
spec:
  chain:
    profile: devnet
    blockTime: 100ms
    genesisFile: ${join(this.#directory, 'genesis.json')}
    genesis: { accounts: [{ name: sender, publicKey: ${sender.publicKey}, balance: "1000" }] }
  defaults: { dataDir: ${this.#directory}, tls: false, otlpEndpoint: "${await this.collector.start()}" }
  nodes:
    - { name: validator, replicas: 4, roles: [validator], ports: { link: ${port}, api: ${port + 4} }, apiEach: true }
`;
    const loaded = readManifest(text, 'traced', {});
    const inputs = { loaded, nodes: loaded.nodes, environment: {}, now: Date.now() };
    const { configs } = await prepareNetwork(inputs);
    this.nodes.push(...(await Promise.all(configs.map((config) => createNode(config)))));
    await Promise.all(this.nodes.map((node) => node.ready));
  }

  get chainId(): ChainId {
    return this.nodes[0]!.api.network().chainId as ChainId;
  }

  /** Gives a transfer to one node as part of a trace, and returns it when it is final. */
  async send(node: number, nonce: number, trace: string): Promise<TransactionView> {
    const { bytes } = transfer(this.chainId, sender, nonce, receiver);
    const response = await fetch(`http://${this.nodes[node]!.addresses.api!}/v1/transactions?wait=final`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${trace}-${clientSpan}-01` },
      body: JSON.stringify({ transaction: toHex(bytes) }),
    });
    expect(response.status).to.equal(200);
    return (await response.json()) as TransactionView;
  }

  /** Nodes send what they still hold when they stop. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.collector.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Spans of one trace by name, and what is above them. */
class Journey {
  readonly #spans: readonly CollectedSpan[];

  constructor(spans: readonly CollectedSpan[], traceId: string) {
    this.#spans = spans.filter((span) => span.traceId === traceId);
  }

  named(name: string): readonly CollectedSpan[] {
    return this.#spans.filter((span) => span.name === name);
  }

  nodes(name: string): readonly string[] {
    return [...new Set(this.named(name).map(({ node }) => node))].sort();
  }

  /** Every span of this name is directly below one of those names, on its own node or on another. */
  below(name: string, parents: readonly string[], place: 'here' | 'elsewhere'): void {
    for (const span of this.named(name)) {
      const parent = this.#spans.find(({ spanId }) => spanId === span.parentSpanId);
      expect(parents, `above ${name} on ${span.node}`).to.include(parent?.name);
      expect(parent?.node === span.node, `${name} on ${span.node} is below ${parent?.node ?? ''}`).to.equal(
        place === 'here',
      );
    }
  }
}

describe('the trace of a transaction', function () {
  this.timeout(60_000);

  it('goes from the request over every validator to the answer, and blocks link the traces they carry', async () => {
    const network = new TracedNetwork();
    let pair: readonly string[] = [];
    try {
      await network.start();
      await network.send(1, 0, traceIdOf(1));
      // Until two that came at once are in one block: they are but for an unlucky moment.
      for (let attempt = 1; pair.length === 0 && attempt < 50; attempt++) {
        const traces = [traceIdOf(2 * attempt), traceIdOf(2 * attempt + 1)];
        const views = await Promise.all(traces.map((trace, i) => network.send(2, 2 * attempt - 1 + i, trace)));
        if (views[0]!.height === views[1]!.height) pair = traces;
      }
    } finally {
      await network.stop();
    }
    const { spans } = network.collector;
    const all = network.nodes.map(({ name }) => name).sort();
    const entry = 'validator-2';
    const others = all.filter((name) => name !== entry);
    const journey = new Journey(spans, traceIdOf(1));
    const request = journey.named('POST /v1/transactions');
    expect(request.map(({ node, parentSpanId }) => [node, parentSpanId])).to.deep.equal([[entry, clientSpan]]);
    for (const name of ['mempool.submit', 'transaction.wait']) {
      expect(journey.nodes(name), name).to.deep.equal([entry]);
      journey.below(name, ['POST /v1/transactions'], 'here');
    }
    for (const name of ['mempool.check', 'mempool.store', 'mempool.gossip']) {
      expect(journey.nodes(name), name).to.deep.equal([entry]);
      journey.below(name, ['mempool.submit'], 'here');
    }
    expect(journey.nodes('mempool.receive')).to.deep.equal(others);
    journey.below('mempool.receive', ['mempool.gossip'], 'elsewhere');
    journey.below('transaction.pending', ['mempool.submit', 'mempool.receive'], 'here');
    const [proposer, ...more] = journey.nodes('block.build');
    expect(more, 'one proposer').to.deep.equal([]);
    journey.below('block.build', ['transaction.pending'], 'here');
    // The last of the four may have the block from its peers, by sync.
    const checkers = journey.nodes('block.check');
    expect(checkers).to.not.include(proposer);
    expect(checkers.length).to.be.at.least(2);
    journey.below('block.check', ['block.build'], 'elsewhere');
    expect(journey.nodes('block.decide').length).to.be.at.least(3);
    journey.below('block.decide', ['block.build', 'block.check'], 'here');
    expect(journey.nodes('block.store')).to.deep.equal(journey.nodes('block.decide'));
    journey.below('block.store', ['block.decide'], 'here');
    const decided = journey.named('block.decide').map(({ spanId }) => spanId);
    const pending = journey.named('transaction.pending').find(({ node }) => node === entry);
    expect(decided).to.include(pending?.links[0]?.spanId);

    // The block is part of one of the two traces, and names the other.
    expect(pair).to.have.length(2);
    const builds = spans.filter(({ name, traceId }) => name === 'block.build' && pair.includes(traceId));
    expect(builds).to.have.length(1);
    const [build] = builds;
    expect(build?.links.map(({ traceId }) => traceId)).to.deep.equal(pair.filter((trace) => trace !== build?.traceId));
    const linked = new Journey(spans, build!.links[0]!.traceId);
    expect(linked.named('block.decide')).to.deep.equal([]);
    const [decide] = linked.named('transaction.pending').flatMap(({ links }) => links);
    expect(decide?.traceId, 'the other one finds the block').to.equal(build?.traceId);
  });

  /** Spans of every node, by its place, for one transfer given to the first. */
  const spansOf = async (options: { traced: boolean; cut: boolean }): Promise<readonly (readonly RecordedSpan[])[]> => {
    const recorders = Array.from({ length: 4 }, () => new QuietTelemetry());
    const network = new SimulatedNetwork(4, {
      telemetry: (index) => recorders[index] ?? noTelemetry,
      ...(options.cut ? { envelope: (sent) => ({ ...sent, traceparent: '' }) } : {}),
    });
    try {
      await network.start(4);
      const { api } = network.nodes[0]!.spawned;
      await Promise.all(network.nodes.map(({ spawned }) => spawned.ready));
      const { bytes, hash } = transfer(api.network().chainId as ChainId, network.faucet, 0, receiver);
      const traceparent = options.traced ? `00-${traceIdOf(9)}-${clientSpan}-01` : undefined;
      await api.submit([bytes], { traceparent });
      await Promise.all(network.nodes.map(({ spawned }) => spawned.api.whenFinal(hash, 30_000)));
    } finally {
      await network.close();
    }
    return recorders.map(({ spans }) => spans);
  };

  const nodesReached = async (cut: boolean): Promise<readonly number[]> => {
    const byNode = await spansOf({ traced: true, cut });
    return byNode.flatMap((spans, index) =>
      spans.some(({ traceparent }) => traceparent.includes(traceIdOf(9))) ? [index] : [],
    );
  };

  it('is carried by the links: where they lose it, it stays on the node that it began on', async () => {
    expect(await nodesReached(false)).to.deep.equal([0, 1, 2, 3]);
    expect(await nodesReached(true)).to.deep.equal([0]);
  });

  it('is not begun by actors: what nobody traces makes no span', async () => {
    expect(await spansOf({ traced: false, cut: false })).to.deep.equal([[], [], [], []]);
  });
});

/**
 * A program that embeds two nodes with every interface that they have, and tells what it left behind when they are
 * stopped. Run by test/embedding.test.ts as a process of its own: it must end by itself, and say nothing but this.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Traces {
  readonly resources: readonly string[];
  readonly globals: readonly string[];
  readonly listeners: Readonly<Record<string, number>>;
}

/** What keeps a process alive, and what is shared by everything in it. */
async function traces(): Promise<Traces> {
  // What is closing is gone after the turns that its closing takes.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  const names = process.eventNames().map(String).sort();
  return {
    resources: process.getActiveResourcesInfo().sort(),
    globals: Object.getOwnPropertyNames(globalThis).sort(),
    listeners: Object.fromEntries(names.map((name) => [name, process.listenerCount(name)])),
  };
}

const [, , directory = mkdtempSync(join(tmpdir(), 'bpci-embedded-')), firstPort = '22621'] = process.argv;
const port = Number(firstPort);
const before = await traces();
const { createNode, prepareNetwork, readManifest } = await import('../../src/index.ts');
const afterImport = await traces();

const manifest = readManifest(
  `
apiVersion: bpci/v1
kind: Network
metadata: { name: embedded }
spec:
  chain: { profile: devnet, blockTime: 50ms, genesisFile: ${join(directory, 'genesis.json')}, genesis: {} }
  defaults: { dataDir: ${directory} }
  nodes:
    - { name: validator, roles: [validator], ports: { link: ${port}, api: ${port + 1}, metrics: ${port + 2} } }
    - { name: follower, roles: [follower], ports: { link: ${port + 3}, api: ${port + 4}, metrics: ${port + 5} } }
`,
  'embedded',
  {},
);
const inputs = { loaded: manifest, nodes: manifest.nodes, environment: {}, now: Date.now() };
const { configs } = await prepareNetwork(inputs);
const nodes = await Promise.all(configs.map((config) => createNode(config)));
await Promise.all(nodes.map((node) => node.ready));
const whileRunning = await traces();
const heights = await Promise.all(
  nodes.map((node) => new Promise<number>((resolve) => node.api.onBlock((height) => height >= 3 && resolve(height)))),
);
// Twice, at once: both resolve when it is done.
await Promise.all([...nodes, ...nodes].map((node) => node.stop()));

// One that is stopped before it could be ready, and whose `ready` nobody looks at.
const [, lonely] = configs;
if (lonely === undefined) throw new Error('no second node');
await (await createNode({ ...lonely, peers: [] })).stop();

const afterStop = await traces();
rmSync(directory, { recursive: true, force: true });
process.stdout.write(JSON.stringify({ before, afterImport, whileRunning, afterStop, heights }));

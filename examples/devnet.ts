/**
 * A whole network in this process: four validators, a transfer that becomes final, and its proof checked with nothing but
 * the genesis. With a directory as argument it leaves proof.json and genesis.json there, for examples/verify-proof.ts.
 *
 *   npx tsx examples/devnet.ts ./proofs
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createNode,
  createSigner,
  createVerifier,
  genesisToJson,
  prepareNetwork,
  proofBundleCodec,
  readJson,
  readManifest,
  readSigner,
  signTransaction,
  verifyBundle,
} from 'bpci';

const [, , outputDirectory] = process.argv;
const directory = mkdtempSync(join(tmpdir(), 'bpci-devnet-'));

// The same manifest as an operator's file, and the same overrides: BPCI_NODES_VALIDATOR_PORTS_LINK moves the ports.
const manifest = readManifest(
  `
apiVersion: bpci/v1
kind: Network
metadata: { name: embedded-devnet }
spec:
  chain:
    profile: devnet
    blockTime: 100ms
    genesisFile: ${join(directory, 'genesis.json')}
    genesis: { faucet: 1000000000 }
  defaults: { dataDir: ${directory} }
  nodes:
    - { name: validator, replicas: 4, roles: [validator], ports: { link: 22601 } }
`,
  'devnet',
  process.env,
);

// Keys, genesis, and the configuration of every node, all below `directory`.
const network = await prepareNetwork({
  loaded: manifest,
  nodes: manifest.nodes,
  environment: process.env,
  now: Date.now(),
});
const nodes = await Promise.all(network.configs.map((config) => createNode({ ...config, logTo: 'silent' })));
try {
  await Promise.all(nodes.map((node) => node.ready));
  console.log(`${nodes.length} validators are ready on chain ${network.genesis.chainName}`);

  // One node is given a transfer; another one sees it final.
  const [first, second] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const faucet = await readSigner(network.directory.accountKeyFile('faucet'), null);
  const alice = createSigner(randomBytes(32));
  const transfer = signTransaction(faucet, {
    chainId: network.chainId,
    nonce: first.api.account(faucet.publicKey)?.nextNonce ?? 0,
    expiryHeight: first.api.network().height + 100,
    kind: 'accounts.transfer',
    body: { to: alice.publicKey, amount: '2500000' },
  });
  const [outcome] = await first.api.submit([transfer.bytes]);
  console.log(`the transfer is ${outcome?.outcome}`);
  const final = await second.api.whenFinal(transfer.hash, 30_000);
  console.log(`${second.name} has it in block ${final?.height}, with the result ${final?.result?.code}`);
  console.log(`alice has ${second.api.account(alice.publicKey)?.balance}`);

  // Its proof is JSON. Whoever has the genesis can check it, without any node and without believing this one.
  const json: unknown = JSON.parse(JSON.stringify(second.api.transactionProof(transfer.hash)));
  const bundle = readJson(proofBundleCodec, json);
  if ('problems' in bundle) throw new Error(`no proof bundle: ${JSON.stringify(bundle.problems)}`);
  const { verify } = createVerifier();
  const { verdict } = verifyBundle(bundle.value, network.genesis, { verifySignature: verify });
  console.log(`the proof is ${verdict}`);

  if (outputDirectory !== undefined) {
    mkdirSync(outputDirectory, { recursive: true });
    writeFileSync(join(outputDirectory, 'proof.json'), JSON.stringify(json));
    writeFileSync(join(outputDirectory, 'genesis.json'), JSON.stringify(genesisToJson(network.genesis)));
  }
} finally {
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(directory, { recursive: true, force: true });
}
console.log('stopped');

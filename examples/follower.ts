/**
 * A node that follows the chain, and a program that reacts to what happens on it. The follower checks every seal and
 * executes every block itself: what it tells is what the chain decided, whoever served it.
 *
 *   npx tsx examples/follower.ts
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNode, createSigner, prepareNetwork, readManifest, readSigner, signTransaction } from 'bpci';

const directory = mkdtempSync(join(tmpdir(), 'bpci-follower-'));
const manifest = readManifest(
  `
apiVersion: bpci/v1
kind: Network
metadata: { name: followed }
spec:
  chain:
    profile: devnet
    blockTime: 100ms
    genesisFile: ${join(directory, 'genesis.json')}
    genesis: { faucet: 1000000000 }
  defaults: { dataDir: ${directory} }
  nodes:
    - { name: validator, roles: [validator], ports: { link: 22611 } }
    - { name: follower, roles: [follower], ports: { link: 22612 } }
`,
  'followed',
  process.env,
);
const {
  configs,
  chainId,
  directory: files,
} = await prepareNetwork({
  loaded: manifest,
  nodes: manifest.nodes,
  environment: process.env,
  now: Date.now(),
});
const nodes = await Promise.all(configs.map((config) => createNode({ ...config, logTo: 'silent' })));
try {
  await Promise.all(nodes.map((node) => node.ready));
  const follower = nodes.find(({ name }) => name === 'follower')?.api;
  if (follower === undefined) throw new Error('no follower');

  // Events are read after a position, so that none is missed and none is seen twice, also across a restart of this program
  // where it keeps the position.
  const shop = createSigner(randomBytes(32));
  let position = follower.lastEventId();
  const paid = new Promise<void>((resolve) => {
    let sum = 0;
    const leave = follower.onBlock(() => {
      for (const event of follower.eventsAfter(position, { module: 'accounts', kind: 'transferred' }, 100)) {
        position = event.id;
        if (event.attributes['to'] !== shop.publicKey) continue;
        sum += 1;
        console.log(`payment ${sum}: ${event.attributes['amount']}`);
        if (sum === 3) {
          leave();
          resolve();
        }
      }
    });
  });

  // Customers pay; the follower passes their transactions on to the validators.
  const customer = await readSigner(files.accountKeyFile('faucet'), null);
  const start = follower.account(customer.publicKey)?.nextNonce ?? 0;
  const payments = ['100', '250', '75'].map((amount, at) =>
    signTransaction(customer, {
      chainId,
      nonce: start + at,
      expiryHeight: follower.network().height + 1000,
      kind: 'accounts.transfer',
      body: { to: shop.publicKey, amount },
    }),
  );
  const outcomes = await follower.submit(payments.map(({ bytes }) => bytes));
  console.log(`submitted: ${outcomes.map(({ outcome }) => outcome).join(', ')}`);
  await paid;
  console.log(`the shop has ${follower.account(shop.publicKey)?.balance}`);
} finally {
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(directory, { recursive: true, force: true });
}

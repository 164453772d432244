/**
 * Goal: what must not get in does not, the reason is said, and the node counts it.
 * Method: four validator processes; strangers and slow peers come over real sockets, bad transactions over HTTP, and
 * the counters are read from the metrics that operators read.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import { encodeBody } from '../../src/protocols/ledger/application.ts';
import { transactionBytesMax } from '../../src/protocols/ledger/transaction.ts';
import { height as toHeight } from '../../src/protocols/shared/brands.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { readSeed } from '../../src/runtime/adapters/key-files.ts';
import { createSystemClock } from '../../src/runtime/adapters/system-clock.ts';
import { createSystemRandom } from '../../src/runtime/adapters/system-random.ts';
import { createWsTransport } from '../../src/runtime/adapters/ws-transport.ts';
import { createLinks } from '../../src/runtime/links/create-links.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { sign, transfer } from '../support/transactions.ts';
import { signers, SystemNetwork } from './harness.ts';
import type { NodeChild } from './node-child.ts';
import { present, until } from './waiting.ts';

/** Sum of a counter's series whose labels hold all of these texts. */
async function counted(node: NodeChild, name: string, ...labels: readonly string[]): Promise<number> {
  const response = await fetch(`http://${node.config.metricsAddress ?? ''}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
  return lines
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('at the doors of a running network', function () {
  this.timeout(120_000);
  const [alice, bob, stranger] = signers(3) as [ReturnType<typeof createSigner>, ...ReturnType<typeof signers>];
  let network: SystemNetwork;
  let node: NodeChild;
  let failed = false;

  before(async () => {
    network = await SystemNetwork.create({ validators: 4, parameters: { blockTimeMs: 500 }, accounts: [alice] });
    node = network.node(0);
    const running = [0, 1, 2].map((index) => network.node(index));
    for (const one of running) one.start();
    await Promise.all(running.map((one) => one.ready()));
  });
  afterEach(function () {
    failed ||= this.currentTest?.state === 'failed';
  });
  after(() => network.close({ keep: failed }));

  const refusals = (reason: string): Promise<number> => counted(node, 'bpci_links_refusals', `reason="${reason}"`);

  it('an unknown key does not link', async () => {
    const seed = randomBytes(32);
    const signer = createSigner(seed);
    const links = createLinks({
      transport: await createWsTransport(seed),
      clock: createSystemClock(),
      random: createSystemRandom(),
      signer,
      verifier: createVerifier(),
      chainId: network.chainId,
      telemetry: noTelemetry,
      listenAddress: null,
      roles: ['validator'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => true,
    });
    let linked = 0;
    links.attach({ onEnvelope: () => undefined, onUp: () => void (linked += 1), onDown: () => undefined });
    links.setPeers([{ key: network.signer(0).publicKey, addresses: [node.config.linkAddress] }]);
    await links.start();
    await until('it to be told so', () => /does not accept this key/.test(links.peers()[0]?.lastError ?? ''));
    expect(await refusals('unknown-key')).at.least(1);
    expect(linked).equal(0);
    await links.stop();
  });

  it('who connects and says nothing is cut', async () => {
    const before = await refusals('slow-handshake');
    const [host = '', port] = node.config.linkAddress.split(':');
    const silent = connect(Number(port), host);
    // A socket that is not read does not notice its end.
    silent.resume();
    silent.on('error', () => undefined);
    const cut = new Promise((resolve) => silent.once('close', resolve));
    // One that has proved a validator's key is cut by the link's own time limit.
    const transport = await createWsTransport(await readSeed(network.node(3).config.keyFile, null));
    const expectedKey = network.signer(0).publicKey;
    const pipe = await transport.dial(node.config.linkAddress, { expectedKey, timeoutMs: 5_000 });
    const closed = new Promise<string>((resolve) => (pipe.onClose = resolve));
    expect(await closed).match(/slow-handshake/);
    await cut;
    expect(await refusals('slow-handshake')).equal(before + 2);
  });

  const { chainId, body } = {
    chainId: () => network.chainId,
    body: (amount = 1n) => encodeBody('accounts.transfer', { to: bob?.publicKey ?? alice.publicKey, amount }),
  };
  const signed = (nonce: number, change: object = {}): Uint8Array =>
    sign(alice, {
      ...{ chainId: chainId(), nonce, kind: 'accounts.transfer', body: body() },
      expiryHeight: toHeight(1_000_000),
      ...change,
    }).bytes;
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === (at + bytes.length) % bytes.length ? byte ^ 1 : byte));

  const bad: readonly { readonly name: string; readonly reason: string; readonly bytes: () => Uint8Array }[] = [
    { name: 'bytes that are no transaction', reason: 'malformed', bytes: () => randomBytes(200) },
    { name: 'a transaction cut short', reason: 'malformed', bytes: () => signed(1).subarray(0, 100) },
    { name: 'a transaction with more after it', reason: 'malformed', bytes: () => Uint8Array.of(...signed(1), 0) },
    {
      name: 'a body that is too large',
      reason: 'too-large',
      bytes: () => signed(1, { body: new Uint8Array(transactionBytesMax) }),
    },
    { name: 'one for another chain', reason: 'wrong-chain', bytes: () => signed(1, { chainId: 'ab'.repeat(32) }) },
    { name: 'a signature with a bit turned', reason: 'bad-signature', bytes: () => flipped(signed(1), -1) },
    { name: 'one that has expired', reason: 'expired', bytes: () => signed(1, { expiryHeight: toHeight(1) }) },
    { name: 'a nonce far ahead', reason: 'nonce-too-far', bytes: () => signed(10_000) },
    { name: 'a kind that nobody knows', reason: 'unknown-kind', bytes: () => signed(1, { kind: 'accounts.print' }) },
    { name: 'a body of another kind', reason: 'malformed-body', bytes: () => signed(1, { body: randomBytes(9) }) },
    {
      name: 'an account that does not exist',
      reason: 'unknown-account',
      bytes: () => transfer(chainId(), present(stranger, 'stranger'), 0, alice.publicKey).bytes,
    },
  ];
  for (const { name, reason, bytes } of bad) {
    it(`${name} is refused as ${reason}, and counted`, async () => {
      const before = await counted(node, 'bpci_mempool_transactions', `outcome="${reason}"`);
      const [result] = await node.client.submitBatch([bytes(), signed(0)]);
      expect(result).deep.include({ outcome: 'rejected', reason });
      expect(await counted(node, 'bpci_mempool_transactions', `outcome="${reason}"`)).equal(before + 1);
    });
  }

  it('what is final cannot be replayed, here nor elsewhere, and counts once', async () => {
    const bytes = signed(0);
    const final = await node.client.submit(bytes, { waitMs: 30_000 });
    expect(final.status).equal('final');
    for (const index of [0, 1, 2]) {
      const other = network.node(index);
      await other.reached((await node.client.transaction(final.hash)).height ?? 0);
      const [again] = await other.client.submitBatch([bytes]);
      expect(again).deep.include({ outcome: 'known', hash: final.hash });
      const [reused] = await other.client.submitBatch([signed(0, { body: body(2n) }), signed(40 + index)]);
      expect(reused).deep.include({ outcome: 'rejected', reason: 'nonce-used' });
    }
  });

  it('a request above the size limit is refused before it is read to its end', async () => {
    const response = await fetch(`${node.client.endpoint}/v1/transactions`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(32 * 1024 * 1024),
    }).catch((error: unknown) => error as Error);
    if (response instanceof Response) expect(response.status).equal(413);
    expect(await counted(node, 'bpci_http_refusals', 'reason="body-too-large"')).at.least(1);
  });

  it('and the network makes blocks through all of it', async () => {
    await node.reached((await node.height()) + 2);
    await network.expectOneChain(await node.height());
  });
});

/** Goal: amounts, transactions and tokens that the client makes are exact. Method: properties and tables. */
import { expect } from 'chai';
import fc from 'fast-check';
import { formatAmount, parseAmount } from '../../src/client/amounts.ts';
import { ChainClient } from '../../src/client/chain-client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { verifyServedLog } from '../../src/client/log-audit.ts';
import { signTransaction, TransactionError } from '../../src/client/transactions.ts';
import { transactionCodec, transactionHash, transactionSigningBytes } from '../../src/protocols/ledger/transaction.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { FakeChain } from '../runtime/http/fake-chain.ts';
import { aliceKey, chainIdHex, faucetKey, validatorKeys } from '../runtime/http/fake-genesis.ts';
import { startWorld, transfer, type World } from '../runtime/http/server-world.ts';

describe('amounts', () => {
  it('are read back as they were written, for every number of minor units', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (minor) => {
        expect(parseAmount(formatAmount(minor))).to.equal(minor);
      }),
    );
  });

  it('are whole units with up to six decimals and nothing else', () => {
    const cases: readonly (readonly [string, bigint | null])[] = [
      ['5', 5_000_000n],
      ['0.25', 250_000n],
      ['0.000001', 1n],
      ['18446744073709.551615', 2n ** 64n - 1n],
      ['18446744073709.551616', null],
      ['0.0000001', null],
      ['-1', null],
      ['1e3', null],
      ['1.', null],
      ['.5', null],
      ['', null],
      [' 5', null],
      ['1,5', null],
    ];
    for (const [text, minor] of cases) expect(parseAmount(text), text).to.equal(minor);
  });
});

describe('signed transactions', () => {
  it('are canonical, signed by the sender, and named by their hash', () => {
    const { bytes, hash } = transfer(aliceKey, 3, faucetKey.publicKey, '12');
    const transaction = decode(transactionCodec, bytes);
    expect(transaction).to.deep.include({ sender: aliceKey.publicKey, nonce: 3, kind: 'accounts.transfer' });
    expect(hash).to.equal(transactionHash(bytes));
    const message = transactionSigningBytes(transaction);
    expect(createVerifier().verify(aliceKey.publicKey, message, transaction.signature)).to.equal(true);
  });

  it('refuse bodies that do not fit, naming every field', () => {
    const make = (kind: string, body: unknown): unknown =>
      signTransaction(aliceKey, { chainId: chainIdHex, nonce: 0, expiryHeight: 1, kind, body });
    expect(() => make('accounts.transfer', { to: 'x', extra: 1 }))
      .to.throw(TransactionError)
      .with.property('message')
      .that.matches(/body\.to.*body\.amount.*body\.extra/);
    expect(() => make('nothing.known', {}))
      .to.throw(TransactionError)
      .with.property('code', 'unknown-kind');
  });
});

describe('chain client', () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.close());

  it('submits one and many, waits, finds, proves', async () => {
    const client = new ChainClient({ endpoint: `${world.base}/` });
    const first = await client.submit(transfer(faucetKey, 0, aliceKey.publicKey).bytes, { waitMs: 5_000 });
    expect(first.status).to.equal('final');
    const batch = [1, 2].map((nonce) => transfer(faucetKey, nonce, aliceKey.publicKey).bytes);
    const entries = await client.submitBatch(batch, { waitMs: 5_000 });
    expect(entries.map(({ transaction }) => transaction?.status)).to.deep.equal(['final', 'final']);
    const hashes = [...entries.map(({ hash }) => hash ?? ''), '0'.repeat(64), first.hash];
    const looked = await client.lookUp(hashes);
    expect(looked.map(({ hash }) => hash)).to.deep.equal(hashes);
    expect(looked.map(({ status }) => status)).to.deep.equal(['final', 'final', 'unknown', 'final']);
    const found = await client.transaction(first.hash, { proof: true });
    expect(found.proof).to.be.an('object');
    expect((await client.account(aliceKey.publicKey)).nextNonce).to.equal(0);
    expect((await client.state('accounts', 'a/b', { proof: true })).value).to.equal(null);
    expect((await client.health()).ok).to.equal(true);
    expect((await client.readiness()).ok).to.equal(true);
  });

  it('rejects with what went wrong: not there, refused with the reason, out of reach', async () => {
    const client = new ChainClient({ endpoint: world.base });
    const failure = async (work: Promise<unknown>): Promise<ClientError> => {
      const error = await work.then(
        () => null,
        (cause: unknown) => cause,
      );
      expect(error).to.be.instanceOf(ClientError);
      return error as ClientError;
    };
    expect((await failure(client.block(999_999))).code).to.equal('not-found');
    const refused = await failure(client.submit(new Uint8Array([1, 2, 3])));
    expect([refused.code, refused.reason]).to.deep.equal(['refused', 'malformed']);
    const closed = await startWorld();
    await closed.close();
    const away = await failure(new ChainClient({ endpoint: closed.base }).network());
    expect([away.code, away.message.includes('ECONNREFUSED')]).to.deep.equal(['unreachable', true]);
  });
});

describe('audit of a served log', () => {
  const verifier = createVerifier();

  /** 600 entries: full tiles, partial tiles, two levels. */
  async function chainWithLog(): Promise<FakeChain> {
    const chain = new FakeChain();
    chain.isAutomatic = false;
    for (let first = 0; first < 600; first += 200) {
      const batch = Array.from(
        { length: 200 },
        (_, n) => transfer(faucetKey, first + n, aliceKey.publicKey, '1').bytes,
      );
      await chain.submit(batch);
      chain.seal();
    }
    return chain;
  }

  const audit = (chain: FakeChain, change: (path: string, bytes: Uint8Array) => Uint8Array = (_path, bytes) => bytes) =>
    verifyServedLog({
      fetchFile: (path) => Promise.resolve(change(path, Uint8Array.from(chain.logFile(path)!.bytes))),
      chainId: chainIdHex,
      validators: validatorKeys.map(({ publicKey }) => publicKey),
      finalityThreshold: 67,
      verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
    });

  it('passes for an honest log and finds one flipped byte in every file of it', async () => {
    const chain = await chainWithLog();
    const paths: string[] = [];
    const honest = await audit(chain, (path, bytes) => {
      paths.push(path);
      return bytes;
    });
    expect(honest).to.deep.include({ ok: true, size: 600 });
    expect(paths).to.include.members(['checkpoint', 'tile/0/002.p/88', 'tile/entries/000', 'tile/1/000.p/2']);
    for (const changedPath of paths) {
      const found = await audit(chain, (path, bytes) => {
        if (path === changedPath) bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
        return bytes;
      });
      expect(found.ok, changedPath).to.equal(false);
    }
  });

  it('is not satisfied with fewer cosignatures than a quorum', async () => {
    const chain = await chainWithLog();
    const few = await audit(chain, (path, bytes) =>
      path === 'checkpoint'
        ? Buffer.from(Buffer.from(bytes).toString().split('\n').slice(0, 6).join('\n') + '\n')
        : bytes,
    );
    expect(few.checks.find(({ name }) => name === 'cosignatures')?.ok).to.equal(false);
  });
});

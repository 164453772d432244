/** What a program may count on that embeds the package: src/index.ts, src/protocols.ts and src/simulated.ts. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { chainIdOf, createSigner, defineActor, NodeError, type ReplyTo, signTransaction } from '../src/index.ts';
import { freePortRange } from './support/free-ports.ts';
import { SimulatedNetwork } from './support/simulated-network.ts';

const root = resolve(import.meta.dirname, '..');

interface Traces {
  readonly resources: readonly string[];
  readonly globals: readonly string[];
  readonly listeners: Readonly<Record<string, number>>;
}

/** What dependencies keep on the global object: lmdb its environments, tslib its functions. */
const foreignGlobal = /^__(lmdb_|[a-z])/;

describe('two nodes in one process', function () {
  this.timeout(120_000);

  it('leave no handle, no global of ours, no signal handler and no output when they are stopped', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpci-embedded-'));
    const program = [join(root, 'test/support/embedded-nodes.ts'), directory, String(await freePortRange(6))];
    const { out, errors, code } = await new Promise<{ out: string; errors: string; code: unknown }>((settle) => {
      execFile(
        process.execPath,
        ['--import', 'tsx', ...program],
        { cwd: root, timeout: 90_000, killSignal: 'SIGKILL' },
        (error, out, errors) => settle({ out, errors, code: error === null ? 0 : (error.signal ?? error.code) }),
      );
    });
    expect({ code, errors }, out).to.deep.equal({ code: 0, errors: '' });
    const { before, afterImport, whileRunning, afterStop, heights } = JSON.parse(out) as {
      readonly [phase in 'before' | 'afterImport' | 'whileRunning' | 'afterStop']: Traces;
    } & { readonly heights: readonly number[] };
    expect(heights.every((height) => height >= 3)).to.equal(true);
    expect(afterImport.resources).to.deep.equal(before.resources);
    expect(afterStop.resources).to.deep.equal(before.resources);
    expect(whileRunning.resources.length, 'the measure sees running nodes').to.be.greaterThan(before.resources.length);
    for (const phase of [afterImport, whileRunning, afterStop]) {
      expect(phase.globals.filter((name) => !foreignGlobal.test(name))).to.deep.equal(before.globals);
      expect(phase.listeners).to.deep.equal(before.listeners);
    }
  });
});

describe('a validator in a caller’s actor system', function () {
  this.timeout(60_000);
  let network: SimulatedNetwork;
  let nonce: number;

  beforeEach(async () => {
    nonce = 0;
    network = new SimulatedNetwork(4);
    await network.start(4, 1);
    await Promise.all(network.nodes.map(({ spawned }) => spawned.ready));
  });
  afterEach(() => network.close());

  const at = (index: number) => {
    const node = network.nodes[index];
    if (node === undefined) throw new RangeError(`no node ${index}`);
    return node;
  };

  /** Gives a transfer to one node and waits until it is final on another. */
  async function pay(from: number, to: number): Promise<void> {
    const { api } = at(from).spawned;
    const { bytes, hash } = signTransaction(network.faucet, {
      chainId: chainIdOf(network.genesis),
      // Counted here: a node that is a block behind would still offer the last one.
      nonce: nonce++,
      expiryHeight: api.network().height + 1000,
      kind: 'accounts.transfer',
      body: { to: createSigner(randomBytes(32)).publicKey, amount: '1' },
    });
    const [outcome] = await api.submit([bytes]);
    expect(outcome?.outcome).to.equal('accepted');
    const final = await at(to).spawned.api.whenFinal(hash, 30_000);
    expect(final?.result?.code).to.equal('ok');
  }

  it('decides blocks with its peers over the caller’s ports, and is followed', async () => {
    await pay(0, 1);
    await pay(4, 4);
    expect(at(4).spawned.api.consensus().validators).to.equal(4);
  });

  it('is stopped alone: the system goes on, the peers go on, the rest of its actors are gone', async () => {
    const { spawned, system } = at(3);
    const answering = system.spawn(
      defineActor<null, { readonly replyTo: ReplyTo<string> }>({
        name: 'mine',
        initial: () => null,
        receive: (state, { replyTo }, context) => {
          context.reply(replyTo, 'here');
          return state;
        },
      }),
    );
    await Promise.all([spawned.stop(), spawned.stop()]);
    expect(await spawned.ended).to.equal('stopped');
    expect(system.stats().actors).to.equal(1);
    const answer = await system.ask(answering, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 1000 });
    expect(answer).to.equal('here');
    await pay(0, 1);
  });

  it('ends by itself, without the system, where its guard cannot be written any more', async () => {
    const { spawned, system, recordsDisk, fatal } = at(2);
    recordsDisk.break();
    expect(await spawned.ended).to.equal('failed');
    expect(system.stats().actors).to.equal(0);
    expect(fatal).to.deep.equal([]);
    await pay(0, 1);
  });

  it('is refused a genesis that is not sound, with every reason', async () => {
    const broken = new SimulatedNetwork(4);
    const unsound = { ...broken.genesis, chainName: 'No Name', protocolVersion: 7 };
    Object.assign(broken, { genesis: unsound });
    try {
      await broken.start(1);
      expect.fail('it was spawned');
    } catch (error) {
      expect(error).to.be.instanceOf(NodeError);
      expect((error as NodeError).code).to.equal('invalid-genesis');
      expect((error as NodeError).message)
        .to.include('chainName')
        .and.include('protocolVersion');
    } finally {
      await broken.close();
    }
  });
});

describe('the pure protocols', () => {
  it('need nothing but themselves and the noble packages, so that a browser can run them', () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/ from '([^']+)'/g)) {
        if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier));
        else outside.add(specifier.split('/').slice(0, 2).join('/'));
      }
    };
    visit(join(root, 'src/protocols.ts'));
    expect([...outside].filter((name) => !name.startsWith('@noble/'))).to.deep.equal([]);
    expect([...seen].every((file) => file.startsWith(join(root, 'src/protocols')))).to.equal(true);
    expect(seen.size).to.be.greaterThan(30);
  });
});

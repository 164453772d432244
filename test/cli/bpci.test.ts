/**
 * Goal: `bpci` does what its help says, for people and for programs. Method: the real command line in child processes
 * against a running server over a fake chain, in a home directory of its own.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { chainIdHex, faucetKey, validatorKeys } from '../runtime/http/fake-genesis.ts';
import { startWorld, type World } from '../runtime/http/server-world.ts';
import { buildPackage } from '../support/built-package.ts';

const entry = resolve('dist/cli/bpci.js');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('bpci', function () {
  this.timeout(60_000);
  let world: World;
  let home: string;
  /** An endpoint where nobody listens. */
  let nowhere: string;

  before(async () => {
    await buildPackage();
    const closed = await startWorld();
    nowhere = closed.base;
    await closed.close();
    world = await startWorld();
    home = mkdtempSync(join(tmpdir(), 'bpci-cli-'));
    const faucet = { version: 1, kind: 'ed25519', publicKey: faucetKey.publicKey, seed: '32'.repeat(32) };
    mkdirSync(join(home, 'data', 'http-world', 'accounts'), { recursive: true });
    writeFileSync(join(home, 'data', 'http-world', 'accounts', 'faucet.key'), JSON.stringify(faucet), { mode: 0o600 });
  });
  after(async () => {
    await world.close();
    rmSync(home, { recursive: true });
  });

  const environment = (): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: home,
    BPCI_HOME: join(home, '.bpci'),
    BPCI_ENDPOINT: world.base,
    NO_COLOR: '1',
  });

  const run = (args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
    new Promise((done) => {
      const options = { cwd: home, env: { ...environment(), ...extra } };
      execFile(process.execPath, [entry, ...args], options, (error, out, err) =>
        done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
      );
    });

  /** Runs and expects success; the output as JSON. */
  async function json<T>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await run([...args, '--json']);
    expect(code, err).to.equal(0);
    return JSON.parse(out) as T;
  }

  const sent = { hash: '' };

  it('makes, lists and shows keys, and never overwrites one', async () => {
    const made = await run(['keys', 'generate', 'alice']);
    expect([made.code, made.out]).to.deep.equal([0, made.out]);
    const publicKey = /public key {2}([0-9a-f]{64})/.exec(made.out)?.[1];
    expect((await run(['keys', 'show', 'alice'])).out).to.equal(`${publicKey!}\n`);
    expect(statSync(join(home, '.bpci', 'keys', 'alice.key')).mode & 0o777).to.equal(0o600);
    const again = await run(['keys', 'generate', 'alice']);
    expect(again.code).to.equal(2);
    expect(again.err).to.include('never overwritten');
    await run(['keys', 'generate', 'bob']);
    const { keys } = await json<{ keys: { name: string }[] }>('keys', 'list');
    expect(keys.map(({ name }) => name)).to.deep.equal(['alice', 'bob']);
  });

  it('encrypts keys under a passphrase, needs it to sign, and exports encrypted copies only', async () => {
    const secret = { BPCI_PASSPHRASE: 'correct horse' };
    expect((await run(['keys', 'generate', 'carol'], secret)).code).to.equal(0);
    expect(readFileSync(join(home, '.bpci', 'keys', 'carol.key'), 'utf8')).to.not.include('"seed"');
    const signing = ['tx', 'transfer', '--from', 'carol', '--to', 'alice', '--amount', '1'];
    const refused = await run(signing);
    expect([refused.code, refused.err.includes('BPCI_PASSPHRASE')]).to.deep.equal([1, true]);
    const copy = join(home, 'alice-backup.key');
    expect((await run(['keys', 'export', 'alice', copy])).code).to.equal(1);
    expect((await run(['keys', 'export', 'alice', copy], { BPCI_EXPORT_PASSPHRASE: 'x y' })).code).to.equal(0);
    expect(readFileSync(copy, 'utf8')).to.not.include('"seed"');
  });

  it('gives from the faucet and waits for finality', async () => {
    const receipt = await json<{ status: string; result: string; timeToFinalityMs: number }>('faucet', 'alice', '1000');
    expect([receipt.status, receipt.result]).to.deep.equal(['final', 'ok']);
    const account = await run(['account', 'alice']);
    expect(account.out).to.match(/balance +1000\n/);
  });

  it('says what to do where there is no faucet key', async () => {
    const without = await run(['faucet', 'alice', '5', '--faucet-key', join(home, 'none.key')]);
    expect(without.code).to.equal(1);
    expect(without.err).to.include('no faucet key').and.to.include('--faucet-key FILE');
  });

  it('transfers and waits, prints hash, height and time to finality', async () => {
    const done = await run(['tx', 'transfer', '--from', 'alice', '--to', 'bob', '--amount', '5.25', '--wait']);
    expect(done.code, done.err).to.equal(0);
    sent.hash = /hash +([0-9a-f]{64})/.exec(done.out)![1]!;
    expect(done.out)
      .to.match(/height +[0-9]+\n/)
      .and.to.match(/time to finality +[0-9.]+ (ms|s)\n/);
    expect((await run(['account', 'bob'])).out).to.match(/balance +5\.25\n/);
    const shown = await run(['tx', 'show', sent.hash]);
    expect(shown.out).to.include('amount  5.25').and.to.include('result  ok');
  });

  it('exits with 1 where a final transaction failed, and names the reason', async () => {
    const failed = await run(['tx', 'transfer', '--from', 'bob', '--to', 'alice', '--amount', '999', '--wait']);
    expect([failed.code, failed.out.includes('insufficient-balance')]).to.deep.equal([1, true]);
  });

  it('sends any kind, and names every wrong field of a body before anything is sent', async () => {
    const { publicKey } = await json<{ publicKey: string }>('keys', 'show', 'bob');
    const body = JSON.stringify({ to: publicKey, amount: '7' });
    const receipt = await json<{ result: string }>(
      'tx',
      'send',
      'accounts.transfer',
      '--from',
      'alice',
      '--body',
      body,
      '--wait',
    );
    expect(receipt.result).to.equal('ok');
    const wrong = await run(['tx', 'send', 'accounts.transfer', '--from', 'alice', '--body', '{"to":"x","amnt":1}']);
    expect(wrong.code).to.equal(2);
    for (const part of ['body.to', 'body.amount', 'body.amnt']) expect(wrong.err).to.include(part);
    const unknown = await run(['tx', 'send', 'court.dance', '--from', 'alice', '--body', '{}']);
    expect([unknown.code, unknown.err.includes('accounts.transfer')]).to.deep.equal([2, true]);
  });

  it('proves a transaction to somebody with the genesis document and no node; a changed proof is refused', async () => {
    const proof = await run(['tx', 'proof', sent.hash]);
    const genesis = await run(['genesis']);
    writeFileSync(join(home, 'proof.json'), proof.out);
    writeFileSync(join(home, 'genesis.json'), genesis.out);
    const offline = { BPCI_ENDPOINT: nowhere };
    const verified = await run(['verify', 'proof.json', '--genesis', 'genesis.json'], offline);
    expect(verified.code, verified.out + verified.err).to.equal(0);
    expect(verified.out)
      .to.include(sent.hash)
      .and.to.match(/ok +log-inclusion/)
      .and.to.match(/\nvalid\n$/);
    const changed = JSON.parse(proof.out) as { header: { time: number } };
    changed.header.time++;
    writeFileSync(join(home, 'changed.json'), JSON.stringify(changed));
    const refused = await run(['verify', 'changed.json', '--genesis', 'genesis.json', '--json'], offline);
    expect(refused.code).to.equal(1);
    expect(JSON.parse(refused.out)).to.deep.include({ verdict: 'invalid' });
    writeFileSync(join(home, 'none.json'), '{"format":"x"}');
    const none = await run(['verify', 'none.json', '--genesis', 'genesis.json'], offline);
    expect([none.code, none.err.includes('no proof bundle')]).to.deep.equal([1, true]);
  });

  it('proves a transaction through a header that the reader trusts, and counts its age up to now', async () => {
    world.chain.seal();
    const proof = await run(['tx', 'proof', sent.hash, '--through', '1']);
    expect(proof.code, proof.err).to.equal(0);
    writeFileSync(join(home, 'through.json'), proof.out);
    const { digest } = await json<{ digest: string }>('block', '1');
    const verify = (...args: readonly string[]): Promise<Outcome> =>
      run(['verify', 'through.json', '--genesis', 'genesis.json', ...args], { BPCI_ENDPOINT: nowhere });
    const trusted = ['--trusted', `1:${digest}`];
    const [assumed, old, anchored, other, far] = await Promise.all([
      verify(),
      verify('--current-height', '100000'),
      verify(...trusted, '--current-height', '2'),
      verify('--trusted', `1:${'0'.repeat(64)}`),
      run(['tx', 'proof', sent.hash, '--through', '99999']),
    ]);
    expect([assumed.code, old.code, anchored.code, other.code, far.code]).to.deep.equal([0, 1, 0, 1, 1]);
    expect(assumed.out).to.include('give --current-height');
    expect(old.out).to.include('unanchored').and.to.not.include('give --current-height');
    expect(anchored.out).to.match(/ok +trusted-header/);
    expect(other.out).to.match(/FAILED +trusted-header/);
    expect(far.err).to.include('passes through height 99999');
  });

  it('shows status, validators, blocks, services and permissions', async () => {
    const status = await run(['status']);
    expect(status.code).to.equal(0);
    expect(status.out)
      .to.include('4 validators, 3 decide, 1 may fail')
      .and.to.match(/validator-2 +up/);
    expect((await json<{ validators: object[] }>('validators')).validators).to.have.length(4);
    expect((await run(['block', 'latest'])).out).to.include('decided             in round 0 by 3 seals');
    expect((await json<{ height: number }>('block', '1')).height).to.equal(1);
    expect((await run(['services'])).out).to.include('court-1');
    expect((await run(['permissions'])).out).to.match(/accounts\.transfer +yes/);
  });

  it('names the problems of a chain that stands still, and exits with 1', async () => {
    world.chain.problems = [
      { code: 'too-few-linked', message: 'two validators are not linked', validator: validatorKeys[1]!.publicKey },
    ];
    const status = await run(['status']);
    world.chain.problems = [];
    expect(status.code).to.equal(1);
    expect(status.out).to.include('problem too-few-linked: two validators are not linked (validator-2)');
  });

  it('prints events, and follows them', async () => {
    const page = await json<{ events: { kind: string }[] }>('events', '--module', 'accounts');
    expect(page.events.map(({ kind }) => kind)).to.include('transferred');
    const follow = spawn(process.execPath, [entry, 'events', '-f', '--after', 'start', '--json'], {
      cwd: home,
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    await new Promise<void>((done) => {
      let text = '';
      follow.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const complete = text.split('\n').slice(0, -1);
        if (complete.length > lines.length && lines.length === 0) world.chain.sealEvents(['court', 'filed']);
        lines.splice(0, lines.length, ...complete);
        if (lines.some((line) => line.includes('"filed"'))) done();
      });
    });
    const ended = new Promise((done) => follow.once('close', done));
    follow.kill('SIGINT');
    expect(await ended).to.equal(0);
    expect((JSON.parse(lines[0]!) as { id: string }).id).to.equal(page.events[0] === undefined ? '' : '1-0');
  });

  it('ends where its reader goes away', async () => {
    const follow = spawn(process.execPath, [entry, 'events', '-f', '--after', 'start'], {
      cwd: home,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaints = '';
    follow.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    await new Promise((done) => follow.stdout.once('data', done));
    const ended = new Promise((done) => follow.once('close', done));
    follow.stdout.destroy();
    while (follow.exitCode === null) {
      world.chain.sealEvents(['court', 'filed']);
      await new Promise((done) => setImmediate(done));
    }
    expect([await ended, complaints]).to.deep.equal([0, '']);
  });

  it('checks the transparency log that a node serves', async () => {
    const audit = await run(['log', 'verify', '--genesis', 'genesis.json']);
    expect(audit.code, audit.out + audit.err).to.equal(0);
    expect(audit.out)
      .to.match(/ok +cosignatures +3 of 4 validators, 3 needed/)
      .and.to.match(/ok +root/);
  });

  it('says what to do where no node runs', async () => {
    const { code, err } = await run(['status'], { BPCI_ENDPOINT: nowhere });
    expect(code).to.equal(1);
    expect(err).to.include('cannot be reached').and.to.include('npm start');
    const asJson = await run(['status', '--json'], { BPCI_ENDPOINT: nowhere });
    expect((JSON.parse(asJson.err) as { error: { code: string } }).error.code).to.equal('unreachable');
  });

  it('exits with 2 and says why where the command is wrong', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['dance'], /unknown command/],
      [['tx', 'transfer', '--from', 'alice', '--to', 'bob'], /--amount/],
      [['tx', 'transfer', '--from', 'alice', '--to', 'bob', '--amount', '0.0000001'], /no amount/],
      [['tx', 'transfer', '--from', 'nobody', '--to', 'bob', '--amount', '1'], /keys generate nobody/],
      [['status', '--endpoint', 'localhost'], /no endpoint/],
      [['verify', 'missing.json', '--genesis', 'genesis.json'], /missing\.json does not exist/],
      [['block', 'first'], /whole number/],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => run(args)));
    outcomes.forEach(({ code, err }, at) => {
      expect([code, err], err).to.deep.equal([2, err]);
      expect(err).to.match(cases[at]![1]);
    });
    const unknown = await run(['tx', 'show', '0'.repeat(64)]);
    expect([unknown.code, unknown.err.includes('not-found')]).to.deep.equal([1, true]);
  });

  it('signs in with a key for a chain that the caller names, never the node', async () => {
    const without = await run(['status', '--as', 'alice']);
    expect([without.code, without.err.includes('BPCI_CHAIN')]).to.deep.equal([2, true]);
    const signedIn = await run(['status', '--as', 'alice', '--chain', chainIdHex]);
    expect(signedIn.code, signedIn.err).to.equal(0);
  });

  it('has help with examples for every command, and completion scripts for three shells', async () => {
    const [help, sub, verify, bash, zsh, fish] = await Promise.all([
      run(['--help']),
      run(['tx', 'transfer', '--help']),
      run(['verify', '--help']),
      run(['completion', 'bash']),
      run(['completion', 'zsh']),
      run(['completion', 'fish']),
    ]);
    expect([help.code, sub.code]).to.deep.equal([0, 0]);
    expect(help.out).to.include('bpci keys generate alice').and.to.include('Exit codes');
    expect(sub.out).to.include('$ bpci tx transfer');
    expect(verify.out).to.include('--genesis genesis.json --current-height 52000');
    for (const { out } of [bash, zsh, fish]) expect(out).to.include('transfer');
    const script = `${bash.out}\nCOMP_WORDS=(bpci tx tr); COMP_CWORD=2; _bpci; echo "\${COMPREPLY[@]}"`;
    const completed = await new Promise<string>((done) => execFile('bash', ['-c', script], (_error, out) => done(out)));
    expect(completed).to.equal('transfer\n');
  });
});

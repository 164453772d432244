/** Goal: `biso-policy` does what its help says, for people and for programs. Method: the real command line in child processes. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { packDirectory } from './default-pack.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolveOutcome) => {
    const argv = ['--import', 'tsx', 'src/cli/biso-policy.ts', ...args];
    execFile(process.execPath, argv, { env: { ...process.env, NO_COLOR: '1' } }, (error, out, err) => {
      resolveOutcome({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });

describe('biso-policy', function () {
  this.timeout(60_000);
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-policy-cli-'))));
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('evaluates a flow: state, rule, citation, obligations, counterfactual', async () => {
    const flow = ['--from', 'DE', '--to', 'US', '--class', 'Confidential', '--contents', 'personal', '--basis', 'dpf'];
    const { code, out } = await run('evaluate', ...flow);
    expect(code).to.equal(0);
    for (const part of ['Yellow  DE → US', 'rule 4  gdpr', '2023/1795', 'listing-check', 'within 24 h', 'Red without bases.dpf'])
      expect(out).to.include(part);
    const json = await run('evaluate', '--json', ...flow);
    const parsed = JSON.parse(json.out) as { state: string; rules: { id: string }[]; requestDigest: string };
    expect(parsed.state).to.equal('Yellow');
    expect(parsed.rules.map(({ id }) => id)).to.deep.equal(['4']);
    expect(parsed.requestDigest).to.match(/^[0-9a-f]{64}$/);
  });

  it('says which flag was wrong, and where in a request file', async () => {
    const wrong = await run('evaluate', '--from', 'DE', '--to', 'US', '--contents', 'personal', '--class', 'Secret');
    expect(wrong.code).to.equal(2);
    expect(wrong.err).to.include('--class').and.to.include('Restricted');
    const file = join(directory, 'request.json');
    writeFileSync(file, '{\n  "subject": { "tenant": "t", "workload": "w" },\n  "operation": "transfer",\n  "classification": "Public",\n  "contents": ["gossip"],\n  "source": { "country": "DE" },\n  "destination": { "country": "FR" }\n}\n');
    const placed = await run('evaluate', '--request', file);
    expect(placed.code).to.equal(1);
    expect(placed.err).to.include(`${file}:5: contents[0]: unknown word gossip`);
  });

  it('checks the default pack', async () => {
    const { code, out } = await run('check', packDirectory, '--random', '50');
    expect(code).to.equal(0);
    expect(out).to.include('198 of 198 hold').and.to.include('50 random inputs').and.to.include('no problem found');
  });

  it('compares two packs', async () => {
    const other = join(directory, 'other');
    cpSync(packDirectory, other, { recursive: true });
    rmSync(join(other, 'policies', 'russia.cedar'));
    const { code, out } = await run('diff', '--json', packDirectory, other);
    expect(code).to.equal(0);
    const { differences } = JSON.parse(out) as { differences: { regime: string; from: string; to: string }[] };
    expect(new Set(differences.map(({ regime, to }) => `${regime} ${to}`))).to.deep.equal(new Set(['152-fz none']));
    const bad = await run('check', other, '--random', '0');
    expect(bad.code).to.equal(1);
    expect(bad.err).to.include('rule 16, match');
  });
});

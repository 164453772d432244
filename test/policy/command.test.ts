/** Goal: `biso-policy` does what its help says, for people and for programs. Method: the real command line in child processes. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { appliesText, packDirectory, ruleText } from './default-pack.ts';

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
    for (const part of [
      'Yellow  DE → US',
      'rule 4  gdpr',
      '2023/1795',
      'listing-check',
      'within 24 h',
      'Red without bases.dpf',
    ])
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
    writeFileSync(
      file,
      '{\n  "subject": { "tenant": "t", "workload": "w" },\n  "operation": "transfer",\n  "classification": "Public",\n  "contents": ["gossip"],\n  "source": { "country": "DE" },\n  "destination": { "country": "FR" }\n}\n',
    );
    const placed = await run('evaluate', '--request', file);
    expect(placed.code).to.equal(1);
    expect(placed.err).to.include(`${file}:5: contents[0]: unknown word gossip`);
  });

  it('checks a pack, and says what is wrong with it', async () => {
    const small = smallPack('small', 'GB');
    const good = await run('check', small, '--random', '50');
    expect(good.err).to.equal('');
    expect(good.code).to.equal(0);
    expect(good.out).to.include('3 of 3 hold').and.to.include('50 random inputs').and.to.include('no problem found');
    writeFileSync(
      join(small, 'policies', 'more.cedar'),
      ruleText('late', 'green', 'context.source == "FR" && context.source == "GB"'),
    );
    const bad = await run('check', small, '--random', '0');
    expect(bad.code).to.equal(1);
    expect(bad.err).to.include('rule late has no goldens').and.to.include('rule late never matches');
  });

  it('compares two packs', async () => {
    const { code, out } = await run('diff', '--json', smallPack('before', 'GB'), smallPack('after', 'FR'));
    expect(code).to.equal(0);
    const { differences } = JSON.parse(out) as { differences: object[] };
    // Of 3 sources and as many destinations, unlisted included: one destination from each of the two that the regime knows.
    expect(differences).to.deep.equal([
      { regime: 'gdpr', cells: '3', from: 'Red', to: 'Green', example: { source: 'FR', destination: 'FR' } },
      { regime: 'gdpr', cells: '3', from: 'Green', to: 'Red', example: { source: 'FR', destination: 'GB' } },
    ]);
  });

  /** One regime, two countries, one rule: to this country. */
  function smallPack(name: string, to: string): string {
    const target = join(directory, name);
    mkdirSync(join(target, 'policies'), { recursive: true });
    mkdirSync(join(target, 'goldens'));
    for (const file of ['schema.cedarschema', 'obligations.json', 'pack.json'])
      cpSync(join(packDirectory, file), join(target, file));
    writeFileSync(join(target, 'facts.json'), JSON.stringify({ version: '1', countries: ['FR', 'GB'], facts: [] }));
    const policies = [
      appliesText('context.source != "unlisted" || context.source == "unlisted"'),
      ruleText('1', 'green', `context.destination == "${to}"`),
    ];
    writeFileSync(join(target, 'policies', 'all.cedar'), policies.join('\n'));
    const request = {
      subject: { tenant: 't', workload: 'w' },
      operation: 'store',
      classification: 'Public',
      contents: ['pci'],
      source: { country: 'FR' },
    };
    const other = to === 'GB' ? 'FR' : 'GB';
    const cases = [
      ['match', to],
      ['just-outside', other],
      ['missing-precondition', 'ZZ'],
    ].map(([name, country]) => ({
      case: name,
      state: name === 'match' ? 'Green' : 'Red',
      decides: name === 'match',
      request: { ...request, destination: { country } },
    }));
    writeFileSync(join(target, 'goldens', '1.json'), JSON.stringify({ rule: '1', cases }));
    return target;
  }
});

/**
 * Goal: `agreement-court` makes agreements from templates with no node, and says what is wrong with them. Method: the
 * real command line in child processes, in a home directory of its own.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { buildPackage } from '../support/built-package.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('agreement-court', function () {
  this.timeout(300_000);
  let home: string;

  before(async () => {
    await buildPackage();
    home = mkdtempSync(join(tmpdir(), 'agreement-court-cli-'));
  });
  after(() => rmSync(home, { recursive: true }));

  const run = (...args: readonly string[]): Promise<Outcome> =>
    new Promise((done) => {
      // Nobody listens there.
      const environment = { PATH: process.env['PATH'], HOME: home, NO_COLOR: '1', BPCI_ENDPOINT: 'http://127.0.0.1:9' };
      const entry = resolve('dist/cli/agreement-court.js');
      execFile(process.execPath, [entry, ...args], { cwd: home, env: environment }, (error, out, err) =>
        done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
      );
    });
  const blanks: Readonly<Record<string, string>> = {
    title: 'SLA',
    customer: '11'.repeat(32),
    customerName: 'Acme',
    customerAddress: 'Berlin',
    provider: '22'.repeat(32),
    providerName: 'Provider',
    providerAddress: 'Paris',
    probe: '33'.repeat(32),
    tenant: 'provider-tenant',
    workload: 'web',
    effective: '1700000000000',
    expires: '1800000000000',
  };
  const settings = (values: Readonly<Record<string, string>>): readonly string[] =>
    Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

  /** Names of the commands that a page of help lists. */
  const commandsIn = (help: string): readonly string[] =>
    [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)].flatMap(([, name]) =>
      name === undefined || name === 'help' ? [] : [name],
    );
  const helpOf = async (...path: readonly string[]): Promise<number> => {
    const { code, out, err } = await run(...path, '--help');
    expect([code, err], path.join(' ')).deep.equal([0, '']);
    expect(out).include(`Usage: agreement-court ${path.join(' ')}`);
    let count = 1;
    for (const name of commandsIn(out)) count += await helpOf(...path, name);
    return count;
  };

  it('has help for every command', async () => {
    expect(await helpOf()).greaterThan(20);
  });

  it('lists five templates and shows the blanks of each', async () => {
    const { templates } = JSON.parse((await run('template', 'list', '--json')).out) as {
      templates: { name: string }[];
    };
    const names = templates.map(({ name }) => name);
    expect(names).to.deep.equal(['biso', 'compliance', 'data-processing', 'partnership', 'service']);
    const shown = await run('template', 'show', 'service');
    expect([shown.code, shown.out.includes('availabilityPpm')]).to.deep.equal([0, true]);
    expect((await run('template', 'show', 'wedding')).code).to.equal(2);
  });

  it('fills a template to an agreement with a name, another one each time, its salt being drawn', async () => {
    writeFileSync(join(home, 'sla.txt'), 'what people sign\n');
    const names = new Set<string>();
    for (const file of ['one.json', 'two.json']) {
      const filled = await run('template', 'fill', 'service', '--prose', 'sla.txt', ...settings(blanks));
      expect(filled.code, filled.err).to.equal(0);
      writeFileSync(join(home, file), filled.out);
      const checked = await run('check', file);
      expect(checked.out).to.match(/^[0-9a-f]{64}\n$/);
      names.add(checked.out);
    }
    expect(names.size).to.equal(2);
  });

  it('names every blank that is not filled, and every place of an agreement that is wrong', async () => {
    const { expires: _expires, ...lacking } = blanks;
    const refused = await run('template', 'fill', 'service', ...settings({ ...lacking, latencyUs: 'fast' }));
    expect(refused.code).to.equal(2);
    for (const name of ['expires', 'proseDigest', 'latencyUs']) expect(refused.err).to.include(`${name}: `);
    const filled = await run('template', 'fill', 'service', '--prose', 'sla.txt', ...settings(blanks));
    const document = JSON.parse(filled.out) as { terms: { dispute: { panelSize: number } } };
    document.terms.dispute.panelSize = 2;
    writeFileSync(join(home, 'even.json'), JSON.stringify(document));
    const checked = await run('check', 'even.json');
    expect([checked.code, checked.err.includes('terms.dispute')]).to.deep.equal([2, true]);
  });

  it('says where it asked when no node answers', async () => {
    const answer = await run('status', 'ab'.repeat(32));
    expect([answer.code, answer.err.includes('127.0.0.1:9')]).to.deep.equal([1, true]);
  });
});

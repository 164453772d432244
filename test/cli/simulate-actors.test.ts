/**
 * Goal: everything that `mainnet simulate` does with a run it does with one of a scenario's own actors, or says that it does
 * not apply. Method: two nodes that count their lives on their disks, a checker that forbids second lives, and the command.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { simulateCommand } from '../support/simulate-command.ts';

const actors = (ofCheckers: string): string => `
const key = Uint8Array.of(1);
export default {
  name: 'lives',
  expects: 'Nobody lives twice.',
  nodes: 2,
  durationMs: 20000,
  calmMs: 1000,
  faults: [
    { kind: 'delay', upToMs: 50, atMs: 500, forMs: 400 },
    { kind: 'pause', node: 0, atMs: 1000, forMs: 500 },
    { kind: 'crash', node: 1, atMs: 2345, forMs: 800 },
    { kind: 'crash', node: 0, atMs: 9000, forMs: 500 },
  ],
  start: async ({ open, emit }) => {
    const lives = open('lives');
    const life = (lives.get('lives', key)?.[0] ?? 0) + 1;
    lives.commit([{ table: 'lives', key, value: Uint8Array.of(life) }]);
    await lives.durable();
    emit({ life: BigInt(life) });
  },
  checkers: [${ofCheckers}],
};
`;

const oneLife = `{
  name: 'one life',
  watch: () => ({ onEvent: ({ node, event }) => (event.life > 1n ? 'node ' + node + ' lives again' : null) }),
}`;

describe('mainnet simulate of actors of one’s own', () => {
  let directory: string;
  let mortal: string;
  let reborn: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-actors-'));
    mortal = join(directory, 'mortal.mjs');
    reborn = join(directory, 'reborn.mjs');
    writeFileSync(mortal, actors(oneLife));
    writeFileSync(reborn, actors(''));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('prints the run, one or many', async () => {
    const one = await simulateCommand(reborn, '--seed', '3', '--twice');
    expect(one.code, one.err).to.equal(0);
    expect(one.out).to.match(/trace +[0-9a-f]{16}/);
    expect(one.out).to.include('4 events of 2 nodes');
    expect(one.out).to.match(/no-failures +holds/);
    const many = await simulateCommand(reborn, '--runs', '2');
    expect(many.out).to.match(/seed 2 {2}ok {2}trace [0-9a-f]{16} {2}4 events/);
    expect(many.out).to.include('2 runs, 0 failed; 8 events;');
    expect(many.out).to.not.include('blocks');
  });

  it('prints JSON, whatever the actors tell', async () => {
    const one = await simulateCommand(mortal, '--json');
    expect(one.code).to.equal(1);
    const { ok, events } = JSON.parse(one.out) as { ok: boolean; events: readonly { event: unknown }[] };
    expect(ok).to.equal(false);
    expect(events.at(-1)?.event).to.deep.equal({ life: '2' });
    const many = await simulateCommand(reborn, '--runs', '2', '--json');
    expect(JSON.parse(many.out)).to.include({ runs: 2, events: 8 });
  });

  it('shrinks a failure to the fault that causes it, saves, draws and replays it', async () => {
    const [saved, page, trace] = ['lives.json', 'lives.html', 'lives.txt'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const { code, out, err } = await simulateCommand(mortal, '--save', saved, '--timeline', page, '--trace', trace);
    expect(code).to.equal(1);
    expect(out).to.include('node 1 lives again');
    expect(err).to.include('shrinking seed 1: 4 faults, 2 nodes');
    const { kind, scenario, faults } = JSON.parse(readFileSync(saved, 'utf8')) as {
      readonly kind: string;
      readonly scenario: unknown;
      readonly faults: readonly { readonly atMs: number }[];
    };
    expect(kind).to.equal('actors');
    expect(faults).to.deep.equal([{ kind: 'crash', node: 1, atMs: 2000, forMs: 10 }]);
    expect(scenario).to.deep.equal({ name: 'lives', durationMs: 3010 });
    expect(readFileSync(page, 'utf8')).to.include('node 1 lives again');
    expect(readFileSync(trace, 'utf8')).to.include('one life');

    const again = await simulateCommand(mortal, '--replay', saved);
    expect(again.code).to.equal(1);
    expect(again.out).to.include('node 1 lives again');
    const fine = await simulateCommand(reborn, '--replay', saved);
    expect(fine.code, fine.out).to.equal(0);
  });

  it('says what does not fit together', async () => {
    const saved = join(directory, 'saved.json');
    await simulateCommand(mortal, '--save', saved, '--budget', '2');
    const other = join(directory, 'other.json');
    writeFileSync(other, readFileSync(saved, 'utf8').replace('"name": "lives"', '"name": "wives"'));
    const hit = join(directory, 'hit.json');
    writeFileSync(hit, readFileSync(saved, 'utf8').replace('"node":1', '"node":7'));
    const ofValidators = resolve('simulations/regressions/running-copy-two-proposals.json');
    const wrong: readonly (readonly [given: readonly string[], message: string])[] = [
      [['--replay', saved], 'is of actors of one’s own: their scenario belongs before it'],
      [['steady', '--replay', saved], 'is of actors of one’s own: their scenario belongs before it'],
      [[mortal, '--replay', other], 'other.json:8: scenario.name: "wives" was saved; "lives" is given'],
      [[mortal, '--replay', hit], 'hit.json:14: faults[2].node: '],
      [[mortal, '--replay', ofValidators], 'is of validators'],
      [['every-effect', mortal], 'is of actors of one’s own: every-effect is for validators'],
    ];
    for (const [given, message] of wrong) {
      const { code, err } = await simulateCommand(...given);
      expect(err).to.include(message);
      expect(code, message).to.equal(2);
    }
  });
});

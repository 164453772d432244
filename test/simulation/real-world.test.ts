/**
 * Goal: simulated code that reaches for the real world fails its run, which names function, file and line. Method: an actor
 * for each way out, reached by global name, by module and by an import made before the run, at once and after a promise.
 */
import { randomBytes } from 'node:crypto';
import filesystem, { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import { type ActorNode, type ActorScenario, scenario, simulate } from '../../src/simulation.ts';

const here = import.meta.filename;

/** One node with one actor, which does this once. */
const reaching = (culprit: () => unknown): ActorScenario =>
  scenario({
    name: 'reaching',
    expects: 'The run fails where its actor leaves the simulation.',
    nodes: 1,
    durationMs: 100,
    faults: [],
    start: ({ system }) => {
      const actor = defineActor<null, 'go'>({
        name: 'reaching',
        initial: () => null,
        receive: (state) => {
          culprit();
          return state;
        },
      });
      system.tell(system.spawn(actor), 'go');
    },
    checkers: [],
  });

const readUnknown = (): never => {
  throw new RangeError('nobody hears this');
};

const ways: Readonly<Record<string, () => unknown>> = {
  'Date.now': () => Date.now(),
  Date: () => new Date(),
  'Math.random': () => Math.random(),
  'performance.now': () => performance.now(),
  'process.hrtime.bigint': () => process.hrtime.bigint(),
  'process.nextTick': () => process.nextTick(() => undefined),
  'process.memoryUsage': () => process.memoryUsage(),
  setTimeout: () => setTimeout(() => undefined, 1),
  setImmediate: () => setImmediate(() => undefined),
  'timers.promises.setTimeout': () => sleep(1),
  'AbortSignal.timeout': () => AbortSignal.timeout(1),
  'crypto.randomBytes': () => randomBytes(8),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'crypto.subtle.digest': () => crypto.subtle.digest('SHA-256', new Uint8Array(1)),
  'fs.readFileSync': () => readFileSync(here),
  'fs.existsSync': () => filesystem.existsSync(here),
  'fs.promises.readFile': () => readFile(here),
  'os.hostname': () => hostname(),
  'worker_threads.Worker': () => new Worker(here),
  fetch: () => fetch('http://127.0.0.1:9'),
  WeakRef: () => new WeakRef({}),
};

describe('simulated code that reaches for the real world', () => {
  for (const [name, way] of Object.entries(ways)) {
    it(`fails its run by ${name}`, async () => {
      const { verdicts, ok } = await simulate(reaching(way), { seed: 1 });
      expect(ok).to.equal(false);
      const [violation] = verdicts.find(({ checker }) => checker === 'sealed-off')?.violations ?? [];
      const [what, place] = (violation?.detail ?? '').split(': at ', 2);
      expect(what).to.equal(`${name} was used`);
      expect(place).to.match(new RegExp(`^(\\S+ \\()?\\S*real-world\\.test\\.ts:[0-9]+:[0-9]+`));
    });
  }

  it('is named also behind a promise, by the line that did it', async () => {
    async function later(): Promise<void> {
      await Promise.resolve();
      try {
        Date.now();
      } catch {
        // It may hide the error from itself, not from the run.
      }
    }
    const { verdicts } = await simulate(reaching(later), { seed: 1 });
    const [violation] = verdicts.find(({ checker }) => checker === 'sealed-off')?.violations ?? [];
    const line = readFileSync(here, 'utf8').split('\n').indexOf('        Date.now();') + 1;
    expect(violation?.detail).to.include(`at later (`).and.include(`real-world.test.ts:${line}:`);
  });

  for (const [name, failing] of Object.entries({
    'throws in a timer': ({ clock }: ActorNode<never>) => void clock.setTimer(10, () => readUnknown()),
    'leaves a rejected promise alone': () => void Promise.reject(new RangeError('nobody hears this')),
  })) {
    it(`fails its run where it ${name}, which would end a process`, async () => {
      const failingScenario: ActorScenario = { ...reaching(() => null), start: failing };
      const { verdicts } = await simulate(failingScenario, { seed: 1 });
      const [violation] = verdicts.find(({ checker }) => checker === 'no-failures')?.violations ?? [];
      expect(violation?.detail).to.include('nobody hears this').and.include('real-world.test.ts');
    });
  }

  it('may print, and use dates of given moments', async () => {
    const lines: unknown[] = [];
    const { log } = console;
    console.log = (line: unknown) =>
      lines.push(
        line,
        setTimeout(() => undefined, 0),
      );
    try {
      const { ok } = await simulate(
        reaching(() => console.log(new Date(0).toISOString())),
        { seed: 1 },
      );
      expect(ok).to.equal(true);
    } finally {
      console.log = log;
    }
    expect(lines[0]).to.equal('1970-01-01T00:00:00.000Z');
  });

  it('leaves the real world as it was', async () => {
    const [date, random, read] = [Date, Math.random, filesystem.readFileSync];
    await simulate(reaching(ways['Date.now'] as () => unknown), { seed: 1 });
    expect([Date, Math.random, filesystem.readFileSync]).to.deep.equal([date, random, read]);
    expect(readFileSync).to.equal(read);
    expect(Date.now()).to.be.greaterThan(0);
  });
});

/**
 * Goal: a simulated node gets a nact of its own that runs on what it is given and on nothing else. Method: two private
 * instances on a scheduler of the test's; every source of time and randomness of the process is made to throw while they
 * run.
 */
import { expect } from 'chai';
import { createActorSystem, defineActor } from '../../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../../src/runtime/ports/actors.ts';
import { readNactSource } from '../../../src/runtime/adapters/nact-source.ts';
import type { NactGlobals } from '../../../src/runtime/ports/nact-globals.ts';
import { SeededRandom } from '../../../src/runtime/simulated/seeded-random.ts';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';
import { QuietTelemetry } from '../support/quiet-telemetry.ts';

/** Macrotasks in the order of their setting; microtasks run between them, as on the real loop. */
class VirtualScheduler {
  readonly #tasks = new Map<number, () => void>();
  #next = 0;
  ran = 0;

  readonly globals: NactGlobals = {
    setImmediate: (callback) => {
      this.#tasks.set(this.#next, callback);
      return this.#next++;
    },
    clearImmediate: (handle) => this.#tasks.delete(handle as number),
    setTimeout: () => undefined,
    clearTimeout: () => undefined,
    Math: { abs: Math.abs, min: Math.min, max: Math.max, random: () => unreachable('Math.random') },
    Date: undefined,
    console: {
      log: () => unreachable('console.log'),
      warn: () => unreachable('console.warn'),
      error: () => unreachable('console.error'),
    },
    crypto: { randomBytes: () => unreachable('crypto') },
  };

  get waiting(): number {
    return this.#tasks.size;
  }

  step(): boolean {
    for (const [handle, task] of this.#tasks) {
      this.#tasks.delete(handle);
      this.ran += 1;
      task();
      return true;
    }
    return false;
  }
}

function unreachable(name: string): never {
  throw new Error(`${name} was reached`);
}

type EchoMessage = { readonly text: string; readonly replyTo: ReplyTo<string> };

const echo = defineActor<number, EchoMessage>({
  name: 'echo',
  initial: () => 0,
  receive: (count, { text, replyTo }, context) => {
    context.reply(replyTo, `${text} ${count}`);
    return count + 1;
  },
});

describe('nact from its sources', () => {
  const source = readNactSource();

  const createNode = (seed: string) => {
    const scheduler = new VirtualScheduler();
    const clock = new VirtualClock();
    const system = createActorSystem({
      clock,
      random: new SeededRandom(seed),
      telemetry: new QuietTelemetry(),
      nact: source.load(scheduler.globals),
    });
    return { scheduler, clock, system };
  };

  it('runs each instance on its own scheduler only', async () => {
    const [a, b] = [createNode('same'), createNode('same')];
    const answers: string[] = [];
    const ask = (node: typeof a, text: string): void => {
      const ref = node.system.spawn(echo);
      const answer = node.system.ask(ref, (replyTo: ReplyTo<string>) => ({ text, replyTo }), { timeoutMs: 10 });
      void answer.then((value) => answers.push(value));
    };
    ask(a, 'first');
    ask(b, 'second');
    await Promise.resolve();
    expect([a.scheduler.waiting, b.scheduler.waiting]).to.deep.equal([1, 1]);

    while (b.scheduler.step()) await microtasks();
    expect(answers).to.deep.equal(['second 0']);
    expect(a.scheduler.ran).to.equal(0);

    while (a.scheduler.step()) await microtasks();
    expect(answers).to.deep.equal(['second 0', 'first 0']);
    await Promise.all([a.system.terminate(), b.system.terminate()]);
  });

  it('touches no timer, clock or randomness of the process', async () => {
    const node = createNode('sealed');
    const restore = sealProcess();
    let answer = '';
    let endedByClock = false;
    try {
      const ref = node.system.spawn(echo);
      const ask = (timeoutMs: number) =>
        node.system.ask(ref, (replyTo: ReplyTo<string>) => ({ text: 'sealed', replyTo }), { timeoutMs });
      void ask(10).then((value) => {
        answer = value;
      });
      while (node.scheduler.step()) await microtasks();
      await node.system.stop(ref);
      const slow = node.system.spawn(
        defineActor<null, EchoMessage>({ name: 'slow', initial: () => null, receive: () => null }),
      );
      void node.system
        .ask(slow, (replyTo: ReplyTo<string>) => ({ text: '', replyTo }), { timeoutMs: 5_000 })
        .catch(() => {
          endedByClock = true;
        });
      while (node.scheduler.step()) await microtasks();
      node.clock.advanceBy(5_000);
      await microtasks();
      await node.system.terminate();
    } finally {
      restore();
    }
    expect(answer).to.equal('sealed 0');
    expect(endedByClock).to.equal(true);
    expect(node.clock.pending).to.equal(0);
  });

  it('gives instances that know nothing of each other', () => {
    const scheduler = new VirtualScheduler();
    const [one, other] = [source.load(scheduler.globals), source.load(scheduler.globals)];
    expect(one).to.not.equal(other);
    // The table of systems is a module's: a reference of one instance leads nowhere in the other.
    const system = one.start({ name: 'shared name' });
    const crashed = { onCrash: (_m: unknown, _c: unknown, context: { readonly resume: symbol }) => context.resume };
    expect(() => other.spawn(system, () => undefined, 'child', crashed)).to.throw('never even existed');
  });
});

/** Microtasks only: no macrotask of the process takes part. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function sealProcess(): () => void {
  const sealed = [
    [globalThis, 'setImmediate'],
    [globalThis, 'setTimeout'],
    [globalThis, 'setInterval'],
    [Date, 'now'],
    [Math, 'random'],
  ] as const;
  const originals = sealed.map(([owner, name]) => [owner, name, Reflect.get(owner, name) as unknown] as const);
  for (const [owner, name] of sealed) Reflect.set(owner, name, () => unreachable(name));
  return () => {
    for (const [owner, name, original] of originals) Reflect.set(owner, name, original);
  };
}

/**
 * DockLock: the containers of this machine, what was asked of each and what became of it. It keeps that in a store, so that after a
 * crash it knows what should be here; the drivers say what is. Work on a container is done beside the mailbox, one piece at a time.
 */
import type { ContainerExit } from '../../protocols/shared/containers.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import type { ActorContext, ActorDefinition, ReplyTo } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import { type ContainerDriver, ContainerError } from '../../runtime/ports/container-driver.ts';
import { type ContainerView, type DeployRequest, DocklockError } from '../../runtime/ports/docklock-api.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Log } from '../../runtime/ports/telemetry.ts';
import { ContainerRecords, type ContainerRecord } from './container-records.ts';
import { deploy, type DeployingParts } from './deploying.ts';
import type { DocklockMessage, FoundContainer, Outcome, Reconciled } from './messages.ts';

export interface DocklockDependencies extends DeployingParts {
  readonly store: Store;
  /** By preference. */
  readonly drivers: readonly ContainerDriver[];
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

type Context = ActorContext<DocklockMessage>;
type Of<Type extends DocklockMessage['type']> = Extract<DocklockMessage, { type: Type }>;

const lost: ContainerExit = { cause: { kind: 'lost' }, code: null, at: null, usage: null };

export const docklockActor = (dependencies: DocklockDependencies): ActorDefinition<Docklock, DocklockMessage> => ({
  name: 'docklock',
  initial: (context) => new Docklock(dependencies, context),
  receive: (docklock, message, context) => {
    docklock.receive(message, context);
    return docklock;
  },
});

class Docklock {
  readonly #parts: DocklockDependencies;
  readonly #records: ContainerRecords;
  /** Of containers that something is done with now. */
  readonly #busy = new Set<string>();
  #isReady = false;

  constructor(parts: DocklockDependencies, context: Context) {
    this.#parts = parts;
    this.#records = new ContainerRecords(parts.store);
    const states = parts.drivers.map(async (driver) => ({ driver, states: await driver.list() }));
    context.pipeToSelf(Promise.all(states), (outcome) => ({ type: 'reconciled', outcome }));
  }

  receive(message: DocklockMessage, context: Context): void {
    switch (message.type) {
      case 'reconciled':
        this.#onReconciled(message, context);
        return;
      case 'deploy':
        this.#onDeploy(message, context);
        return;
      case 'deployed':
        this.#onDeployed(message, context);
        return;
      case 'list':
        context.reply(
          message.replyTo,
          this.#whenReady(() => this.#records.all.map(({ view }) => view)),
        );
        return;
      case 'find':
        context.reply(
          message.replyTo,
          this.#whenReady(() => this.#find(message.id)),
        );
        return;
      case 'stop':
        this.#onStop(message, context);
        return;
      case 'exited':
        this.#onExited(message, context);
        return;
      case 'remove':
        this.#onRemove(message, context);
        return;
      case 'removed':
        this.#onRemoved(message, context);
        return;
      case 'settled':
        this.#busy.delete(message.id);
        if (message.error !== null)
          this.#parts.log.error('work on a container failed', { id: message.id }, message.error);
    }
  }

  #whenReady<T>(answer: () => T): Outcome<T> {
    if (!this.#isReady) return { error: new DocklockError('not-ready', 'it is looking at what runs here') };
    try {
      return { value: answer() };
    } catch (error) {
      if (error instanceof ContainerError || error instanceof DocklockError) return { error };
      throw error;
    }
  }

  /** The drivers know what is; the records know what was asked for. */
  #onReconciled({ outcome }: Of<'reconciled'>, context: Context): void {
    if ('error' in outcome) throw outcome.error;
    const here = new Map(
      outcome.value.flatMap(({ driver, states }) => states.map((state) => [state.id, { driver, state }] as const)),
    );
    for (const record of this.#records.all) {
      const { id } = record.view;
      const found = here.get(id);
      if (found === undefined) this.#change(record, { phase: 'exited', exit: record.view.exit ?? lost });
      else {
        this.#change(record, viewOf(found.state));
        if (found.state.exit === null) this.#awaitExit(found.driver, id, context);
      }
    }
    this.#sweep(outcome.value, context);
    this.#isReady = true;
  }

  /** What nobody asked for, or was only begun, goes. */
  #sweep(all: readonly Reconciled[], context: Context): void {
    for (const { driver, states } of all) {
      for (const { id } of states) {
        if (this.#records.get(id) !== undefined) continue;
        this.#parts.log.warn('a container that nobody asked for is removed', { id, driver: driver.name });
        this.#work(id, context, async () => {
          await driver.stop(id, { graceMs: 0, by: 'docklock' });
          await driver.remove(id);
          await this.#parts.images.closeRoot(id);
        });
      }
    }
    this.#work('', context, async () => {
      for (const { containerId } of await this.#parts.images.openRoots())
        if (this.#records.get(containerId) === undefined) await this.#parts.images.closeRoot(containerId);
    });
  }

  #onDeploy({ request, by, replyTo }: Of<'deploy'>, context: Context): void {
    const begun = this.#whenReady(() => this.#begin(request, by));
    if ('error' in begun) {
      context.reply(replyTo, begun);
      return;
    }
    const { driver, existing } = begun.value;
    if (existing !== null) {
      context.reply(replyTo, { value: existing });
      return;
    }
    const { id, tenant } = request;
    const work = async (): Promise<Of<'deployed'>['outcome']> => {
      const idRange = this.#records.rangeOf(tenant);
      await this.#records.durable();
      return { value: await deploy(this.#parts, request, { driver, idRange }) };
    };
    context.pipeToSelf(work(), (outcome) => ({
      ...{ type: 'deployed', id, replyTo },
      outcome: 'value' in outcome ? outcome.value : outcome,
    }));
  }

  /** Throws DocklockError, ContainerError. */
  #begin(
    request: DeployRequest,
    by: string | null,
  ): { readonly driver: ContainerDriver; readonly existing: ContainerView | null } {
    const { id, tenant, image, isolationClass } = request;
    const driver = this.#driverFor(request);
    const there = this.#records.get(id);
    if (there !== undefined) {
      if (JSON.stringify(there.request) !== JSON.stringify(request))
        throw new DocklockError('id-reused', `a container ${id} was deployed with another request`);
      if (this.#busy.has(id)) throw new DocklockError('busy', `something else is done with ${id} now`);
      return { driver, existing: there.view };
    }
    this.#busy.add(id);
    this.#records.put({
      request,
      view: {
        ...{ id, tenant, image, isolationClass, imageDigest: null, driver: driver.name, phase: 'deploying' },
        ...{ deployedAt: this.#parts.clock.now(), deployedBy: by, startedAt: null, published: [], exit: null },
      },
    });
    return { driver, existing: null };
  }

  /** Never one of another isolation class. Throws DocklockError, ContainerError. */
  #driverFor({ isolationClass, driver: name }: DeployRequest): ContainerDriver {
    const { drivers } = this.#parts;
    const named = drivers.filter((driver) => name === null || driver.name === name);
    if (named.length === 0)
      throw new DocklockError(
        'no-such-driver',
        name === null ? 'this host has no driver of containers' : `this host has no driver ${name}`,
      );
    const found = named.find((driver) => driver.isolationClass === isolationClass);
    if (found === undefined) {
      const there = [...new Set(named.map((driver) => driver.isolationClass))].join(', ');
      throw new ContainerError(
        'isolation-unavailable',
        `the isolation class ${isolationClass} is not here: there is ${there}`,
      );
    }
    return found;
  }

  #onDeployed({ id, outcome, replyTo }: Of<'deployed'>, context: Context): void {
    this.#busy.delete(id);
    if ('error' in outcome) {
      this.#records.delete(id);
      context.reply(replyTo, outcome);
      return;
    }
    const record = this.#records.get(id);
    invariant(record !== undefined, `the record of ${id} is gone`);
    const { imageDigest, state } = outcome.value;
    const view = this.#change(record, { imageDigest, ...viewOf(state) });
    if (state.exit === null) this.#awaitExit(this.#driverOf(record), id, context);
    this.#answerDurably({ value: view }, replyTo, context);
  }

  #awaitExit(driver: ContainerDriver, id: string, context: Context): void {
    context.pipeToSelf(driver.waited(id), (outcome) =>
      'value' in outcome ? { type: 'exited', id, exit: outcome.value } : { type: 'settled', id, error: outcome.error },
    );
  }

  #onExited({ id, exit }: Of<'exited'>, context: Context): void {
    const record = this.#records.get(id);
    if (record === undefined || record.view.exit !== null) return;
    this.#change(record, { phase: 'exited', exit });
    this.#parts.log.info('a container has ended', { id, cause: exit.cause.kind });
    this.#work('', context, () => this.#records.durable());
  }

  #onStop({ id, stop, replyTo }: Of<'stop'>, context: Context): void {
    const found = this.#whenReady(() => this.#find(id));
    if ('error' in found) {
      context.reply(replyTo, found);
      return;
    }
    const { driver, view } = found.value;
    if (view.exit !== null) {
      context.reply(replyTo, { value: view });
      return;
    }
    if (this.#busy.has(id)) {
      context.reply(replyTo, { error: new DocklockError('busy', `something else is done with ${id} now`) });
      return;
    }
    context.pipeToSelf(
      driver.stop(id, stop).then((exit): ContainerView => ({ ...view, phase: 'exited', exit })),
      (outcome) => {
        context.reply(replyTo, outcome);
        return 'value' in outcome && outcome.value.exit !== null
          ? { type: 'exited', id, exit: outcome.value.exit }
          : { type: 'settled', id, error: 'error' in outcome ? outcome.error : null };
      },
    );
  }

  #onRemove({ id, replyTo }: Of<'remove'>, context: Context): void {
    const found = this.#whenReady(() => this.#find(id));
    if ('error' in found) {
      context.reply(replyTo, found);
      return;
    }
    const { driver, view } = found.value;
    if (view.phase !== 'exited') {
      context.reply(replyTo, { error: new ContainerError('wrong-phase', `${id} runs: stop it first`) });
      return;
    }
    if (this.#busy.has(id)) {
      context.reply(replyTo, { error: new DocklockError('busy', `something else is done with ${id} now`) });
      return;
    }
    this.#busy.add(id);
    const work = async (): Promise<null> => {
      if ((await driver.list()).some((state) => state.id === id)) await driver.remove(id);
      await this.#parts.images.closeRoot(id);
      return null;
    };
    context.pipeToSelf(work(), (outcome) => ({ type: 'removed', id, outcome, replyTo }));
  }

  #onRemoved({ id, outcome, replyTo }: Of<'removed'>, context: Context): void {
    this.#busy.delete(id);
    if ('error' in outcome) {
      context.reply(replyTo, outcome);
      return;
    }
    this.#records.delete(id);
    this.#answerDurably({ value: null }, replyTo, context);
  }

  /** Throws ContainerError `unknown-container`. */
  #find(id: string): FoundContainer {
    const record = this.#records.get(id);
    if (record === undefined) throw new ContainerError('unknown-container', `there is no container ${id}`);
    return { view: record.view, driver: this.#driverOf(record) };
  }

  #driverOf({ view }: ContainerRecord): ContainerDriver {
    const driver = this.#parts.drivers.find(({ name }) => name === view.driver);
    if (driver === undefined)
      throw new DocklockError('no-such-driver', `this host has no driver ${view.driver} any more`);
    return driver;
  }

  #change(record: ContainerRecord, change: Partial<ContainerView>): ContainerView {
    const view = { ...record.view, ...change };
    this.#records.put({ ...record, view });
    return view;
  }

  #answerDurably<T>(answer: Outcome<T>, replyTo: ReplyTo<Outcome<T>>, context: Context): void {
    const failed = (cause: unknown): Outcome<T> => ({
      error: new DocklockError('unavailable', 'the state of the container could not be kept', { cause }),
    });
    context.pipeToSelf(this.#records.durable(), (outcome) => {
      context.reply(replyTo, 'error' in outcome ? failed(outcome.error) : answer);
      return { type: 'settled', id: '', error: 'error' in outcome ? outcome.error : null };
    });
  }

  #work(id: string, context: Context, work: () => Promise<void>): void {
    if (id !== '') this.#busy.add(id);
    context.pipeToSelf(work(), (outcome) => ({
      type: 'settled',
      id,
      error: 'error' in outcome ? outcome.error : null,
    }));
  }
}

const viewOf = ({
  phase,
  startedAt,
  published,
  exit,
}: Awaited<ReturnType<ContainerDriver['list']>>[number]): Pick<
  ContainerView,
  'phase' | 'startedAt' | 'published' | 'exit'
> => ({
  ...{ phase, startedAt, published, exit },
});

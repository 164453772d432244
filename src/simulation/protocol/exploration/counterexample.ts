/**
 * What a search found, as a schedule that runs again on plain hosts: without slicing, symmetry or left-out orders, so that
 * no reduction can make up a failure.
 */
import type { Digest } from '../../../protocols/shared/brands.ts';
import type { ProtocolViolation } from '../checks.ts';
import { describeChoice } from '../describe.ts';
import { MessageBook } from '../message-book.ts';
import { replayProtocol, settingOfSchedule } from '../replay.ts';
import type { Choice, MessageName, ProtocolRuleName, ProtocolSchedule } from '../schedule.ts';
import type { Rules } from '../setting.ts';
import { ProtocolWorld } from '../world.ts';
import { crashEvent, dueEvent, firstMessage, timeoutEvent } from './host-table.ts';
import { slicedMessage, wholeMessage } from './host-text.ts';
import type { ScopeCase, ScopeOptions } from './scope.ts';
import type { Found, Search } from './search.ts';

export interface Counterexample {
  readonly property: Found['property'];
  readonly detail: string;
  /** One line a choice. */
  readonly steps: readonly string[];
  readonly schedule: ProtocolSchedule;
  /** What the schedule violates when it runs on plain hosts; null would be a fault of the exploration. */
  readonly confirmed: ProtocolViolation | null;
}

export interface CounterexampleOptions {
  readonly scope: ScopeOptions;
  readonly chosen: ScopeCase;
  readonly ruleName: ProtocolRuleName;
  readonly isSliced: boolean;
}

/** Follows the path on plain hosts and writes down each choice. */
class Writer {
  readonly choices: Choice[] = [];
  readonly #world: ProtocolWorld;
  readonly #book = new MessageBook();
  readonly #search: Search;
  readonly #isSliced: boolean;
  /** By text: who sent it, under which name. */
  readonly #sent = new Map<string, { readonly name: MessageName; readonly digest: Digest | null }[]>();

  constructor(schedule: ProtocolSchedule, rules: Rules, options: { search: Search; isSliced: boolean }) {
    this.#search = options.search;
    this.#isSliced = options.isSliced;
    const naming = this.#search.table.naming(0);
    this.#world = new ProtocolWorld(schedule.cast, settingOfSchedule(schedule, rules), (from, _to, message) => {
      const text = this.#isSliced ? slicedMessage(message, naming) : wholeMessage(message, naming);
      const name = this.#book.add(from, message);
      const senders = this.#sent.get(text) ?? [];
      senders.push({ name, digest: message.type === 'proposal' ? message.payload.digest : null });
      this.#sent.set(text, senders);
    });
    this.#world.start();
  }

  event(host: number, event: number): void {
    if (event >= crashEvent) {
      this.#crash(host, event);
      return;
    }
    if (event === dueEvent) this.#make({ do: 'expire', host, timer: 'proposal-due' });
    else if (event === timeoutEvent) this.#timeOut(host);
    else this.deliver(host, this.#search.table.text(event - firstMessage));
  }

  deliver(to: number, text: string, later = false): void {
    const senders = this.#sent.get(text) ?? [];
    const sender = senders.find(({ name }) => name.from !== to) ?? senders[0];
    if (sender === undefined) return;
    this.#make({ do: 'deliver', to, ...sender.name, ...(later ? { later } : {}) });
  }

  /** Commits for the block, and the block itself where it is not there. */
  decide(host: number, digest: Digest): void {
    const { table } = this.#search;
    for (let id = 0; id < table.size; id++) {
      if (!table.isSent(id)) continue;
      const message = table.message(id);
      if (message.type === 'commit' && message.payload.digest === digest && !this.#isDone(host))
        this.deliver(host, table.text(id));
    }
    for (const senders of this.#sent.values())
      for (const { name, digest: proposed } of senders)
        if (proposed === digest && !this.#isDone(host)) this.#make({ do: 'deliver', to: host, ...name });
  }

  #isDone(host: number): boolean {
    return this.#world.host(host).stored.blocks.length > 0;
  }

  #timeOut(host: number): void {
    const round = this.#world.host(host).machine?.round;
    for (let firing = 0; firing < 3 && this.#world.host(host).machine?.round === round; firing++)
      this.#make({ do: 'expire', host, timer: 'round' });
  }

  #crash(host: number, event: number): void {
    const writes = Math.floor(event / crashEvent) - 1;
    const interrupted = event % crashEvent;
    if (writes > 0) {
      if (interrupted === dueEvent) this.#make({ do: 'expire', host, timer: 'proposal-due', later: true });
      else if (interrupted === timeoutEvent) this.#make({ do: 'expire', host, timer: 'round', later: true });
      else this.deliver(host, this.#search.table.text(interrupted - firstMessage), true);
    }
    this.#make({ do: 'crash', host, writes, blocks: 0 });
    this.#make({ do: 'restart', host });
  }

  #make(choice: Choice): void {
    this.choices.push(choice);
    const world = this.#world;
    if (choice.do === 'expire') world.expire(choice.host, choice.timer, choice.later);
    else if (choice.do === 'crash') world.crash(choice.host, choice);
    else if (choice.do === 'restart') world.restart(choice.host);
    else if (choice.do === 'deliver') {
      const message = this.#book.find(choice);
      if (message !== null) world.deliver(choice.from, choice.to, message, choice.later);
    }
  }
}

/** The schedule of what was found, run once more. */
export function counterexampleOf(search: Search, found: Found, options: CounterexampleOptions): Counterexample {
  const { scope, chosen, ruleName, isSliced } = options;
  const cast = { validators: scope.validators, twins: chosen.twins, adversaries: [] };
  const bare: ProtocolSchedule = {
    ...{ rules: ruleName, cast, heights: 1, quorum: scope.quorum ?? null, proposerOrder: null },
    ...{ blocks: 'at-once', choices: [], calm: null },
  };
  const late = chosen.instances.findLastIndex(({ member }) => member >= scope.rounds);
  const attempts = attemptsOf(found).map((decisions) => {
    const writer = new Writer(bare, scope.rules, { search, isSliced });
    // Blocks are due from the beginning, which moves the clock there; being due lets a validator do more, not less.
    if (late >= 0) writer.event(late, dueEvent);
    for (const { instance, events } of found.path) for (const event of events) writer.event(instance, event);
    for (const { instance, digest } of decisions) writer.decide(instance, digest);
    return replayProtocol({ ...bare, choices: writer.choices }, scope.rules);
  });
  const failing = attempts.find(({ violations }) => violations.length > 0) ?? attempts[0];
  const { violations, effective } = failing ?? { violations: [], effective: [] };
  return {
    property: found.property,
    detail: found.detail,
    steps: effective.map((choice) => describeChoice(cast, choice)),
    schedule: { ...bare, choices: effective },
    confirmed: violations[0] ?? null,
  };
}

/** Who decides what: one validator may be able to decide several blocks, and decides but one. */
function attemptsOf({ decisions }: Found): Found['decisions'][] {
  const pairs = decisions.flatMap((one) =>
    decisions
      .filter(({ instance, digest }) => instance > one.instance && digest !== one.digest)
      .map((other) => [one, other]),
  );
  return pairs.length === 0 ? [[]] : pairs;
}

/** Breadth-first search over the global states of one case: who is a twin is fixed, everything else is open. */
import type { Digest } from '../../../protocols/shared/brands.ts';
import { InvariantError } from '../../../protocols/shared/errors.ts';
import { settingOf } from '../setting.ts';
import { EveryStep, type HostSteps, ReducedSteps } from './host-steps.ts';
import { HostTable } from './host-table.ts';
import { emptyMask, type Mask, MaskNumbers, MaskTable, maskWords } from './mask.ts';
import { MessageTable } from './message-table.ts';
import type { ScopeCase, ScopeOptions } from './scope.ts';
import { Standings } from './standings.ts';
import { StateStore } from './state-store.ts';

export interface Reductions {
  /** Hosts of equal sliced text are one state. Symmetry needs it. */
  readonly slicing: boolean;
  readonly partialOrder: boolean;
  readonly symmetry: boolean;
}

export interface SearchOptions {
  readonly scope: ScopeOptions;
  readonly chosen: ScopeCase;
  readonly reductions: Reductions;
  readonly statesMax: number;
}

export interface SearchCounts {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** States found and not yet looked at. */
  readonly waiting: number;
  /** Different states of single hosts; together with what each has sent: standings. */
  readonly hostStates: number;
  readonly standings: number;
  readonly messages: number;
  /** Runs of the machine's transition function; everything else is looked up. */
  readonly machineSteps: number;
  readonly comparisons: number;
  readonly bytes: number;
}

/** What went wrong where: the steps from the beginning, each of one instance. */
export interface Found {
  readonly property: 'agreement' | 'conduct';
  readonly detail: string;
  readonly path: readonly PathStep[];
  /** Of a disagreement: who can decide what after the last step. */
  readonly decisions: readonly { readonly instance: number; readonly digest: Digest }[];
}

export interface PathStep {
  readonly instance: number;
  readonly events: readonly number[];
}

type Wrong = Omit<Found, 'path'>;

export class Search {
  readonly table: MessageTable;
  readonly hosts: HostTable;
  found: Found | null = null;
  readonly #options: SearchOptions;
  readonly #steps: HostSteps;
  readonly #standings: Standings;
  readonly #store: StateStore;
  readonly #decidable = new MaskTable();
  readonly #digestSets: (readonly Digest[])[] = [];
  readonly #state: Int32Array;
  readonly #there: Int32Array;
  /** Messages that exist in the state that is looked at, and in the one that was just found. */
  readonly #exists: Mask = emptyMask();
  readonly #existsThere: Mask = emptyMask();
  #next = 0;
  #transitions = 0;
  #depth = 0;
  #depthEnd = 0;
  #knownMessages = 0;

  constructor(options: SearchOptions) {
    const { scope, chosen, reductions } = options;
    this.#options = options;
    const setting = settingOf(scope.validators, { rules: scope.rules });
    const { rounds, crashes } = scope;
    this.table = new MessageTable(chosen.renamings, reductions.slicing);
    const masks = new MaskNumbers();
    this.hosts = new HostTable({
      ...{ scope: chosen, rounds, crashes, isSliced: reductions.slicing, table: this.table, masks },
      setting: scope.quorum === undefined ? setting : { ...setting, set: { ...setting.set, quorum: scope.quorum } },
    });
    this.#standings = new Standings(this.hosts, this.table, masks, chosen.renamings.length);
    this.#steps = reductions.partialOrder
      ? new ReducedSteps(this.hosts, this.table, masks)
      : new EveryStep(this.hosts, this.table);
    const width = chosen.instances.length;
    this.#state = new Int32Array(width);
    this.#there = new Int32Array(width);
    this.#store = new StateStore(width, this.#canonicalBy(reductions.symmetry ? chosen.renamings.length : 1));
    this.#state.set(this.hosts.start().map(({ to, sent }) => this.#standings.of(to, sent)));
    this.#add(this.#state, -1);
    this.#depthEnd = 1;
  }

  get isFinished(): boolean {
    return this.found === null && this.#next === this.#store.size;
  }

  get counts(): SearchCounts {
    return {
      states: this.#store.size,
      transitions: this.#transitions,
      depth: this.#depth,
      waiting: this.#store.size - this.#next,
      hostStates: this.hosts.size,
      standings: this.#standings.size,
      messages: this.table.size,
      machineSteps: this.hosts.transitions,
      comparisons: this.hosts.compared,
      bytes: this.#store.bytes,
    };
  }

  /** Looks at up to so many states more. False: it is over (finished, something found, or too many states). */
  advance(count: number): boolean {
    for (let done = 0; done < count; done++) {
      if (this.found !== null || this.#next === this.#store.size) return false;
      if (this.#store.size >= this.#options.statesMax) return false;
      if (this.#next === this.#depthEnd) {
        this.#depth += 1;
        this.#depthEnd = this.#store.size;
      }
      this.#expand(this.#next++);
    }
    return true;
  }

  // --- one state ---------------------------------------------------------------------------------------------------

  #expand(index: number): void {
    const state = this.#state;
    this.#store.read(index, state);
    this.#collect(state, this.#exists);
    const { hosts } = this;
    let crashed = 0;
    for (const standing of state) crashed += hosts.crashes(this.#standings.host(standing));
    for (let instance = 0; instance < state.length; instance++) {
      const standing = state[instance] as number;
      const host = this.#standings.host(standing);
      for (const { to, sent } of this.#steps.from(host, this.#exists)) {
        if (crashed >= this.#options.scope.crashes && hosts.crashes(to) > hosts.crashes(host)) continue;
        this.#transitions += 1;
        this.#add(this.#moved(state, instance, to, sent), index);
        if (this.found !== null) return;
      }
    }
  }

  /** The state after a step of one host, without what nobody will read. Overwritten by the next call. */
  #moved(state: Int32Array, instance: number, host: number, sent: number): Int32Array {
    const standings = this.#standings;
    const moved = this.#there;
    moved.set(state);
    moved[instance] = standings.after(state[instance] as number, host, sent);
    if (!this.#options.reductions.slicing) return moved;
    let reads = 0;
    for (const standing of moved) reads |= this.hosts.reads(standings.host(standing));
    for (let place = 0; place < moved.length; place++) moved[place] = standings.trimmed(moved[place] as number, reads);
    return moved;
  }

  #add(state: Int32Array, parent: number): void {
    if (!this.#store.add(state, parent)) return;
    const detail = this.#wrong(state);
    if (detail === null) return;
    this.found = { ...detail, path: this.#pathTo(this.#store.size - 1) };
  }

  /** All messages that were sent. */
  #collect(state: Int32Array, exists: Mask): void {
    exists.fill(0);
    for (const standing of state) {
      const sent = this.#standings.sent(standing);
      for (let word = 0; word < maskWords; word++) exists[word] = (exists[word] as number) | (sent[word] as number);
    }
  }

  #wrong(state: Int32Array): Wrong | null {
    this.#collect(state, this.#existsThere);
    const decisions: Found['decisions'][number][] = [];
    for (let instance = 0; instance < state.length; instance++) {
      const id = this.#standings.host(state[instance] as number);
      const violation = this.hosts.violation(id);
      if (violation !== null)
        return { property: 'conduct', detail: `instance ${instance} ${violation}`, decisions: [] };
      if (this.hosts.isCorrect(id)) for (const digest of this.#decidableAt(id)) decisions.push({ instance, digest });
    }
    const [first] = decisions;
    if (first === undefined || decisions.every(({ digest }) => digest === first.digest)) return null;
    // One validator that can decide either of two blocks decides only one of them.
    const other = decisions.find(({ instance, digest }) =>
      decisions.some((one) => one.instance !== instance && one.digest !== digest),
    );
    if (other === undefined) return null;
    return { property: 'agreement', detail: 'validators can decide different blocks', decisions };
  }

  #decidableAt(id: number): readonly Digest[] {
    const { commits } = this.table;
    const exists = this.#existsThere;
    if (this.#knownMessages !== this.table.size) {
      this.#decidable.clear();
      this.#digestSets.length = 0;
      this.#knownMessages = this.table.size;
    }
    const known = this.#decidable.get(id, exists, commits);
    if (known >= 0) return this.#digestSets[known] as readonly Digest[];
    const available = exists.map((word, at) => word & (commits[at] as number));
    const digests = this.hosts.decidable(id, available);
    this.#decidable.set(id, exists, commits, this.#digestSets.length);
    this.#digestSets.push(digests);
    return digests;
  }

  // --- sameness ----------------------------------------------------------------------------------------------------

  /** The least image of a state under the renamings. */
  #canonicalBy(renamings: number): (state: Int32Array, into: Int32Array) => void {
    const { chosen } = this.#options;
    const image = new Int32Array(chosen.instances.length);
    return (state, into) => {
      into.set(state);
      for (let at = 1; at < renamings; at++) {
        const { instances } = chosen.renamings[at] as ScopeCase['renamings'][number];
        for (let place = 0; place < state.length; place++)
          image[instances[place] as number] = this.#standings.image(state[place] as number, at);
        if (isLess(image, into)) into.set(image);
      }
    };
  }

  // --- paths -------------------------------------------------------------------------------------------------------

  #pathTo(index: number): Found['path'] {
    const path: PathStep[] = [];
    const before = new Int32Array(this.#store.width);
    const after = new Int32Array(this.#store.width);
    for (let at = index; this.#store.parent(at) >= 0; at = this.#store.parent(at)) {
      this.#store.read(at, after);
      this.#store.read(this.#store.parent(at), before);
      path.unshift(this.#stepBetween(before, after));
    }
    return path;
  }

  #stepBetween(before: Int32Array, after: Int32Array): PathStep {
    this.#collect(before, this.#exists);
    for (let instance = 0; instance < before.length; instance++)
      for (const { to, sent, events } of this.#steps.from(
        this.#standings.host(before[instance] as number),
        this.#exists,
      ))
        if (this.#moved(before, instance, to, sent).every((standing, place) => standing === after[place]))
          return { instance, events };
    throw new InvariantError('a path is made of steps');
  }
}

function isLess(a: Int32Array, b: Int32Array): boolean {
  for (let place = 0; place < a.length; place++) {
    const difference = (a[place] as number) - (b[place] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** A scenario of actors that are not this package's: what each node starts, what befalls it, and what must hold. */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { LocalLinks } from '../../../runtime/links/create-links.ts';
import type { ActorSystem } from '../../../runtime/ports/actors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { Random } from '../../../runtime/ports/random.ts';
import type { Signer, Verifier } from '../../../runtime/ports/signer.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import type { Telemetry } from '../../../runtime/ports/telemetry.ts';
import { type Fault, faultKind } from '../faults/index.ts';
import { checkFaults, recoveryMs, type Scenario, ScenarioError } from '../scenario.ts';
import type { EventChecker } from './event-checkers.ts';

/** One life of a node: everything that its actors may use. Nothing else of the world is in their reach. */
export interface ActorNode<Event> {
  /** From 0. */
  readonly index: number;
  /** Of all nodes, by their index; a node's key is its address for `system.remote`. */
  readonly keys: readonly PublicKey[];
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly signer: Signer;
  readonly verifier: Verifier;
  /** An actor system of this life's own, joined to the links. */
  readonly system: ActorSystem;
  /** To every other node; they begin to dial when `start` has returned. */
  readonly links: LocalLinks;
  /** Opens the disk of that name. What was durable there when the node crashed is there again; once a life. */
  readonly open: (disk: string) => Store;
  /** Tells the checkers. Plain data: it goes into the trace as JSON. */
  readonly emit: (event: Event) => void;
}

/** `Event` is what nodes tell and checkers see. */
export interface ActorScenario<Event = never>
  extends Pick<Scenario, 'name' | 'expects' | 'durationMs' | 'delayMs' | 'syncMs' | 'faults'> {
  readonly nodes: number;
  /** At the end of a run without faults, so that what must come about has time to. Default 0. */
  readonly calmMs?: number;
  /** Starts a node, and again after each of its crashes. What it throws is a violation. */
  readonly start: (node: ActorNode<Event>) => void | Promise<void>;
  readonly checkers: readonly EventChecker<Event>[];
}

/** Whatever its events are. */
export interface AnyActorScenario extends Omit<ActorScenario, 'start' | 'checkers'> {
  readonly start: unknown;
  readonly checkers: readonly { readonly name: string }[];
}

const nodesMax = 100;

/** Names of what the simulator itself watches in every run. */
export const ownCheckerNames = ['no-failures', 'liveness', 'sealed-off'] as const;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** Throws ScenarioError where something is not as it must be, whatever the types said. */
export function checkActorScenario(scenario: AnyActorScenario): void {
  const { name, nodes, durationMs, calmMs = 0, start, checkers, faults } = scenario;
  const refuse = (where: string, problem: string): never => {
    throw new ScenarioError(typeof name === 'string' ? name : '(without a name)', where, problem);
  };
  if (typeof name !== 'string') refuse('name', 'a text is expected');
  if (!isWhole(nodes, 1, nodesMax)) refuse('nodes', `a whole number from 1 to ${nodesMax}`);
  if (!isWhole(durationMs, 1, 1e9)) refuse('durationMs', 'a whole number of milliseconds');
  if (!isWhole(calmMs, 0, durationMs)) refuse('calmMs', 'a whole number of milliseconds, at most durationMs');
  for (const field of ['delayMs', 'syncMs'] as const) {
    const [least = 0, most = 0] = scenario[field] ?? [];
    if (!(least >= 0 && least <= most && most <= 60_000)) refuse(field, 'two numbers, the lower one first');
  }
  if (!Array.isArray(faults) && faults !== 'swarm' && typeof faults !== 'function') {
    refuse('faults', 'a list, a function that gives one, or "swarm"');
  }
  if (typeof start !== 'function') refuse('start', 'a function is expected');
  const list: unknown = checkers;
  if (!Array.isArray(list)) refuse('checkers', 'a list is expected');
  const names: string[] = [...ownCheckerNames];
  checkers.forEach((checker, index) => {
    if (names.includes(checker.name)) refuse(`checkers[${index}].name`, `there is another "${checker.name}"`);
    names.push(checker.name);
  });
}

/** Throws ScenarioError that names the place of what is wrong. */
export function checkActorFaults(scenario: AnyActorScenario, faults: readonly Fault[], durationMs: number): void {
  const { name, nodes, calmMs = 0 } = scenario;
  // Their fields are those of any run; when they must have ended is this scenario's.
  checkFaults({ name, validators: nodes, standbys: 0 }, faults, durationMs + recoveryMs);
  faults.forEach(({ kind, atMs, forMs }, index) => {
    const refuse = (field: string, problem: string): never => {
      throw new ScenarioError(name, `faults[${index}].${field}`, problem);
    };
    if (faultKind(kind)?.ofValidators === true) refuse('kind', `"${kind}" is for networks of validators only`);
    if (atMs + forMs > durationMs - calmMs) {
      refuse(
        'forMs',
        `ends ${atMs + forMs} ms after the start; the calm at the end begins at ${durationMs - calmMs} ms`,
      );
    }
  });
}

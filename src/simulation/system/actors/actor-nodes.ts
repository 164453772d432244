/** Nodes whose programs a scenario brings: the application of whoever simulates actors of his own. */
import { chainId, type ChainId, type PublicKey } from '../../../protocols/shared/brands.ts';
import { toHex } from '../../../protocols/shared/bytes.ts';
import { createActorSystem } from '../../../runtime/actor-system.ts';
import { createLinks, type LocalLinks } from '../../../runtime/links/create-links.ts';
import type { ActorSystem } from '../../../runtime/ports/actors.ts';
import { SeededRandom } from '../../../runtime/simulated/seeded-random.ts';
import type { LifePorts, SimulatedNode } from '../node.ts';
import { watchedLinks } from '../watched-links.ts';
import type { Application, World } from '../world.ts';
import type { ActorScenario } from './actor-scenario.ts';
import type { EventWatch, SeenEvent } from './event-checkers.ts';

export interface ActorProgram {
  readonly system: ActorSystem;
  readonly links: LocalLinks;
}

export class ActorNodes<Event> implements Application<ActorProgram> {
  readonly events: SeenEvent<Event>[] = [];
  readonly #world: World<ActorProgram>;
  readonly #scenario: ActorScenario<Event>;
  readonly #watches: readonly (EventWatch<Event> & { readonly name: string })[];
  readonly #chainId: ChainId;
  #calmSinceMs = 0;

  constructor(world: World<ActorProgram>, scenario: ActorScenario<Event>) {
    this.#world = world;
    this.#scenario = scenario;
    this.#watches = scenario.checkers.map((checker) => ({ name: checker.name, ...checker.watch() }));
    this.#chainId = chainId(toHex(new SeededRandom(scenario.name).bytes(32)));
  }

  async boot(
    { index }: SimulatedNode<ActorProgram>,
    life: LifePorts,
    running: (program: ActorProgram) => void,
  ): Promise<void> {
    const { clock, random, telemetry, signer, verifier } = life;
    const own = createLinks({
      ...life,
      chainId: this.#chainId,
      listenAddress: life.address,
      roles: ['simulated'],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
    const { tell } = this.#world.observer;
    const indexOf = (key: PublicKey): number => this.#world.indexOf(key);
    const links = tell === null ? own : watchedLinks(own, { node: index, indexOf, tell });
    links.setPeers(life.peers);
    const system = createActorSystem({ ...life, links });
    running({ system, links });
    await this.#scenario.start({
      ...{ index, clock, random, telemetry, signer, verifier, system, links },
      keys: this.#world.nodes.map(({ key }) => key),
      open: (disk) => life.open(disk, { kind: disk, version: 1 }),
      emit: (event) => this.#onEvent(index, event),
    });
    await links.start();
  }

  start(): void {
    // Everything that happens, the nodes begin themselves.
  }

  calm(): void {
    this.#calmSinceMs = this.#world.elapsedMs;
  }

  onDiskLost(): void {
    // What that breaks, the scenario's checkers see.
  }

  finish(): void {
    const end = { elapsedMs: this.#world.elapsedMs, calmSinceMs: this.#calmSinceMs };
    for (const watch of this.#watches) this.#report(watch.name, watch.atEnd?.(end) ?? null);
  }

  #onEvent(node: number, event: Event): void {
    const seen = { atMs: this.#world.elapsedMs, node, event };
    this.#world.trace.record('event', node, this.events.length);
    this.#world.trace.text(JSON.stringify(event, plain));
    this.events.push(seen);
    for (const watch of this.#watches) this.#report(watch.name, watch.onEvent?.(seen) ?? null);
  }

  #report(checker: string, problem: string | null): void {
    if (problem !== null) this.#world.violated(checker, problem);
  }
}

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

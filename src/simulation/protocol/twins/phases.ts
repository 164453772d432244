/** One phase of a twins scenario: who leads its round, who hears whom, and what the machines make of it. */
import type { Verified } from '../../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage } from '../../../protocols/ibft/messages.ts';
import { adopt, createHost, expire, restart, step } from '../host.ts';
import type { HostState, Report, Stepped } from '../host-state.ts';
import { type Cast, type Choice, instancesOf, isFaulty, memberOfInstance, type MessageName } from '../schedule.ts';
import { genesisTimeMs, keyOf, type Setting } from '../setting.ts';

/** By instance: the number of its group; who shares one hears each other. */
export type Partition = readonly number[];

export interface Phase {
  /** Proposer of the phase's round. */
  readonly leader: number;
  readonly partition: Partition;
}

/** After some phases. Plain data; a phase makes a new one. */
export interface PhaseState {
  readonly hosts: readonly HostState[];
  readonly leaders: readonly number[];
}

/** What two correct validators decided differently, or one must not have done; null: nothing. */
export type Wrong = string | null;

/** A time-out that was cut short may have to fire again for its rest. */
const firingsMax = 3;
/** Blocks are due, and none is early. */
const nowMs = genesisTimeMs + 2_000;

interface InFlight {
  readonly from: number;
  readonly message: Verified<ConsensusMessage>;
}

export class PhaseRunner {
  /** Messages given to machines. */
  delivered = 0;
  readonly #setting: Setting;
  readonly #cast: Cast;
  readonly #onChoice: (choice: Choice) => void;
  #hosts: HostState[] = [];
  #queue: InFlight[] = [];
  #wrong: Wrong = null;

  /** `onChoice` is told of everything that is done, as choices of a schedule. */
  constructor(cast: Cast, setting: Setting, onChoice: (choice: Choice) => void = () => undefined) {
    this.#cast = cast;
    this.#setting = setting;
    this.#onChoice = onChoice;
  }

  start(): PhaseState {
    const hosts = Array.from({ length: instancesOf(this.#cast) }, (_, instance) => {
      const host = createHost(this.#setting, { member: memberOfInstance(this.#cast, instance), instance });
      return restart(this.#setting, host, host.live, nowMs).host;
    });
    return { hosts, leaders: [] };
  }

  /**
   * The leader takes over its round; timers fire, or in the first phase blocks fall due; everyone sends its latest messages
   * again; then everything that is sent within a group arrives, in order, until nothing is left. What was sent to another
   * group is lost.
   */
  play(before: PhaseState, { leader, partition }: Phase): { readonly state: PhaseState; readonly wrong: Wrong } {
    const leaders = [...before.leaders, leader];
    const order = [...leaders, ...Array.from({ length: this.#cast.validators }, (_, member) => member)];
    this.#hosts = before.hosts.map((host) => withOrder(host, order));
    this.#queue = [];
    this.#wrong = null;
    const round = before.leaders.length;
    for (let instance = 0; instance < this.#hosts.length; instance++) {
      if (round === 0) this.#expire(instance, 'proposal-due');
      else this.#timeOut(instance, round);
      this.#expire(instance, 'resend');
    }
    this.#deliverAll(partition);
    return { state: { hosts: this.#hosts, leaders }, wrong: this.#wrong };
  }

  /**
   * Everyone hears everyone, and those who are behind get decided blocks: rounds until all correct validators have
   * decided. Null where they have not after so many rounds.
   */
  heal(before: PhaseState, roundsMax: number): { readonly rounds: number | null; readonly wrong: Wrong } {
    let state = before;
    const together = new Array<number>(before.hosts.length).fill(0);
    for (let rounds = 0; rounds <= roundsMax; rounds++) {
      this.#hosts = [...state.hosts];
      this.#adoptAll();
      if (this.areDone({ hosts: this.#hosts })) return { rounds, wrong: this.#wrong };
      // Correct leaders one after the other; twins may lead in between.
      const played = this.play(
        { ...state, hosts: this.#hosts },
        { leader: rounds % this.#cast.validators, partition: together },
      );
      if (played.wrong !== null) return { rounds, wrong: played.wrong };
      state = played.state;
    }
    return { rounds: null, wrong: null };
  }

  // --- steps -------------------------------------------------------------------------------------------------------

  #host(instance: number): HostState {
    return this.#hosts[instance] as HostState;
  }

  #isCorrect(instance: number): boolean {
    return !isFaulty(this.#cast, memberOfInstance(this.#cast, instance));
  }

  /** Whether all correct validators have decided. */
  areDone({ hosts }: Pick<PhaseState, 'hosts'>): boolean {
    return hosts.every(({ stored }, instance) => !this.#isCorrect(instance) || stored.blocks.length > 0);
  }

  #expire(instance: number, timer: 'proposal-due' | 'round' | 'resend'): void {
    const host = this.#host(instance);
    if (host.timers[timer] === null) return;
    this.#onChoice({ do: 'expire', host: instance, timer });
    this.#take(instance, expire(this.#setting, host, timer, nowMs));
  }

  /** To the phase's round; who is already there, or has gone on to it with others, stays. */
  #timeOut(instance: number, round: number): void {
    const from = this.#host(instance).machine?.round ?? round;
    if (from >= round) return;
    for (let firing = 0; firing < firingsMax && this.#host(instance).machine?.round === from; firing++)
      this.#expire(instance, 'round');
  }

  #deliverAll(partition: Partition): void {
    for (let at = 0; at < this.#queue.length; at++) {
      const { from, message } = this.#queue[at] as InFlight;
      for (let to = 0; to < this.#hosts.length; to++)
        if (to !== from && partition[to] === partition[from]) this.#deliver(from, to, message);
    }
  }

  #deliver(from: number, to: number, message: Verified<ConsensusMessage>): void {
    const host = this.#host(to);
    if (host.machine === null) return;
    this.delivered += 1;
    this.#onChoice({ do: 'deliver', to, ...nameOf(from, message) });
    const peer = keyOf(memberOfInstance(this.#cast, from));
    this.#take(to, step(this.#setting, host, { type: 'message', message, peer }, nowMs));
  }

  #adoptAll(): void {
    for (let from = 0; from < this.#hosts.length; from++) {
      const { blocks } = this.#host(from).stored;
      if (blocks.length === 0 || !this.#isCorrect(from)) continue;
      for (let to = 0; to < this.#hosts.length; to++) {
        if (this.#host(to).stored.blocks.length > 0) continue;
        this.#onChoice({ do: 'adopt', host: to, from });
        this.#take(to, adopt(this.#setting, this.#host(to), blocks, nowMs));
      }
    }
  }

  #take(instance: number, { host, sent, decided, reports }: Stepped): void {
    this.#hosts[instance] = host;
    for (const { message } of sent) this.#queue.push({ from: instance, message });
    if (!this.#isCorrect(instance)) return;
    for (const report of reports) this.#wrong ??= conductOf(instance, report);
    for (const { digest } of decided)
      for (let other = 0; other < this.#hosts.length; other++) {
        const [block] = this.#host(other).stored.blocks;
        if (this.#isCorrect(other) && block !== undefined && block.digest !== digest)
          this.#wrong ??= `validators ${other} and ${instance} decided different blocks`;
      }
  }
}

function conductOf(instance: number, report: Report): Wrong {
  if (report.type === 'guard-refused')
    return `validator ${instance} asked to sign a ${report.payload.kind} that contradicts what it signed`;
  return report.type === 'decided-invalid' ? `validator ${instance} decided an invalid block` : null;
}

/** The machine with proposers as they are known now. The order beyond the phases played so far is looked at by nobody. */
function withOrder(host: HostState, proposerOrder: readonly number[]): HostState {
  const { machine } = host;
  return machine === null ? host : { ...host, machine: { ...machine, facts: { ...machine.facts, proposerOrder } } };
}

/** Each instance sends one content of a kind a round. */
function nameOf(from: number, message: ConsensusMessage): MessageName {
  const { height, round } = message.payload;
  return { from, kind: message.type, height, round };
}

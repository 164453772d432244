/**
 * A proposer that has all it needs proposes: once it has heard, within its round, round changes of a quorum with what each
 * claims to have prepared, itself included, nothing is left to wait for. Source: consensus design, rules 3 and 11: what
 * there was no room for at first comes again with a resend.
 */
import { proposerOfRound } from '../../protocols/ibft/draft.ts';
import type { MachineState } from '../../protocols/ibft/machine-types.ts';
import type { RoundChangePayload } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { type Cast, isFaulty } from './schedule.ts';
import { memberOf, type Setting } from './setting.ts';

/** What one instance has heard in the round where it is. */
interface Turn {
  readonly height: number;
  readonly round: number;
  readonly heard: Set<PublicKey>;
  /** Whose round changes to this round it held when it last heard one. */
  held: ReadonlySet<PublicKey>;
}

export class ProposerChecks {
  readonly #quorum: number;
  readonly #cast: Cast;
  readonly #isOn: boolean;
  readonly #violate: (detail: string) => void;
  readonly #turns: (Turn | undefined)[] = [];

  constructor({ set, rules }: Setting, cast: Cast, violate: (detail: string) => void) {
    this.#quorum = set.quorum;
    this.#cast = cast;
    this.#isOn = rules.hasCertificates;
    this.#violate = violate;
  }

  /** A round change came to an instance, whatever it thought of it; `machine`: after that. */
  onRoundChange(instance: number, payload: RoundChangePayload, machine: MachineState): void {
    if (!this.#isOn || machine.decided !== null) return;
    const { height } = machine.facts;
    const { round, self, selfIndex } = machine;
    if (round === 0 || self === null || isFaulty(this.#cast, memberOf(self))) return;
    if (proposerOfRound(machine, round) !== selfIndex) return;
    const held = new Set(
      machine.roundChanges.flatMap((entry) => (entry?.payload.round === round ? [entry.payload.author] : [])),
    );
    const turn = this.#turns[instance];
    if (turn?.height !== height || turn.round !== round) {
      // It may have entered the round by this very message, and had no room for all of it before.
      this.#turns[instance] = { height, round, heard: new Set(), held };
      return;
    }
    // Who has gone on takes along what it claimed, and the certificates that were outdone by its own are not held.
    if ([...turn.held].some((author) => !held.has(author))) turn.heard.clear();
    turn.held = held;
    const isSound =
      payload.height === height && payload.round === round && held.has(payload.author) && payload.author !== self;
    if (isSound && !isFaulty(this.#cast, memberOf(payload.author))) turn.heard.add(payload.author);
    // Nobody is sent its own.
    const own = held.has(self) ? 1 : 0;
    if (turn.heard.size + own < this.#quorum) return;
    if (machine.proposing !== 'no' || machine.proposal !== null) return;
    this.#violate(`instance ${instance} has heard all it needs in round ${round} of height ${height}, and is silent`);
  }

  /** What it heard in an earlier life is forgotten. */
  onCrash(instance: number): void {
    this.#turns[instance] = undefined;
  }
}

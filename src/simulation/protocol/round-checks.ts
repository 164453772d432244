/**
 * What correct validators may do with the rounds of a height, judged by what was sent and without the code that is under
 * test: nobody proposes or prepares what is not justified (rules 2, 3 and 5), and no round is reached that no correct
 * validator timed out into (rules 9 and 10). Source: consensus design.
 */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import type { MachineState, ProposalMessage } from '../../protocols/ibft/machine-types.ts';
import type { RoundChangePayload, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Cast } from './schedule.ts';
import type { Setting } from './setting.ts';

type RoundViolation = (check: 'certificates' | 'rounds', detail: string) => void;

interface Heard {
  readonly height: number;
  readonly rounds: Map<PublicKey, number>;
}

export class RoundChecks {
  readonly #setting: Setting;
  readonly #violate: RoundViolation;
  /** Proposals of later rounds than 0 that were sent with all that they need. */
  readonly #justified = new Set<string>();
  /** By height: the highest round that a correct validator announced. */
  readonly #announced = new Map<number, number>();
  /** By instance: how far it has heard others to be, at the height where it is. */
  readonly #heard: (Heard | undefined)[] = [];
  readonly #faultyMax: number;
  /** With more liars than the protocol bears they may move anyone anywhere. */
  readonly #isBearable: boolean;

  constructor(setting: Setting, cast: Cast, violate: RoundViolation) {
    this.#setting = setting;
    this.#violate = violate;
    this.#faultyMax = faultyCountMax(cast.validators);
    const faulty = cast.twins.length + cast.adversaries.length;
    this.#isBearable = setting.rules.hasCertificates && faulty <= this.#faultyMax;
  }

  /** Signed by anyone; it need not have left. */
  onProposal(message: ProposalMessage): void {
    const { payload } = message;
    if (!this.#isBearable || payload.round === 0) return;
    const key = keyOfBlock(payload);
    if (!this.#justified.has(key) && isJustified(message, this.#setting.set.quorum)) this.#justified.add(key);
  }

  /** The first time that a correct validator sends this; a proposal after `onProposal`. */
  onFirstSent(member: number, payload: UnsignedPayload): void {
    const { kind, height, round } = payload;
    if (!this.#isBearable || round === 0) return;
    if (kind === 'round-change') this.#onRoundChange(member, height, round);
    else if (kind !== 'commit' && !this.#justified.has(keyOfBlock(payload))) {
      const does = kind === 'proposal' ? 'proposes' : 'prepares';
      const detail = `validator ${member} ${does} a block in round ${round} of height ${height} that nothing justifies`;
      this.#violate('certificates', detail);
    }
  }

  /** An instance accepted a round change; `machine`: after that. Where it heard of f + 1 others it is with them (rule 10). */
  onHeard(instance: number, { author, height, round }: RoundChangePayload, machine: MachineState): void {
    if (!this.#isBearable || machine.facts.height !== height || machine.decided !== null) return;
    if (author === machine.self) return;
    let heard = this.#heard[instance];
    if (heard?.height !== height) this.#heard[instance] = heard = { height, rounds: new Map<PublicKey, number>() };
    heard.rounds.set(author, Math.max(round, heard.rounds.get(author) ?? 0));
    const descending = [...heard.rounds.values()].sort((a, b) => b - a);
    const reached = descending[this.#faultyMax] ?? 0;
    if (machine.round >= reached) return;
    this.#violate(
      'rounds',
      `instance ${instance} stays in round ${machine.round}; ${this.#faultyMax + 1} others reached ${reached}`,
    );
  }

  /** What it heard in an earlier life is forgotten. */
  onCrash(instance: number): void {
    this.#heard[instance] = undefined;
  }

  #onRoundChange(member: number, height: number, round: number): void {
    // Alone it needs nobody to go on, and a crash may take the messages of whole rounds.
    if (this.#setting.set.quorum === 1) return;
    const highest = this.#announced.get(height) ?? 0;
    if (round > highest) this.#announced.set(height, round);
    if (round <= highest + 1) return;
    const detail = `validator ${member} goes to round ${round} of height ${height}; the correct ones were in ${highest}`;
    this.#violate('rounds', detail);
  }
}

const keyOfBlock = ({
  height,
  round,
  digest,
}: Pick<ProposalMessage['payload'], 'height' | 'round' | 'digest'>): string => `${height}/${round}/${digest}`;

/** A quorum went to this round, and a quorum prepared the block in the highest round that one of them says was prepared. */
function isJustified({ payload, roundChanges, prepares }: ProposalMessage, quorum: number): boolean {
  const { height, round, digest } = payload;
  const claims = roundChanges.filter((claim) => claim.height === height && claim.round === round);
  if (new Set(claims.map(({ author }) => author)).size < quorum) return false;
  const highest = Math.max(-1, ...claims.map(({ preparedRound }) => preparedRound ?? -1));
  if (highest === -1) return true;
  if (!claims.some((claim) => claim.preparedRound === highest && claim.preparedDigest === digest)) return false;
  const fitting = prepares.filter((prepare) => prepare.height === height && prepare.round === highest);
  const authors = fitting.flatMap((prepare) => (prepare.digest === digest ? [prepare.author] : []));
  return new Set(authors).size >= quorum;
}

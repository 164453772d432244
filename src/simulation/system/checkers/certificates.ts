/**
 * Nothing that may be decided is forgotten. With b liars in the set, whoever commits or claims to have prepared does so on
 * the prepares of at least quorum − b correct validators; and once that many have committed to a block in a round, a
 * quorum of seals for it may exist, so that no correct validator commits to another block in that round, nor proposes,
 * prepares or commits to one in a later round; what is final has such commits. Source: consensus design, rules 3, 5, 6 and 7.
 *
 * Independent of the order of the facts: whoever prepared in a later round does not commit in an earlier one any more.
 */
import type { UnsignedPayload } from '../../../protocols/ibft/messages.ts';
import type { CheckedRun, Checker, FinalBlock } from './checker.ts';

/** Who said what of one block in one round. */
interface Support {
  readonly round: number;
  readonly digest: string;
  readonly prepares: Set<number>;
  readonly commits: Set<number>;
  proposed: boolean;
}

/** Heights below the highest that are still looked at: a validator that is further behind signs nothing that counts. */
const heightsKept = 30;

export class Certificates implements Checker {
  readonly name = 'certificates' as const;
  readonly #run: CheckedRun;
  readonly #supports = new Map<number, Map<string, Support>>();
  /**
   * Claims that nothing said so far bears out. What a validator says in one moment comes in any order: one that waited
   * for room on its disk tells its prepare after the claim that rests on it. So they are judged when another one speaks.
   */
  #unproven: { readonly node: number; readonly claim: () => string | null }[] = [];
  #highest = 0;

  constructor(run: CheckedRun) {
    this.#run = run;
  }

  onSigned(node: number, payload: UnsignedPayload): string | null {
    return this.#judge(node) ?? this.#onSigned(node, payload);
  }

  onEnd(): string | null {
    return this.#judge(null);
  }

  /** The first claim, but for those of this node, that still nothing bears out. */
  #judge(speaker: number | null): string | null {
    if (this.#unproven.length === 0) return null;
    const due = this.#unproven.filter(({ node }) => node !== speaker);
    this.#unproven = this.#unproven.filter(({ node }) => node === speaker);
    for (const { claim } of due) {
      const problem = claim();
      if (problem !== null) return problem;
    }
    return null;
  }

  #expect(node: number, claim: () => string | null): void {
    if (claim() !== null) this.#unproven.push({ node, claim });
  }

  #onSigned(node: number, payload: UnsignedPayload): string | null {
    const { height, round } = payload;
    const least = this.#least(height);
    if (least === null || height <= this.#highest - heightsKept) return null;
    if (payload.kind === 'round-change') {
      this.#expect(node, () => this.#unpreparedClaim(node, payload, least));
      return null;
    }
    const support = this.#support(height, round, payload.digest);
    if (payload.kind === 'proposal') support.proposed = true;
    else if (payload.kind === 'prepare') support.prepares.add(node);
    else support.commits.add(node);
    if (payload.kind === 'commit') this.#expect(node, () => unpreparedCommit(node, support, payload, least));
    return this.#contradiction(height, least);
  }

  onFinal({ node, height, round, digest }: Pick<FinalBlock, 'node' | 'height' | 'round' | 'digest'>): string | null {
    const unproven = this.#judge(null);
    if (unproven !== null) return unproven;
    this.#highest = Math.max(this.#highest, height);
    this.#supports.delete(height - heightsKept - 1);
    const least = this.#least(height);
    if (least === null || height <= this.#highest - heightsKept) return null;
    const commits = this.#support(height, round, digest).commits.size;
    if (commits >= least) return null;
    const at = place({ height, round, digest });
    return `validator ${node} finalised ${at} on ${commits} commits of correct validators, ${least} are needed`;
  }

  #unpreparedClaim(
    node: number,
    { height, round, preparedRound, preparedDigest }: Extract<UnsignedPayload, { kind: 'round-change' }>,
    least: number,
  ): string | null {
    if (preparedRound === null || preparedDigest === null) return null;
    const claim = { height, round: preparedRound, digest: preparedDigest };
    const prepares = this.#support(height, preparedRound, preparedDigest).prepares.size;
    if (prepares >= least) return null;
    return `validator ${node} claims in round ${round} to have prepared ${place(claim)}: ${prepares} correct validators did, ${least} are needed`;
  }

  /** A block that may be decided, and another one in a later round. */
  #contradiction(height: number, least: number): string | null {
    const supports = [...(this.#supports.get(height)?.values() ?? [])];
    const decidable = supports.filter(({ commits }) => commits.size >= least);
    for (const { round, digest } of decidable) {
      const other = supports.find(
        (later) =>
          later.digest !== digest &&
          (later.round > round ? isSupported(later) : later.round === round && later.commits.size > 0),
      );
      if (other === undefined) continue;
      const later = place({ height, round: other.round, digest: other.digest });
      return `${place({ height, round, digest })} may be decided, and correct validators went on to ${later}`;
    }
    return null;
  }

  /** Correct validators without which there is no quorum; null where the set is not known. */
  #least(height: number): number | null {
    const set = this.#run.setAt(height);
    if (set === undefined) return null;
    return set.quorum - set.validators.filter(({ publicKey }) => this.#run.liars.has(publicKey)).length;
  }

  #support(height: number, round: number, digest: string): Support {
    let supports = this.#supports.get(height);
    if (supports === undefined) this.#supports.set(height, (supports = new Map<string, Support>()));
    const key = `${round}/${digest}`;
    let support = supports.get(key);
    if (support === undefined) {
      supports.set(key, (support = { round, digest, prepares: new Set(), commits: new Set(), proposed: false }));
    }
    return support;
  }
}

function unpreparedCommit(
  node: number,
  { prepares }: Support,
  payload: UnsignedPayload & { readonly digest: string },
  least: number,
): string | null {
  if (prepares.size >= least) return null;
  return `validator ${node} committed to ${place(payload)} on ${prepares.size} prepares of correct validators, ${least} are needed`;
}

const isSupported = ({ prepares, commits, proposed }: Support): boolean =>
  proposed || prepares.size > 0 || commits.size > 0;

const place = (of: { readonly height: number; readonly round: number; readonly digest: string }): string =>
  `block ${of.digest.slice(0, 8)} at height ${of.height}, round ${of.round}`;

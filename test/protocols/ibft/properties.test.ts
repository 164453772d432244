/**
 * Goal: quorum, membership, proposer and justification equal deliberately dumb oracles, for n from 1 to 31. Method:
 * fast-check; the oracles are written from the sentences of the rules, with no regard for speed.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { digestOf, justify, refusalOfRoundChange } from '../../../src/protocols/ibft/justification.ts';
import type { PreparePayload, RoundChangePayload } from '../../../src/protocols/ibft/messages.ts';
import { firstProposerIndex, proposerKey } from '../../../src/protocols/ibft/proposer.ts';
import { countFor, memberIndex, votesFor } from '../../../src/protocols/ibft/quorum.ts';
import { faultyCountMax, isQuorumReachable, quorumOf } from '../../../src/protocols/ledger/validator-set.ts';
import { round } from '../../../src/protocols/shared/brands.ts';
import {
  blockOf,
  chain,
  genesisDigest,
  keyOf,
  keysOf,
  preparePayload,
  proposal,
  range,
  roundChange,
  roundChangePayload,
  setOf,
} from './world.ts';

const sizes = fc.integer({ min: 1, max: 31 });
const blocks = [blockOf({ salt: 1 }), blockOf({ salt: 2 })] as const;

describe('properties: quorum and membership, n from 1 to 31', () => {
  it('the quorum is the least number of votes that is at least two thirds', () => {
    for (const n of range(32).slice(1)) {
      let votes = 0;
      while (votes * 3 < n * 2) votes += 1;
      expect(quorumOf(n, 1), `n = ${n}`).to.equal(votes);
    }
  });

  it('f is the most faults with n ≥ 3f + 1', () => {
    for (const n of range(32).slice(1)) {
      let faults = 0;
      while (3 * (faults + 1) + 1 <= n) faults += 1;
      expect(faultyCountMax(n), `n = ${n}`).to.equal(faults);
    }
  });

  it('two quorums share a correct validator, and f dead validators leave a quorum', () => {
    for (const n of range(32).slice(1)) {
      expect(2 * quorumOf(n, 1) - n, `n = ${n}`).to.be.greaterThan(faultyCountMax(n));
      expect(isQuorumReachable(n, 1), `n = ${n}`).to.equal(true);
    }
  });

  it('a threshold never lowers the quorum, and one above n − f is not reachable', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 100 }), (n, threshold) => {
        const votes = range(n + 1).find((v) => v * 3 >= n * 2 && v * 100 >= n * threshold);
        expect(quorumOf(n, threshold)).to.equal(votes);
        expect(isQuorumReachable(n, threshold)).to.equal((votes ?? 0) <= n - faultyCountMax(n));
      }),
    );
  });

  it('membership is a search through the list', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 40 }), (n, index) => {
        expect(memberIndex(setOf(n), keyOf(index))).to.equal(keysOf(n).indexOf(keyOf(index)));
      }),
    );
  });

  it('votes for a digest are the slots that hold it', () => {
    const slots = fc.array(fc.option(fc.integer({ min: 0, max: 1 })), { maxLength: 31 });
    fc.assert(
      fc.property(slots, (choices) => {
        const votes = choices.map((choice, i) => (choice === null ? null : preparePayload(i, blocks[choice]!)));
        const wanted = digestOf(blocks[0]);
        const authors = range(choices.length)
          .filter((i) => choices[i] === 0)
          .map(keyOf);
        expect(votesFor(votes, wanted).map(({ author }) => author)).to.deep.equal(authors);
        expect(countFor(votes, wanted)).to.equal(authors.length);
      }),
    );
  });
});

describe('properties: proposer, n from 1 to 31', () => {
  it('is the walk over the ordered keys that the rule describes', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 200 }), (n, parent, r) => {
        // Walk the circle from the first key above the parent's proposer, r steps.
        const keys = [...keysOf(n)].sort();
        const above = keys.filter((key) => key > keyOf(parent));
        let at = above.length === 0 ? 0 : keys.indexOf(above[0]!);
        for (let step = 0; step < r; step++) at = at + 1 === n ? 0 : at + 1;
        expect(proposerKey(setOf(n), firstProposerIndex(setOf(n), keyOf(parent)), round(r))).to.equal(keys[at]);
      }),
    );
  });

  it('n rounds in a row are proposed by everyone once', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 1000 }), (n, from) => {
        const proposers = range(n).map((offset) => proposerKey(setOf(n), 0, round(from + offset)));
        expect(new Set(proposers).size).to.equal(n);
      }),
    );
  });
});

// --- justification -----------------------------------------------------------------------------------------------

interface Claim {
  readonly author: number;
  readonly height: number;
  readonly round: number;
  readonly prepared: { readonly round: number; readonly block: 0 | 1 } | null;
}

/** The usual value, once in a while another: most cases must get past all checks but one. */
const mostly = <T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 60, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });

/** Distinct members mostly, sometimes strangers and repetitions, around the size of a quorum. */
const authorsOf = (n: number): fc.Arbitrary<readonly number[]> =>
  fc
    .tuple(
      fc.shuffledSubarray([...range(n)], { minLength: Math.max(0, quorumOf(n, 1) - 1) }),
      mostly<number[]>([], fc.array(fc.integer({ min: 0, max: n }), { maxLength: 2 })),
    )
    .map(([members, extra]) => [...members, ...extra]);

const block01 = fc.constantFrom<0 | 1>(0, 1);

const situations = sizes.chain((n) =>
  fc.record({
    n: fc.constant(n),
    at: fc.integer({ min: 1, max: 4 }),
    carried: mostly<0 | 1>(0, block01),
    claims: authorsOf(n).chain((authors) =>
      fc.tuple(
        ...authors.map((author) =>
          fc.record({
            author: fc.constant(author),
            height: mostly(1, fc.constant(2)),
            round: fc.constant(0),
            prepared: fc.option(
              fc.record({ round: fc.integer({ min: 0, max: 3 }), block: mostly<0 | 1>(0, block01) }),
              { freq: 2 },
            ),
          }),
        ),
      ),
    ),
    isPreparedByAll: fc.boolean(),
    wrongRound: mostly(0, fc.integer({ min: 1, max: 2 })),
    prepares: fc.tuple(
      authorsOf(n),
      fc.integer({ min: 0, max: 3 }),
      mostly<0 | 1>(0, block01),
      mostly(false, fc.constant(true)),
    ),
  }),
);

/** Rule 3, word by word. */
function isJustified(
  n: number,
  at: number,
  carried: string,
  claims: readonly RoundChangePayload[],
  prepares: readonly PreparePayload[],
): boolean {
  const members = new Set<string>(keysOf(n));
  const quorum = quorumOf(n, 1);
  const areDistinctMembers = (authors: readonly string[]) =>
    new Set(authors).size === authors.length && authors.every((author) => members.has(author));
  if (claims.length < quorum || !areDistinctMembers(claims.map(({ author }) => author))) return false;
  for (const claim of claims) {
    if (claim.height !== 1 || claim.round !== at) return false;
    if ((claim.preparedRound === null) !== (claim.preparedDigest === null)) return false;
    if (claim.preparedRound !== null && claim.preparedRound >= at) return false;
  }
  const rounds = claims.flatMap(({ preparedRound }) => (preparedRound === null ? [] : [preparedRound as number]));
  if (rounds.length === 0) return prepares.length === 0;
  const highest = Math.max(...rounds);
  const isClaimed = claims.some((claim) => claim.preparedRound === highest && claim.preparedDigest === carried);
  const fits = ({ height, round: of, digest }: PreparePayload) => height === 1 && of === highest && digest === carried;
  const isCertified = prepares.length >= quorum && areDistinctMembers(prepares.map(({ author }) => author));
  return isClaimed && isCertified && prepares.every(fits);
}

describe('properties: justification, n from 1 to 31', () => {
  const payloadOf = (claim: Claim, at: number, isPrepared: boolean): RoundChangePayload => {
    const prepared =
      !isPrepared || claim.prepared === null
        ? null
        : { round: claim.prepared.round, block: blocks[claim.prepared.block] };
    return roundChangePayload(claim.author, { height: claim.height, round: at }, prepared);
  };

  it('a proposal is accepted exactly where rule 3, word by word, accepts it', () => {
    const seen = { accepted: 0, refused: 0, 're-proposed': 0 };
    fc.assert(
      fc.property(situations, ({ n, at, carried, claims, isPreparedByAll, wrongRound, prepares }) => {
        const payloads = claims.map((claim, i) => payloadOf(claim, i === 0 ? at + wrongRound : at, isPreparedByAll));
        const [authors, asked, of, isAway] = prepares;
        const highest = Math.max(-1, ...payloads.map(({ preparedRound }) => preparedRound ?? -1));
        const preparedAt = isAway || highest < 0 ? asked : highest;
        const votes =
          isPreparedByAll || isAway
            ? authors.map((author) => preparePayload(author, blocks[of], { round: preparedAt }))
            : [];
        const block = blocks[carried];
        const judged = justify(
          proposal(0, block, { round: at }, { roundChanges: payloads, prepares: votes }),
          setOf(n),
        );
        const expected = isJustified(n, at, digestOf(block), payloads, votes);
        expect('mode' in judged).to.equal(expected);
        if (!('mode' in judged)) seen.refused += 1;
        else {
          seen.accepted += 1;
          if (judged.mode === 're-proposed') seen['re-proposed'] += 1;
        }
      }),
      { numRuns: 3000, seed: 20 },
    );
    for (const [outcome, count] of Object.entries(seen)) expect(count, outcome).to.be.greaterThan(100);
  });

  it('a round change is counted exactly where rule 5, word by word, counts it', () => {
    const place = { chainId: chain, height: roundChangePayload(0, {}).height, parent: genesisDigest };
    const seen = { counted: 0, refused: 0 };
    fc.assert(
      fc.property(
        sizes.chain((n) =>
          fc.tuple(
            fc.constant(n),
            authorsOf(n),
            fc.integer({ min: 0, max: 4 }),
            fc.integer({ min: 0, max: 3 }),
            mostly<0 | 1>(0, block01),
          ),
        ),
        ([n, authors, at, preparedAt, of]) => {
          const message = roundChange(0, { round: at }, { round: preparedAt, block: blocks[0] }, []);
          const prepares = authors.map((author) => preparePayload(author, blocks[of], { round: preparedAt }));
          const isCounted =
            at > 0 &&
            preparedAt < at &&
            of === 0 &&
            authors.length >= quorumOf(n, 1) &&
            new Set(authors).size === authors.length &&
            authors.every((author) => author < n);
          const refusal = refusalOfRoundChange({ ...message, prepares }, setOf(n), place);
          expect(refusal === null, refusal ?? 'counted').to.equal(isCounted);
          seen[isCounted ? 'counted' : 'refused'] += 1;
        },
      ),
      { numRuns: 1000, seed: 21 },
    );
    expect(Math.min(seen.counted, seen.refused)).to.be.greaterThan(100);
  });
});

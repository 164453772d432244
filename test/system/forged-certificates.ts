/**
 * Consensus messages that are right in everything but one deep respect, which only their certificates or their block
 * show: what an authenticated validator can make who knows where its target stands. Random changes hardly come so far.
 */
import { signedMessage } from '../../src/actors/validator/signed-message.ts';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import { proposerOfRound } from '../../src/protocols/ibft/draft.ts';
import type { Beside, MachineState } from '../../src/protocols/ibft/machine-types.ts';
import {
  type ConsensusMessage,
  type EncodedBlock,
  payloadSigningBytes,
  type PreparePayload,
  type RoundChangePayload,
  type UnsignedPayload,
} from '../../src/protocols/ibft/messages.ts';
import { memberIndex } from '../../src/protocols/ibft/quorum.ts';
import { blockCodec, type BlockHeader } from '../../src/protocols/ledger/block.ts';
import { type ChainId, type Digest, digest, height, round, type Round } from '../../src/protocols/shared/brands.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import { encode } from '../../src/protocols/shared/codec.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import type { SeededRandom } from '../../src/simulated.ts';
import { present } from './waiting.ts';

const roundMax = 2 ** 31 - 1;
const nothing: Beside = { block: null, roundChanges: [], prepares: [] };

/** What a forger sees: whom it plays, and where its target stands. */
interface Scene {
  readonly author: Signer;
  readonly target: MachineState;
  /** A block of the target's height on its tip, by the author, that no validator would find valid. */
  readonly block: EncodedBlock;
}

type Vote = Pick<PreparePayload, 'height' | 'round' | 'digest'>;
type Claim = Pick<RoundChangePayload, 'height' | 'round' | 'preparedRound' | 'preparedDigest'>;

export class Forger {
  readonly #random: SeededRandom;
  readonly #chain: ChainId;
  readonly #signers: readonly Signer[];
  readonly #stranger: Signer;
  #corpus: readonly ConsensusMessage[] = [];

  /** `signers`: the validators whose keys are in our hands; `stranger` is none. */
  constructor(random: SeededRandom, chain: ChainId, keys: { signers: readonly Signer[]; stranger: Signer }) {
    this.#random = random;
    this.#chain = chain;
    this.#signers = keys.signers;
    this.#stranger = keys.stranger;
  }

  feed(corpus: readonly ConsensusMessage[]): void {
    this.#corpus = corpus;
  }

  /** null where the author is no validator of the target's height. */
  next(author: Signer, target: MachineState): ConsensusMessage | null {
    if (memberIndex(target.facts.set, author.publicKey) < 0) return null;
    const scene = { author, target, block: this.#blockOn(author, target, {}) };
    const turn = this.#turnOf(scene);
    if (turn !== null && this.#below(4) > 0) return this.#proposal(scene, turn);
    return this.#roundChange(scene);
  }

  /** The round at or near the target's in which the author proposes and the target has no proposal yet. */
  #turnOf({ author, target }: Scene): Round | null {
    const index = memberIndex(target.facts.set, author.publicKey);
    const near = [0, 1, 2].map((ahead) => round(target.round + ahead));
    const open = near.filter((of) => of > target.round || target.proposal === null);
    return open.find((of) => proposerOfRound(target, of) === index) ?? null;
  }

  #proposal(scene: Scene, of: Round): ConsensusMessage {
    const { target } = scene;
    const { height: at } = target.facts;
    // Only in a block that is proposed again may the proposer be another.
    const isForeign = this.#below(4) === 0;
    const proposer = isForeign ? this.#stranger.publicKey : scene.author.publicKey;
    const block = this.#blockOn(scene.author, target, { proposer });
    const payload = { kind: 'proposal', height: at, round: of, digest: digestOf(block) } as const;
    if (this.#below(4) === 0) return this.#misplaced(scene, of);
    if (of === 0) {
      const roundChanges = this.#below(2) === 0 ? this.#changes(scene, of, null) : [];
      return this.#signed(scene.author, payload, { ...nothing, block, roundChanges });
    }
    const below = round(this.#below(of));
    switch (this.#below(5)) {
      case 0:
        // Somebody is prepared, for another block than the one proposed.
        return this.#signed(scene.author, payload, {
          ...nothing,
          block,
          roundChanges: this.#changes(scene, of, { preparedRound: below, preparedDigest: this.#digest() }),
        });
      case 1:
        return this.#signed(scene.author, payload, {
          block,
          roundChanges: this.#changes(scene, of, { preparedRound: below, preparedDigest: payload.digest }),
          prepares: this.#wrongPrepares(scene, { height: at, round: below, digest: payload.digest }),
        });
      case 2:
        return this.#signed(scene.author, payload, { ...nothing, block, roundChanges: this.#wrongChanges(scene, of) });
      case 3: {
        const prepares = this.#wrongPrepares(scene, { height: at, round: below, digest: payload.digest });
        return this.#signed(scene.author, payload, {
          ...{ block, prepares },
          roundChanges: this.#changes(scene, of, null),
        });
      }
      default:
        return this.#signed(scene.author, payload, {
          ...nothing,
          block,
          roundChanges: this.#changes(scene, of, null),
        });
    }
  }

  /** A proposal of a block that does not belong there. */
  #misplaced({ author, target }: Scene, of: Round): ConsensusMessage {
    const block = this.#blockOn(author, target, this.#elsewhere(target));
    const payload = { kind: 'proposal', height: target.facts.height, round: of, digest: digestOf(block) } as const;
    return this.#signed(author, payload, { ...nothing, block });
  }

  #elsewhere(target: MachineState): Partial<BlockHeader> {
    const others: readonly Partial<BlockHeader>[] = [
      { parent: this.#digest() },
      { chainId: this.#digest() as string as ChainId },
      { height: height(target.facts.height + 1) },
    ];
    return this.#pick(others);
  }

  /** A round change with a claim that does not hold. */
  #roundChange(scene: Scene): ConsensusMessage {
    const { author, target } = scene;
    const known = target.roundChanges[memberIndex(target.facts.set, author.publicKey)]?.payload.round ?? 0;
    const of = round(Math.min(roundMax, Math.max(known, target.round) + 1));
    const claim = this.#below(4) === 0 ? this.#badClaim(scene, of) : this.#badCertificate(scene, of);
    return this.#signed(author, { kind: 'round-change', ...claim.payload }, claim.beside);
  }

  #badClaim({ target, block }: Scene, of: Round): { payload: Claim; beside: Beside } {
    const { height: at } = target.facts;
    const preparedDigest = digestOf(block);
    const bare = { height: at, round: of, preparedRound: null, preparedDigest: null };
    const claims: readonly { payload: Claim; beside: Beside }[] = [
      { payload: { ...bare, round: round(0) }, beside: nothing },
      { payload: { ...bare, preparedDigest }, beside: nothing },
      { payload: { ...bare, preparedRound: of, preparedDigest }, beside: nothing },
      { payload: bare, beside: { ...nothing, block } },
      { payload: { ...bare, preparedRound: round(0), preparedDigest }, beside: nothing },
      { payload: { ...bare, preparedRound: round(0), preparedDigest: this.#digest() }, beside: { ...nothing, block } },
    ];
    return this.#pick(claims);
  }

  #badCertificate(scene: Scene, of: Round): { payload: Claim; beside: Beside } {
    const { author, target } = scene;
    const isElsewhere = this.#below(4) === 0;
    const block = isElsewhere ? this.#blockOn(author, target, this.#elsewhere(target)) : scene.block;
    const preparedDigest = digestOf(block);
    const preparedRound = round(this.#below(Math.min(of, 3)));
    const { height: at } = target.facts;
    const prepares = this.#wrongPrepares(scene, { height: at, round: preparedRound, digest: preparedDigest });
    const payload = { height: at, round: of, preparedRound, preparedDigest };
    return { payload, beside: { ...nothing, block, prepares } };
  }

  /** As many as a certificate needs, or nearly; the first or the second of them does not belong in it. */
  #wrongPrepares({ author, target }: Scene, of: Vote): readonly PreparePayload[] {
    const { quorum } = target.facts.set;
    const good = this.#prepare(author, of);
    const rest = this.#signers.map((signer) => this.#prepare(signer, of));
    const padded = (first: readonly PreparePayload[]): readonly PreparePayload[] =>
      [...first, ...Array.from({ length: quorum }, () => rest).flat()].slice(0, quorum);
    switch (this.#below(6)) {
      case 0:
        return padded([this.#prepare(author, { ...of, height: height(of.height + 1) })]);
      case 1:
        return padded([this.#prepare(author, { ...of, round: round(of.round + 1) })]);
      case 2:
        return padded([this.#prepare(author, { ...of, digest: this.#digest() })]);
      case 3:
        return padded([this.#prepare(this.#stranger, of)]);
      case 4:
        return padded([good, good]);
      default:
        return padded([good]).slice(1);
    }
  }

  /** Round changes of this round as far as they were heard, and ours, each with `claim`. */
  #changes(
    { target }: Scene,
    of: Round,
    claim: Pick<Claim, 'preparedRound' | 'preparedDigest'> | null,
  ): readonly RoundChangePayload[] {
    const at = target.facts.height;
    const heard = this.#corpus.flatMap((message) => {
      if (message.type === 'round-change') return [message.payload];
      return message.type === 'proposal' ? message.roundChanges : [];
    });
    const ours = this.#signers.map((signer) =>
      this.#change(signer, { height: at, round: of, preparedRound: null, preparedDigest: null, ...claim }),
    );
    const fitting = heard.filter((change) => change.height === at && change.round === of);
    return [...new Map([...fitting, ...ours].map((change) => [change.author, change])).values()];
  }

  #wrongChanges({ author, target }: Scene, of: Round): readonly RoundChangePayload[] {
    const { quorum } = target.facts.set;
    const right = { height: target.facts.height, round: of, preparedRound: null, preparedDigest: null };
    const good = this.#change(author, right);
    const wrong: readonly (readonly RoundChangePayload[])[] = [
      [this.#change(author, { ...right, height: height(right.height + 1) })],
      [this.#change(author, { ...right, round: round(of + 1) })],
      [this.#change(author, { ...right, preparedRound: of, preparedDigest: this.#digest() })],
      [this.#change(author, { ...right, preparedRound: round(0) })],
      [this.#change(this.#stranger, right)],
      [good, good],
    ];
    return [...this.#pick(wrong), ...Array.from({ length: quorum }, () => good)].slice(0, quorum);
  }

  #prepare(signer: Signer, vote: Vote): PreparePayload {
    const signature = signer.sign(payloadSigningBytes(this.#chain, { kind: 'prepare', ...vote }));
    return { author: signer.publicKey, ...vote, signature };
  }

  #change(signer: Signer, claim: Claim): RoundChangePayload {
    const signature = signer.sign(payloadSigningBytes(this.#chain, { kind: 'round-change', ...claim }));
    return { author: signer.publicKey, ...claim, signature };
  }

  #signed(author: Signer, payload: UnsignedPayload, beside: Beside): ConsensusMessage {
    return signedMessage(payload, author.publicKey, author.sign(payloadSigningBytes(this.#chain, payload)), beside);
  }

  /** Its transactions and its seals are those of a block that was heard of: a body that fits its header. */
  #blockOn(author: Signer, target: MachineState, changed: Partial<BlockHeader>): EncodedBlock {
    const { value } = this.#pick(this.#corpus.flatMap((message) => ('block' in message ? (message.block ?? []) : [])));
    const { height: at, parent } = target.facts;
    const place = { chainId: this.#chain, height: at, parent: parent.digest, proposer: author.publicKey };
    const block = { ...value, header: { ...value.header, ...place, stateRoot: this.#digest(), ...changed } };
    return { bytes: encode(blockCodec, block), value: block };
  }

  #digest(): Digest {
    return digest(toHex(this.#random.bytes(32)));
  }

  #below(limit: number): number {
    return Math.floor(this.#random.fraction() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    return present(list[this.#below(list.length)], 'choice');
  }
}

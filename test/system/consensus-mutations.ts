/** Consensus messages of real traffic, changed in one respect and then signed by a validator whose key the test has. */
import { consensusWireCodec } from '../../src/actors/validator/consensus-wire.ts';
import { signedMessage } from '../../src/actors/validator/signed-message.ts';
import { signStart } from '../../src/actors/validator/start-proofs.ts';
import type { Beside, MachineState } from '../../src/protocols/ibft/machine-types.ts';
import {
  type ConsensusMessage,
  consensusMessageCodec,
  type EncodedBlock,
  payloadSigningBytes,
  type PreparePayload,
  type RoundChangePayload,
  type UnsignedPayload,
} from '../../src/protocols/ibft/messages.ts';
import { evidencePayload } from '../../src/protocols/ledger/evidence.ts';
import { type Block, blockCodec, blockDigest, type BlockHeader } from '../../src/protocols/ledger/block.ts';
import { type ChainId, type Digest, digest, height, round, type Round } from '../../src/protocols/shared/brands.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import { encode } from '../../src/protocols/shared/codec.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import type { SeededRandom } from '../../src/simulated.ts';
import { Forger } from './forged-certificates.ts';
import { present } from './waiting.ts';

interface Draft {
  payload: UnsignedPayload;
  beside: Beside;
  chain: ChainId;
}

type Change = (draft: Draft) => void;

export class Mutator {
  readonly #random: SeededRandom;
  readonly #chain: ChainId;
  readonly #changes: readonly Change[];
  /** Messages to start from and to take parts of. */
  #corpus: readonly ConsensusMessage[] = [];
  readonly #forger: Forger;

  constructor(random: SeededRandom, chain: ChainId, signers: readonly Signer[]) {
    this.#random = random;
    this.#chain = chain;
    this.#forger = new Forger(random, chain, { signers, stranger: createSigner(random.bytes(32)) });
    this.#changes = [
      () => undefined,
      ...[-2, -1, 1, 2, 9, 10, 11, 1_000_000].map(
        (by): Change =>
          (draft) =>
            this.#moveHeight(draft, by),
      ),
      ...[-1, 1, 2, 3, 999, 1000, 1001].map(
        (by): Change =>
          (draft) =>
            this.#moveRound(draft, by),
      ),
      (draft) => this.#moveRound(draft, 2 ** 31),
      (draft) => this.#changeContent(draft),
      (draft) => this.#changeKind(draft),
      (draft) => this.#halfPrepared(draft),
      (draft) => this.#claimPrepared(draft),
      (draft) => this.#changeHeader(draft, true),
      (draft) => this.#changeHeader(draft, false),
      (draft) => this.#changeBody(draft),
      (draft) => (draft.beside = { ...draft.beside, block: this.#anyBlock() }),
      (draft) => (draft.beside = { ...draft.beside, block: null }),
      (draft) =>
        (draft.beside = { ...draft.beside, prepares: this.#shake(draft.beside.prepares, this.#allPrepares()) }),
      (draft) => (draft.beside = { ...draft.beside, prepares: [] }),
      (draft) => this.#justify(draft),
      (draft) =>
        (draft.beside = {
          ...draft.beside,
          roundChanges: this.#shake(draft.beside.roundChanges, this.#allRoundChanges()),
        }),
      (draft) => (draft.chain = this.#digest() as string as ChainId),
    ];
  }

  feed(corpus: readonly ConsensusMessage[]): void {
    this.#corpus = corpus;
    this.#forger.feed(corpus);
  }

  /** The payload of an envelope to the validator actor whose machine is in the state `target`. */
  next(author: Signer, target: MachineState): Uint8Array {
    const kind = this.#below(40);
    if (kind === 0) return this.#random.bytes(this.#below(400));
    const start = signStart(author, this.#chain, { counter: this.#below(99), token: this.#random.bytes(16) });
    if (kind === 1) return encode(consensusWireCodec, { type: 'start', ...start });
    if (kind === 2) {
      const { type, payload } = this.#pick(this.#corpus);
      const signed = this.#below(4) === 0 ? null : evidencePayload(type, payload);
      const before = this.#below(4) === 0 ? null : start;
      const answer = { before, finalHeight: this.#below(1_000_000_000), signed };
      return encode(consensusWireCodec, { type: 'start-seen', counter: this.#below(3), ...answer });
    }
    const forged = kind > 32 ? this.#forger.next(author, target) : null;
    const message = encode(consensusMessageCodec, forged ?? this.#message(author));
    if (kind > 6) return encode(consensusWireCodec, { type: 'message', bytes: message });
    if (kind > 4) return this.#scramble(encode(consensusWireCodec, { type: 'message', bytes: message }));
    return encode(consensusWireCodec, { type: 'message', bytes: this.#scramble(message) });
  }

  #message(author: Signer): ConsensusMessage {
    const original = this.#pick(this.#corpus);
    // Some are passed on as they were: a peer may repeat what others said.
    if (this.#below(30) === 0) return original;
    const { payload, beside } = draftOf(original);
    const draft: Draft = { payload, beside, chain: this.#chain };
    for (let changes = 1 + this.#below(2); changes > 0; changes--) this.#pick(this.#changes)(draft);
    const signature = author.sign(payloadSigningBytes(draft.chain, draft.payload));
    const named = this.#below(30) === 0 ? original.payload.author : author.publicKey;
    // A proposal without its block cannot even be written.
    const block = draft.payload.kind === 'proposal' ? (draft.beside.block ?? this.#anyBlock()) : draft.beside.block;
    return signedMessage(draft.payload, named, signature, { ...draft.beside, block });
  }

  #moveHeight(draft: Draft, by: number): void {
    draft.payload = { ...draft.payload, height: height(Math.max(1, draft.payload.height + by)) };
  }

  #moveRound(draft: Draft, by: number): void {
    draft.payload = { ...draft.payload, round: moved(draft.payload.round, by) };
  }

  #changeContent(draft: Draft): void {
    const { payload } = draft;
    if (payload.kind !== 'round-change') draft.payload = { ...payload, digest: this.#digest() };
    else if (payload.preparedRound !== null) draft.payload = { ...payload, preparedDigest: this.#digest() };
  }

  #changeKind(draft: Draft): void {
    const { height: at, round: of } = draft.payload;
    const voted = draft.payload.kind === 'round-change' ? this.#anyDigest() : draft.payload.digest;
    const kind = this.#pick(['proposal', 'prepare', 'commit', 'round-change'] as const);
    draft.payload =
      kind === 'round-change'
        ? { kind, height: at, round: moved(of, 1), preparedRound: null, preparedDigest: null }
        : { kind, height: at, round: of, digest: voted };
  }

  #halfPrepared(draft: Draft): void {
    const { height: at, round: of } = draft.payload;
    const half = this.#below(2) === 0;
    const preparedRound = half ? round(0) : null;
    const preparedDigest = half ? null : this.#digest();
    draft.payload = { kind: 'round-change', height: at, round: moved(of, 1), preparedRound, preparedDigest };
  }

  /** A round change with a certificate made of what was seen, complete or not. */
  #claimPrepared(draft: Draft): void {
    const { height: at, round: of } = draft.payload;
    const prepares = this.#allPrepares().filter(({ height: other }) => other === at);
    const sample = this.#below(4) === 0 || prepares.length === 0 ? undefined : this.#pick(prepares);
    const preparedRound = sample?.round ?? round(this.#below(3));
    const preparedDigest = sample?.digest ?? this.#digest();
    const blocks = this.#corpus.flatMap((message) => blockOf(message) ?? []);
    const block = blocks.find(({ value }) => blockDigest(value.header) === preparedDigest) ?? null;
    const matching = prepares.filter((prepare) => prepare.digest === preparedDigest && prepare.round === preparedRound);
    const distinct = [...new Map(matching.map((prepare) => [prepare.author, prepare])).values()];
    draft.payload = {
      ...{ kind: 'round-change', height: at, preparedRound, preparedDigest },
      round: moved(of, this.#below(3)),
    };
    draft.beside = {
      ...draft.beside,
      block,
      prepares: this.#below(2) === 0 ? distinct : this.#shake(distinct, prepares),
    };
  }

  /** A proposal of a later round with the round changes that were seen. */
  #justify(draft: Draft): void {
    const roundChanges = this.#allRoundChanges();
    if (roundChanges.length === 0) return;
    const { height: at, round: of } = this.#pick(roundChanges);
    const matching = roundChanges.filter((change) => change.height === at && change.round === of);
    const distinct = [...new Map(matching.map((change) => [change.author, change])).values()];
    const block = draft.beside.block ?? this.#anyBlock();
    draft.payload = { kind: 'proposal', height: at, round: of, digest: blockDigest(block.value.header) };
    draft.beside = { ...draft.beside, block, roundChanges: distinct };
  }

  /** `follow`: the payload names the changed block, as a proposer would. */
  #changeHeader(draft: Draft, follow: boolean): void {
    const { value } = draft.beside.block ?? this.#anyBlock();
    const names = Object.keys(value.header).filter((name) => name !== 'beacon') as (keyof BlockHeader)[];
    const name = this.#pick(names);
    const old = value.header[name];
    const changed = typeof old === 'number' ? Math.max(1, old + this.#pick([-1, 1, 10_000])) : this.#digest();
    const block = encoded({ ...value, header: { ...value.header, [name]: changed } });
    draft.beside = { ...draft.beside, block };
    if (!follow || draft.payload.kind === 'round-change') return;
    draft.payload = { ...draft.payload, kind: 'proposal', digest: blockDigest(block.value.header) };
  }

  #changeBody(draft: Draft): void {
    const { value } = draft.beside.block ?? this.#anyBlock();
    const isLonger = this.#below(2) === 0;
    const transactions = isLonger ? [...value.transactions, this.#random.bytes(100)] : value.transactions;
    const lastCommit = isLonger ? value.lastCommit : null;
    draft.beside = { ...draft.beside, block: encoded({ ...value, transactions, lastCommit }) };
  }

  /** Without one, with one twice, or with one of elsewhere. */
  #shake<T>(list: readonly T[], others: readonly T[]): readonly T[] {
    const at = this.#below(list.length + 1);
    switch (this.#below(3)) {
      case 0:
        return list.filter((_, index) => index !== at);
      case 1:
        return [...list, ...list.slice(at, at + 1)];
      default:
        return others.length === 0 ? list : [...list.slice(0, at), this.#pick(others), ...list.slice(at + 1)];
    }
  }

  #scramble(bytes: Uint8Array): Uint8Array {
    const at = this.#below(bytes.length);
    const mutant = bytes.slice();
    switch (this.#below(4)) {
      case 0:
        mutant[at] = (mutant[at] ?? 0) ^ (1 << this.#below(8));
        return mutant;
      case 1:
        return mutant.subarray(0, at);
      case 2:
        return Uint8Array.of(...mutant, ...this.#random.bytes(1 + this.#below(9)));
      default:
        mutant.set(this.#random.bytes(Math.min(9, mutant.length - at)), at);
        return mutant;
    }
  }

  #allPrepares(): readonly PreparePayload[] {
    return this.#corpus.flatMap((message) =>
      message.type === 'prepare' ? [message.payload] : besideOf(message).prepares,
    );
  }

  #allRoundChanges(): readonly RoundChangePayload[] {
    return this.#corpus.flatMap((message) => {
      if (message.type === 'round-change') return [message.payload];
      return message.type === 'proposal' ? message.roundChanges : [];
    });
  }

  #anyBlock(): EncodedBlock {
    return this.#pick(this.#corpus.flatMap((message) => blockOf(message) ?? []));
  }

  #anyDigest(): Digest {
    return blockDigest(this.#anyBlock().value.header);
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

/** Within what can be written down. */
const moved = (of: number, by: number): Round => round(Math.min(2 ** 31 - 1, Math.max(0, of + by)));

const encoded = (value: Block): EncodedBlock => ({ bytes: encode(blockCodec, value), value });

const blockOf = (message: ConsensusMessage): EncodedBlock | null => besideOf(message).block;

function besideOf(message: ConsensusMessage): Beside {
  switch (message.type) {
    case 'proposal':
      return message;
    case 'round-change':
      return { ...message, roundChanges: [] };
    default:
      return { block: null, roundChanges: [], prepares: [] };
  }
}

function draftOf(message: ConsensusMessage): { payload: UnsignedPayload; beside: Beside } {
  const { author: _author, signature: _signature, ...content } = message.payload;
  return { payload: { kind: message.type, ...content } as UnsignedPayload, beside: besideOf(message) };
}

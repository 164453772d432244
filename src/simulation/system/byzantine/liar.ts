/**
 * A validator that lies. It runs the production actors, and whatever they send passes through here, where the lies that
 * are told at present change it, add to it, or swallow it; the liar holds its own key and signs what it likes. It never
 * gets another validator's signature that was not sent to it: the lies are those of the model, not of the simulator.
 */
import type { Chain } from '../../../actors/chain/chain.ts';
import type { ConsensusWire } from '../../../actors/validator/consensus-wire.ts';
import { consensusWireCodec } from '../../../actors/validator/consensus-wire.ts';
import type { SignedStart } from '../../../actors/validator/start-proofs.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocols/ibft/messages.ts';
import { type NodeStatus, nodeStatusCodec } from '../../../protocols/ibft/status.ts';
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import { decode, encode, tryDecode } from '../../../protocols/shared/codec.ts';
import type { Envelope } from '../../../runtime/ports/links.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import type { Conspiracy } from './conspiracy.ts';

/** What a lie does to what its teller would honestly do. A lie that has no word on something leaves it as it is. */
export interface Lie {
  /** In place of one consensus message to one peer: none, others, more. */
  consensus?(message: ConsensusMessage, peer: PublicKey): readonly ConsensusMessage[];
  /** In place of what validators tell each other about their starts. */
  wire?(wire: Exclude<ConsensusWire, { type: 'message' }>, peer: PublicKey): ConsensusWire;
  /** In place of anything else that goes to a peer; null: nothing goes. */
  envelope?(envelope: Envelope, peer: PublicKey): Envelope | null;
  status?(status: NodeStatus): NodeStatus;
}

/** A lie is made for its teller, each time that it begins to be told. */
export type MakeLie = (liar: Liar) => Lie;

export interface LiarOptions {
  readonly signer: Signer;
  readonly draw: Draw;
  readonly conspiracy: Conspiracy;
  /** The teller's own, while it runs. */
  readonly chain: () => Chain | null;
}

const rememberedMax = 300;
const startsMax = 50;

export class Liar {
  readonly signer: Signer;
  readonly draw: Draw;
  readonly conspiracy: Conspiracy;
  readonly chain: () => Chain | null;
  readonly #lies = new Set<Lie>();
  #heard: ConsensusMessage[] = [];
  #starts: SignedStart[] = [];

  constructor({ signer, draw, conspiracy, chain }: LiarOptions) {
    this.signer = signer;
    this.draw = draw;
    this.conspiracy = conspiracy;
    this.chain = chain;
  }

  get self(): PublicKey {
    return this.signer.publicKey;
  }

  /** The latest consensus messages that it sent or got, oldest first. */
  get heard(): readonly ConsensusMessage[] {
    return this.#heard;
  }

  /** The latest starts that it was told of, whosever they are, oldest first. */
  get starts(): readonly SignedStart[] {
    return this.#starts;
  }

  /** Returns what ends it. */
  tell(make: MakeLie): () => void {
    const lie = make(this);
    this.#lies.add(lie);
    return () => this.#lies.delete(lie);
  }

  /** What goes to the peer in place of this. */
  speak(envelope: Envelope, peer: PublicKey): readonly Envelope[] {
    const isConsensus = envelope.target === 'validator' && envelope.kind === 'tell';
    const spoken = isConsensus ? this.#consensus(envelope, peer) : [envelope];
    return spoken.flatMap((one) => {
      let said: Envelope | null = one;
      for (const lie of this.#lies) {
        if (said !== null && lie.envelope !== undefined) said = lie.envelope(said, peer);
      }
      return said === null ? [] : [said];
    });
  }

  status(bytes: Uint8Array): Uint8Array {
    let status = decode(nodeStatusCodec, bytes);
    for (const lie of this.#lies) status = lie.status?.(status) ?? status;
    return encode(nodeStatusCodec, status);
  }

  /** An envelope came in. */
  hear({ target, kind, payload }: Envelope): void {
    if (target !== 'validator' || kind !== 'tell') return;
    const wire = tryDecode(consensusWireCodec, payload);
    if (!('value' in wire)) return;
    if (wire.value.type === 'message') this.#remember(wire.value.bytes);
    if (wire.value.type === 'start') this.#starts = [...this.#starts.slice(1 - startsMax), wire.value];
  }

  #consensus(envelope: Envelope, peer: PublicKey): readonly Envelope[] {
    const wire = decode(consensusWireCodec, envelope.payload);
    return this.#wires(wire, peer).map((said) => ({
      ...envelope,
      payload: said === wire ? envelope.payload : encode(consensusWireCodec, said),
    }));
  }

  #wires(wire: ConsensusWire, peer: PublicKey): readonly ConsensusWire[] {
    if (wire.type !== 'message') {
      let said: ConsensusWire = wire;
      for (const lie of this.#lies) if (said.type !== 'message') said = lie.wire?.(said, peer) ?? said;
      return [said];
    }
    const honest = this.#remember(wire.bytes);
    if (honest === null) return [wire];
    let messages: readonly ConsensusMessage[] = [honest];
    for (const lie of this.#lies) {
      if (lie.consensus !== undefined) messages = messages.flatMap((one) => lie.consensus?.(one, peer) ?? [one]);
    }
    return messages.map((message) =>
      message === honest ? wire : { type: 'message', bytes: encode(consensusMessageCodec, message) },
    );
  }

  #remember(bytes: Uint8Array): ConsensusMessage | null {
    const decoded = tryDecode(consensusMessageCodec, bytes);
    if (!('value' in decoded)) return null;
    this.#heard.push(decoded.value);
    if (this.#heard.length > 2 * rememberedMax) this.#heard = this.#heard.slice(-rememberedMax);
    return decoded.value;
  }
}

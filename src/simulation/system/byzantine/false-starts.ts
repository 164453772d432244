/**
 * Tells a validator that starts again of starts and signatures, as if it were an old copy of itself: what it never signed,
 * under signatures of the teller, of others or none; what it did sign, out of place; nothing at all. Its own starts it
 * announces with wrong signatures now and then.
 */
import type { StartAnswer } from '../../../actors/validator/start-permit.ts';
import { type SignedStart, signStart } from '../../../actors/validator/start-proofs.ts';
import { type ConsensusMessage, payloadSigningBytes } from '../../../protocols/ibft/messages.ts';
import { type EvidencePayload, evidencePayload } from '../../../protocols/ledger/evidence.ts';
import { type PublicKey, height as toHeight, round as toRound } from '../../../protocols/shared/brands.ts';
import type { Liar, Lie } from './liar.ts';

/** Of its own starts. */
const falselySignedShare = 0.3;
const ahead = 1000;
const noSignature = new Uint8Array(64);
const lies = ['forged', 'unsigned', 'altered', 'foreign', 'replayed', 'nothing'] as const;

export function falseStarts(liar: Liar): Lie {
  const { draw } = liar;
  return {
    wire: (wire, peer) => {
      if (wire.type === 'start') return draw.chance(falselySignedShare) ? { ...wire, signature: noSignature } : wire;
      const finalHeight = wire.finalHeight + (draw.chance(0.5) ? ahead : 0);
      const [start, payload] = [draw.pick(lies), draw.pick(lies)];
      const before = falseStart(liar, start, wire.counter, wire.before);
      return { ...wire, finalHeight, before, signed: falsePayload(liar, payload, peer, wire.signed) };
    },
  };
}

/** In place of a start of the asker before this one. */
function falseStart(
  liar: Liar,
  lie: (typeof lies)[number],
  counter: number,
  truth: StartAnswer['before'],
): StartAnswer['before'] {
  const { draw, signer } = liar;
  const heard = liar.starts.filter((start) => start.counter === counter);
  const chain = liar.chain()?.chainId;
  const invented: SignedStart = { counter: counter + ahead, token: new Uint8Array(16), signature: noSignature };
  switch (lie) {
    case 'forged':
      return chain === undefined ? truth : signStart(signer, chain, invented);
    case 'unsigned':
      return invented;
    case 'altered':
      return { ...invented, signature: truth?.signature ?? noSignature };
    case 'foreign':
      return liar.starts.length === 0 ? invented : draw.pick(liar.starts);
    case 'replayed':
      // The question itself, or, where it has the number of another's, that one's.
      return heard.length === 0 ? truth : draw.pick(heard);
    case 'nothing':
      return null;
  }
}

/** In place of the furthest payload of the asker. */
function falsePayload(
  liar: Liar,
  lie: (typeof lies)[number],
  peer: PublicKey,
  truth: StartAnswer['signed'],
): StartAnswer['signed'] {
  const { draw, heard, signer } = liar;
  const own = heard.filter(({ payload }) => payload.author === peer);
  const others = heard.filter(({ payload }) => payload.author !== peer);
  const at = { height: toHeight((truth?.height ?? 0) + 1), round: toRound(ahead) };
  const change = { ...at, preparedRound: null, preparedDigest: null };
  const chain = liar.chain()?.chainId;
  const picked = (messages: readonly ConsensusMessage[]): EvidencePayload | null => {
    if (messages.length === 0) return truth;
    const { type, payload } = draw.pick(messages);
    return evidencePayload(type, payload);
  };
  switch (lie) {
    case 'forged': {
      if (chain === undefined) return truth;
      const signature = signer.sign(payloadSigningBytes(chain, { kind: 'round-change', ...change }));
      return { type: 'round-change', ...change, signature };
    }
    case 'unsigned':
      return { type: 'round-change', ...change, signature: noSignature };
    case 'altered':
      return truth === null ? null : { ...truth, ...at };
    case 'foreign':
      return picked(others);
    case 'replayed':
      return picked(own);
    case 'nothing':
      return null;
  }
}

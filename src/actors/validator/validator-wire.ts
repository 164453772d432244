/** How a validator actor's messages cross a link. */
import { type ConsensusMessage, consensusMessageCodec } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { decode, encode } from '../../protocols/shared/codec.ts';
import type { WireProtocol } from '../../runtime/ports/actors.ts';
import { consensusWireCodec } from './consensus-wire.ts';
import type { ValidatorMessage } from './dependencies.ts';

/** The message of a validator actor that carries a consensus message to a peer. */
export const wireMessage = (self: PublicKey, message: ConsensusMessage): ValidatorMessage => ({
  type: 'wire',
  peer: self,
  wire: { type: 'message', bytes: encode(consensusMessageCodec, message) },
});

/** The validator's protocol on a link. */
export const validatorWire: WireProtocol<ValidatorMessage> = {
  encode: (message) => {
    if (message.type !== 'wire') throw new TypeError(`not a wire message: ${message.type}`);
    return encode(consensusWireCodec, message.wire);
  },
  decode: (payload, peer) => ({ type: 'wire', peer, wire: decode(consensusWireCodec, payload) }),
};

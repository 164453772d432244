import { CodedError } from '../../protocols/shared/errors.ts';

/** What a caller did that no peer could ever accept. */
export type LinkErrorCode =
  | 'message-too-large' // payload above the lane's limit
  | 'name-too-long' // exported name or traceparent above its limit
  | 'status-too-large' // status above 256 bytes
  | 'started'; // start called twice, or after stop

export class LinkError extends CodedError<LinkErrorCode> {
  override readonly name = 'LinkError';
}

/** Why a connection was refused or closed by us for what the peer did or was. */
export type Refusal =
  | 'wrong-chain'
  | 'wrong-key'
  | 'own-key'
  | 'unknown-key'
  | 'inadmissible-key'
  | 'protocol-version'
  | 'bad-proof'
  | 'slow-handshake'
  | 'too-many-handshakes'
  | 'too-many-connections'
  | 'backing-off'
  | 'duplicate'
  | 'no-control-lane'
  | 'out-of-order'
  | 'malformed'
  | 'oversized'
  | 'unexpected-frame'
  | 'unexpected-record'
  | 'credit-exceeded'
  | 'message-too-large'
  | 'sequence-gap'
  | 'acknowledged-unsent'
  | 'misbehaviour';

/** Refusals that only a broken or hostile peer causes: they cost it a back-off. */
export const abusive: ReadonlySet<Refusal> = new Set<Refusal>([
  'wrong-key',
  'bad-proof',
  'malformed',
  'oversized',
  'unexpected-frame',
  'unexpected-record',
  'credit-exceeded',
  'message-too-large',
  'sequence-gap',
  'acknowledged-unsent',
  'misbehaviour',
]);

/**
 * Thrown within the decoding of one frame and caught where the frame came in: there it becomes the verdict on the
 * connection. It never leaves this folder.
 */
export class FrameRefused extends Error {
  override readonly name = 'FrameRefused';
  readonly refusal: Refusal;

  constructor(refusal: Refusal, detail: string) {
    super(detail);
    this.refusal = refusal;
  }
}

/**
 * DSSE envelopes (secure-systems-lab/dsse, protocol and envelope v1) around in-toto Statements v1, signed with Ed25519. The
 * signature is over PAE("DSSEv1", payload type, payload); nothing of ours begins with that text.
 */
import { isHex64, type PublicKey } from './brands.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { concatBytes, toUtf8 } from './bytes.ts';
import { CodedError } from './errors.ts';

const inTotoPayloadType = 'application/vnd.in-toto+json';
const statementType = 'https://in-toto.io/Statement/v1';

/** What is no envelope or no statement. */
export class DsseError extends CodedError<'malformed-envelope'> {
  override readonly name = 'DsseError';
}

export interface DsseEnvelope {
  readonly payloadType: string;
  /** base64 */
  readonly payload: string;
  /** `keyid` is the public key, hex. */
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export interface Statement<Predicate> {
  readonly _type: typeof statementType;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: Predicate;
}

export const statement = <Predicate>(
  subject: Statement<Predicate>['subject'],
  predicateType: string,
  predicate: Predicate,
): Statement<Predicate> => ({ _type: statementType, subject, predicateType, predicate });

/** Pre-authentication encoding: what is signed. */
const preAuthenticationEncoding = (payloadType: string, payload: Uint8Array): Uint8Array => {
  const type = toUtf8(payloadType);
  return concatBytes(toUtf8(`DSSEv1 ${type.length} `), type, toUtf8(` ${payload.length} `), payload);
};

export function signStatement(
  value: Statement<unknown>,
  signer: { readonly publicKey: PublicKey; sign(message: Uint8Array): Uint8Array },
): DsseEnvelope {
  const payload = toUtf8(JSON.stringify(value));
  const sig = toBase64(signer.sign(preAuthenticationEncoding(inTotoPayloadType, payload)));
  return {
    payloadType: inTotoPayloadType,
    payload: toBase64(payload),
    signatures: [{ keyid: signer.publicKey, sig }],
  };
}

const refuse = (problem: string): never => {
  throw new DsseError('malformed-envelope', problem);
};
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An envelope that came as JSON. Throws {@link DsseError}. */
export function readEnvelope(json: unknown): DsseEnvelope {
  if (!isObject(json)) return refuse('an envelope is an object');
  const { payloadType, payload, signatures } = json;
  if (typeof payloadType !== 'string' || typeof payload !== 'string')
    return refuse('payloadType and payload are texts');
  if (!Array.isArray(signatures) || signatures.length === 0 || signatures.length > 64)
    return refuse('1 to 64 signatures are needed');
  const read = (signatures as unknown[]).map((signature) => {
    if (!isObject(signature)) return refuse('a signature is an object');
    const { keyid, sig } = signature;
    return typeof keyid === 'string' && typeof sig === 'string' ? { keyid, sig } : refuse('keyid and sig are texts');
  });
  return { payloadType, payload, signatures: read };
}

/**
 * The statement in an envelope, and the keys whose signatures hold. One signature that does not hold under the key that it
 * names refuses the whole. Throws {@link DsseError}.
 */
export function openEnvelope(
  envelope: DsseEnvelope,
  check: (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean,
): { readonly statement: Statement<unknown>; readonly signers: readonly PublicKey[] } {
  const { payloadType, signatures } = envelope;
  if (payloadType !== inTotoPayloadType) return refuse(`payload type ${payloadType}, not ${inTotoPayloadType}`);
  const payload = fromBase64(envelope.payload) ?? refuse('the payload is not base64');
  const message = preAuthenticationEncoding(payloadType, payload);
  const signers = signatures.map(({ keyid, sig }) => {
    const signature = fromBase64(sig);
    if (!isHex64(keyid) || signature === undefined || !check(keyid as PublicKey, message, signature))
      return refuse(`the signature of ${keyid.slice(0, 64)} does not hold`);
    return keyid as PublicKey;
  });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError) return refuse('the payload is not JSON');
    throw cause;
  }
  if (!isObject(value) || value['_type'] !== statementType || !Array.isArray(value['subject']))
    return refuse(`the payload is not a statement of type ${statementType}`);
  return { statement: value as unknown as Statement<unknown>, signers };
}

/**
 * Goal: an envelope says what was signed, by whom, and nothing else passes for one. Method: the example of the DSSE protocol
 * document for what is signed; envelopes changed in every part.
 */
import { expect } from 'chai';
import { toBase64 } from '../../../src/protocols/shared/base64.ts';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import {
  type DsseEnvelope,
  DsseError,
  openEnvelope,
  readEnvelope,
  signStatement,
  statement,
} from '../../../src/protocols/shared/dsse.ts';
import { createSigner, createVerifier } from '../../../src/runtime/adapters/ed25519.ts';

const verifier = createVerifier();
const signer = createSigner(new Uint8Array(32).fill(1));
const other = createSigner(new Uint8Array(32).fill(2));
const check = (key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean =>
  verifier.verify(key, message, signature);
const said = statement([{ name: 'request', digest: { sha256: 'ab'.repeat(32) } }], 'https://example.org/v1', {
  state: 'Grün',
});
const envelope = signStatement(said, signer);
const payloadText = JSON.stringify(said);

/** An envelope of any payload, signed as the protocol says. */
function envelopeOf(payload: Uint8Array, payloadType = envelope.payloadType): DsseEnvelope {
  const header = toUtf8(`DSSEv1 ${toUtf8(payloadType).length} ${payloadType} ${payload.length} `);
  const sig = toBase64(signer.sign(new Uint8Array([...header, ...payload])));
  return { payloadType, payload: toBase64(payload), signatures: [{ keyid: signer.publicKey, sig }] };
}

describe('a DSSE envelope', () => {
  it('signs "DSSEv1", then the type and the payload, each after its length in bytes', () => {
    const messages: string[] = [];
    signStatement(said, {
      publicKey: signer.publicKey,
      sign: (message) => {
        messages.push(Buffer.from(message).toString('utf8'));
        return new Uint8Array(64);
      },
    });
    const length = Buffer.byteLength(payloadText);
    expect(length, 'bytes, not characters').to.equal(payloadText.length + 1);
    expect(messages).to.deep.equal([`DSSEv1 28 application/vnd.in-toto+json ${length} ${payloadText}`]);
  });

  it('opens to the statement and its signers, after a way through JSON', () => {
    const read = readEnvelope(JSON.parse(JSON.stringify(envelope)));
    expect(openEnvelope(read, check)).to.deep.equal({ statement: said, signers: [signer.publicKey] });
    const [second] = signStatement(said, other).signatures;
    const both = { ...envelope, signatures: [...envelope.signatures, second!] };
    expect(openEnvelope(both, check).signers).to.deep.equal([signer.publicKey, other.publicKey]);
    expect(openEnvelope(envelopeOf(toUtf8(payloadText)), check).statement).to.deep.equal(said);
  });

  const [signature] = envelope.signatures;
  const forged: readonly (readonly [string, DsseEnvelope, string])[] = [
    [
      'another payload',
      { ...envelope, payload: toBase64(toUtf8(payloadText.replace('Grün', 'Rot'))) },
      'does not hold',
    ],
    ['another key', { ...envelope, signatures: [{ ...signature!, keyid: other.publicKey }] }, 'does not hold'],
    ['no key', { ...envelope, signatures: [{ ...signature!, keyid: 'x' }] }, 'does not hold'],
    ['one signature of two that fails', { ...envelope, signatures: [signature!, { ...signature!, sig: '' }] }, 'hold'],
    ['another type', envelopeOf(toUtf8(payloadText), 'text/plain'), 'payload type text/plain'],
    ['a payload that is not base64', { ...envelope, payload: '*' }, 'not base64'],
    ['a payload that is not JSON', envelopeOf(toUtf8('{')), 'not JSON'],
    ['a payload that is not UTF-8', envelopeOf(new Uint8Array([0x22, 0xff, 0x22])), 'not JSON'],
    ['another statement', envelopeOf(toUtf8(payloadText.replace('Statement/v1', 'Statement/v2'))), 'not a statement'],
    ['a text', envelopeOf(toUtf8('"a"')), 'not a statement'],
  ];
  for (const [what, changed, problem] of forged)
    it(`does not open with ${what}`, () => {
      expect(() => openEnvelope(changed, check)).to.throw(DsseError, problem);
    });

  const shapes: readonly unknown[] = [
    ...[null, [], 'a', { ...envelope, payload: 1 }, { ...envelope, payloadType: null }],
    ...[
      { ...envelope, signatures: [] },
      { ...envelope, signatures: Array.from({ length: 65 }, () => signature) },
    ],
    ...[
      { ...envelope, signatures: [null] },
      { ...envelope, signatures: [{ keyid: 1, sig: '' }] },
      { ...envelope, signatures: {} },
    ],
  ];
  it('is an object of two texts and 1 to 64 signatures', () => {
    for (const shape of shapes) expect(() => readEnvelope(shape), JSON.stringify(shape)).to.throw(DsseError);
  });
});

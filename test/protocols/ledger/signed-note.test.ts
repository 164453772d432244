/**
 * Goal: notes, checkpoints and proof files are read and written exactly as C2SP says, and no changed character passes.
 * Method: keys of node:crypto; round trips; every single character of a signed note changed.
 */
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  checkpointOf,
  encodeCheckpoint,
  logOrigin,
  parseCheckpoint,
  validatorNoteKey,
} from '../../../src/protocols/ledger/checkpoint.ts';
import { encodeProofFile, parseProofFile } from '../../../src/protocols/ledger/proof-file.ts';
import {
  cosignatureBytes,
  encodeSignedNote,
  encodeVerifierKey,
  noteCosignature,
  NoteError,
  type NoteKey,
  noteSignature,
  parseSignedNote,
  parseVerifierKey,
  type SignatureCheck,
  verifyNote,
} from '../../../src/protocols/ledger/signed-note.ts';
import { fromBase64, toBase64 } from '../../../src/protocols/shared/base64.ts';
import { chainId, digest, type PublicKey } from '../../../src/protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';

interface Pair {
  readonly key: NoteKey;
  readonly privateKey: KeyObject;
}

const pairOf = (name: string, type: NoteKey['type']): Pair => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return { key: { name, type, publicKey: toHex(raw) as PublicKey }, privateKey };
};

const check: SignatureCheck = (key, message, signature) => {
  const spki = Buffer.concat([fromHex('302a300506032b6570032100'), fromHex(key)]);
  return verify(null, message, { key: spki, format: 'der', type: 'spki' }, signature);
};

const chain = chainId('ab'.repeat(32));
const text = encodeCheckpoint(checkpointOf(chain, 20_852_163, digest('5c'.repeat(32))));
const log = pairOf('example.com/log', 'ed25519');
const witness = pairOf('example.com/witness', 'cosignature');
const time = 1_679_315_147;
const note = encodeSignedNote({
  text,
  signatures: [
    noteSignature(log.key, sign(null, toUtf8(text), log.privateKey)),
    noteCosignature(witness.key, time, sign(null, cosignatureBytes(text, time), witness.privateKey)),
  ],
});

describe('signed notes', () => {
  it('are verified line by line, with the time of a cosignature', () => {
    expect(verifyNote(parseSignedNote(note), [log.key, witness.key], check)).to.deep.equal({
      kind: 'verified',
      signers: [
        { key: log.key, time: null },
        { key: witness.key, time },
      ],
      unknown: 0,
    });
  });

  it('ignore unknown keys, and count a key that signed twice once', () => {
    const parsed = parseSignedNote(note);
    const twice = { text: parsed.text, signatures: [...parsed.signatures, ...parsed.signatures] };
    expect(verifyNote(twice, [witness.key], check)).to.deep.include({
      kind: 'verified',
      signers: [{ key: witness.key, time }],
      unknown: 2,
    });
    const other = pairOf('example.com/log', 'ed25519');
    expect(verifyNote(parsed, [other.key], check)).to.deep.include({ kind: 'refused', reason: 'no-known-signature' });
  });

  it('are refused where a known key did not sign, also beside a good signature', () => {
    const { signatures } = parseSignedNote(note);
    const moved = { text: text.replace('20852163', '20852164'), signatures };
    expect(verifyNote(moved, [log.key, witness.key], check)).to.deep.include({ reason: 'bad-signature' });
    expect(verifyNote(moved, [witness.key], check)).to.deep.include({ reason: 'bad-signature' });
  });

  it('do not verify with any one character changed', () => {
    const lines = note.length;
    for (let at = 0; at < lines; at++) {
      for (const letter of ['A', '1', '\n', ' ']) {
        if (note[at] === letter) continue;
        const changed = note.slice(0, at) + letter + note.slice(at + 1);
        let signers = 0;
        try {
          const verification = verifyNote(parseSignedNote(changed), [log.key, witness.key], check);
          if (verification.kind === 'verified') signers = verification.signers.length;
        } catch (error) {
          expect(error).to.be.instanceOf(NoteError);
        }
        // A changed key name or id makes the line one of an unknown key; the other line still holds.
        expect(signers, `${at} ${JSON.stringify(letter)}`).to.be.lessThan(2);
      }
    }
  });

  it('are written back as they were read', () => {
    expect(encodeSignedNote(parseSignedNote(note))).to.equal(note);
    const multiline = note.replace(text, 'first\n\nthird, é — ok\n');
    expect(encodeSignedNote(parseSignedNote(multiline))).to.equal(multiline);
    expect(parseSignedNote(multiline).text).to.equal('first\n\nthird, é — ok\n');
  });

  it('are refused where they are malformed', () => {
    const line = note.split('\n').at(-2)!;
    const malformed = [
      '',
      'text\n',
      'text\n\n',
      `text\n\n${line}`,
      `text\n${line}\n`,
      `text\n\n${line} \n`,
      `text\n\n${line.replace('— ', '- ')}\n`,
      `text\n\n${line.replace('witness', 'wit+ness')}\n`,
      `text\n\n— name AAAA\n`,
      `text\n\n— name AAAAAB==\n`,
      `te\txt\n\n${line}\n`,
      `te\ud800xt\n\n${line}\n`,
      `text\n\n${`${line}\n`.repeat(513)}`,
    ];
    for (const variant of malformed) expect(() => parseSignedNote(variant), variant).to.throw(NoteError);
  });
});

describe('verifier keys', () => {
  it('are read in the published form, and refused when the id is not theirs', () => {
    const published = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
    const key = parseVerifierKey(published);
    expect(key).to.deep.include({ name: 'example.com/log/testdata', type: 'ed25519' });
    expect(encodeVerifierKey(key)).to.equal(published);
    expect(parseVerifierKey(encodeVerifierKey(witness.key))).to.deep.equal(witness.key);
    for (const variant of [published.replace('33d7', '33d8'), published.slice(0, -1), 'name', 'a+b', `${published}A`]) {
      expect(() => parseVerifierKey(variant)).to.throw(NoteError);
    }
  });

  it('of validators carry their public key', () => {
    expect(validatorNoteKey(witness.key.publicKey)).to.deep.equal({
      name: `bpci/validator/${witness.key.publicKey}`,
      type: 'cosignature',
      publicKey: witness.key.publicKey,
    });
  });
});

describe('checkpoints', () => {
  it('are three lines, and extensions below', () => {
    expect(text).to.equal(`${logOrigin(chain)}\n20852163\n${Buffer.alloc(32, 0x5c).toString('base64')}\n`);
    expect(encodeCheckpoint(parseCheckpoint(`${text}one\ntwo\n`))).to.equal(`${text}one\ntwo\n`);
    expect(parseCheckpoint(`${text}one\ntwo\n`).extensions).to.deep.equal(['one', 'two']);
  });

  it('are refused in any other form', () => {
    const root = Buffer.alloc(32).toString('base64');
    const malformed = [
      '',
      'origin\n',
      'origin\n1\n',
      `origin\n1\n${root}`,
      `\n1\n${root}\n`,
      `origin\n01\n${root}\n`,
      `origin\n-1\n${root}\n`,
      `origin\n9007199254740993\n${root}\n`,
      `origin\n1\n${root}A\n`,
      `origin\n1\n${root}\n\nextension\n`,
    ];
    for (const variant of malformed) expect(() => parseCheckpoint(variant), variant).to.throw(NoteError);
  });
});

describe('proof files', () => {
  const path = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)].map((hash) => Uint8Array.from(hash));

  it('follow the layout of the specification', () => {
    const file = encodeProofFile({ index: 73_894, path, checkpoint: parseSignedNote(note), extra: toUtf8('hello') });
    const [one, two] = path.map((hash) => Buffer.from(hash).toString('base64'));
    expect(file).to.equal(['c2sp.org/tlog-proof@v1', 'extra aGVsbG8=', 'index 73894', one, two, '', note].join('\n'));
  });

  it('are written back as they were read', () => {
    for (const extra of [null, new Uint8Array(0), toUtf8('x')]) {
      for (const hashes of [[], path]) {
        const file = encodeProofFile({ index: 0, path: hashes, checkpoint: parseSignedNote(note), extra });
        const parsed = parseProofFile(file);
        expect(encodeProofFile(parsed)).to.equal(file);
        expect(parsed).to.deep.equal({ index: 0, path: hashes, checkpoint: parseSignedNote(note), extra });
      }
    }
  });

  it('are refused in any other form', () => {
    const file = encodeProofFile({ index: 7, path, checkpoint: parseSignedNote(note), extra: null });
    const malformed = [
      file.replace('@v1', '@v2'),
      file.replace('index 7', 'index 07'),
      file.replace('index 7', 'index x'),
      file.replace('index 7\n', ''),
      file.replace('index 7', 'extra !\nindex 7'),
      file.replace('index 7', 'index 7\nAAAA'),
      file.replace('\n\n', '\n'),
      file.slice(0, -1),
      'c2sp.org/tlog-proof@v1',
    ];
    for (const variant of malformed) expect(() => parseProofFile(variant), variant).to.throw(NoteError);
  });
});

describe('base64', () => {
  it('is what node writes, and is read in that spelling only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const encoded = Buffer.from(bytes).toString('base64');
        expect(toBase64(bytes)).to.equal(encoded);
        expect(fromBase64(encoded)).to.deep.equal(bytes);
      }),
    );
    for (const variant of ['A', 'AA', 'AAA', 'AB==', 'AAB=', 'A===', '====', 'AA=A', 'AA\n=', 'AA-_', ' AAA']) {
      expect(fromBase64(variant), variant).to.equal(undefined);
    }
  });
});

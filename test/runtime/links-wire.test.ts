/**
 * Goal: the bytes on the wire are these and no others, so that two versions of this program, or another program, agree.
 * Method: one golden vector a frame and record, read back; msgpackr as an independent reader; every truncation refused.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { unpackMultiple } from 'msgpackr';
import { publicKey } from '../../src/protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import {
  BatchReader,
  type BatchBuffer,
  type BatchSink,
  TargetNumbers,
  writeAcknowledgement,
  writeCredit,
  writeEnvelope,
  writeFirstPiece,
  writePiece,
} from '../../src/runtime/links/batch-format.ts';
import { FrameRefused } from '../../src/runtime/links/errors.ts';
import {
  decodeHeartbeat,
  decodeHello,
  decodeProof,
  decodeReady,
  encodeHeartbeat,
  encodeHello,
  encodeProof,
  encodeReady,
  type Hello,
  proofSigningBytes,
} from '../../src/runtime/links/frames.ts';
import { defaultLinkLimits } from '../../src/runtime/links/limits.ts';
import type { Envelope } from '../../src/runtime/ports/links.ts';
import { testChain } from './support/link-world.ts';

const hello: Hello = {
  protocolMin: 1,
  protocolMax: 2,
  chainId: testChain,
  key: publicKey('01'.repeat(32)),
  incarnation: fromHex('02'.repeat(16)),
  nonce: fromHex('03'.repeat(32)),
  lane: 2,
  roles: ['validator', 'court'],
  features: ['x'],
  resume: { incarnation: fromHex('04'.repeat(16)), received: 300 },
};
const helloHex =
  `019a0102c420${'ab'.repeat(32)}c420${'01'.repeat(32)}c410${'02'.repeat(16)}c420${'03'.repeat(32)}02` +
  `92a976616c696461746f72a5636f75727491a17892c410${'04'.repeat(16)}cd012c`;

const frames: readonly {
  name: string;
  hex: string;
  encoded: Uint8Array;
  decode: (bytes: Uint8Array) => unknown;
  value: unknown;
}[] = [
  { name: 'HELLO', hex: helloHex, encoded: encodeHello(hello), decode: decodeHello, value: hello },
  {
    name: 'HELLO of a first meeting',
    hex: `${helloHex.slice(0, helloHex.indexOf('92a976'))}9090c0`,
    encoded: encodeHello({ ...hello, roles: [], features: [], resume: null }),
    decode: decodeHello,
    value: { ...hello, roles: [], features: [], resume: null },
  },
  {
    name: 'PROOF',
    hex: `0291c440${'05'.repeat(64)}`,
    encoded: encodeProof(fromHex('05'.repeat(64))),
    decode: decodeProof,
    value: fromHex('05'.repeat(64)),
  },
  {
    name: 'READY',
    hex: '0392c3ce00800000',
    encoded: encodeReady({ continued: true, credit: 8 * 1024 * 1024 }),
    decode: decodeReady,
    value: { continued: true, credit: 8 * 1024 * 1024 },
  },
  {
    name: 'HEARTBEAT',
    hex: '059605cf0000018bcfe5680004cd03e807c40201ff',
    encoded: encodeHeartbeat({
      sequence: 5,
      wallMs: 1_700_000_000_000,
      echoSequence: 4,
      echoHeldUs: 1_000,
      lagMs: 7,
      status: Uint8Array.of(1, 255),
    }),
    decode: decodeHeartbeat,
    value: {
      sequence: 5,
      wallMs: 1_700_000_000_000,
      echoSequence: 4,
      echoHeldUs: 1_000,
      lagMs: 7,
      status: Uint8Array.of(1, 255),
    },
  },
];

const refusalOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof FrameRefused) return error.refusal;
    throw error;
  }
  return 'none';
};

describe('frames of the link protocol', () => {
  for (const { name, hex, encoded, decode, value } of frames) {
    it(`are, for ${name}, these bytes`, () => {
      expect(toHex(encoded)).equal(hex);
      expect(decode(fromHex(hex))).deep.equal(value);
      for (let length = 0; length < encoded.length; length++) {
        expect(refusalOf(() => decode(encoded.subarray(0, length)))).match(/malformed|unexpected-frame/);
      }
      expect(refusalOf(() => decode(Uint8Array.of(...encoded, 0)))).equal('malformed');
      expect(refusalOf(() => decode(Uint8Array.of(encoded[0]! + 1, ...encoded.subarray(1))))).equal('unexpected-frame');
    });
  }

  it('are refused above 4 KiB before they are parsed', () => {
    expect(refusalOf(() => decodeHello(new Uint8Array(4_097).fill(1)))).equal('oversized');
  });

  it('sign, in PROOF, the domain, the chain, both hellos, the channel and the end', () => {
    const signed = proofSigningBytes(testChain, {
      dialerHello: Uint8Array.of(1),
      listenerHello: Uint8Array.of(2, 3),
      channelBinding: fromHex('06'.repeat(32)),
      signedByDialer: true,
    });
    const domain = toHex(toUtf8('bpci/link-hello/v1\0'));
    expect(toHex(signed)).equal(`${domain}${'ab'.repeat(32)}94c40101c4020203c420${'06'.repeat(32)}c3`);
  });
});

type Record =
  | { readonly type: 'envelope'; readonly envelope: Envelope; readonly sequence: number }
  | {
      readonly type: 'first-piece';
      readonly envelope: Envelope;
      readonly sequence: number;
      readonly totalBytes: number;
    }
  | { readonly type: 'piece'; readonly piece: Uint8Array }
  | { readonly type: 'credit' | 'acknowledgement'; readonly value: number };

function readBatch(reader: BatchReader, frame: Uint8Array): Record[] {
  const records: Record[] = [];
  const sink: BatchSink = {
    onEnvelope: (kind, target, correlation, traceparent, payload, sequence) =>
      records.push({ type: 'envelope', envelope: { kind, target, correlation, traceparent, payload }, sequence }),
    onFirstPiece: (envelope, sequence, totalBytes) =>
      records.push({ type: 'first-piece', envelope, sequence, totalBytes }),
    onPiece: (piece) => records.push({ type: 'piece', piece }),
    onCredit: (value) => records.push({ type: 'credit', value }),
    onAcknowledgement: (value) => records.push({ type: 'acknowledgement', value }),
  };
  reader.read(frame, sink);
  return records;
}

const newBatch = (): BatchBuffer => {
  const batch = { bytes: new Uint8Array(64 * 1024), length: 2 };
  batch.bytes[0] = 4;
  return batch;
};

describe('a batch', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const tell: Envelope = {
    kind: 'tell',
    target: 'court',
    correlation: 0,
    traceparent: '',
    payload: Uint8Array.of(1, 2),
  };
  const ask: Envelope = { kind: 'ask', target: 'court', correlation: 70_000, traceparent, payload: new Uint8Array(0) };
  const large: Envelope = { ...tell, target: 'sync', payload: fromHex('0102030405') };

  it('is these bytes', () => {
    const batch = newBatch();
    const targets = new TargetNumbers(2);
    writeEnvelope(batch, tell, 0, targets);
    writeEnvelope(batch, ask, 1, targets);
    writeFirstPiece(batch, large, 0, targets, 3);
    writePiece(batch, large.payload.subarray(3));
    writeEnvelope(batch, { ...tell, target: 'late', kind: 'terminated' }, 2 ** 40, targets);
    writeCredit(batch, 2 ** 33);
    writeAcknowledgement(batch, 200);
    const frame = batch.bytes.slice(0, batch.length);
    expect(toHex(frame)).equal(
      [
        '0400',
        '9500a5636f75727400c0c4020102',
        `960100ce00011170d937${toHex(toUtf8(traceparent))}c40001`,
        '9700a473796e6300c0c4030102030005',
        '91c4020405',
        '9606a46c61746500c0c4020102cf0000010000000000',
        '9210cf0000000200000000',
        '9211ccc8',
      ].join(''),
    );
    expect(readBatch(new BatchReader({ ...defaultLinkLimits, targetsMax: 2 }), frame)).deep.equal([
      { type: 'envelope', envelope: tell, sequence: 0 },
      { type: 'envelope', envelope: ask, sequence: 1 },
      { type: 'first-piece', envelope: { ...large, payload: fromHex('010203') }, sequence: 0, totalBytes: 5 },
      { type: 'piece', piece: fromHex('0405') },
      { type: 'envelope', envelope: { ...tell, target: 'late', kind: 'terminated' }, sequence: 2 ** 40 },
      { type: 'credit', value: 2 ** 33 },
      { type: 'acknowledgement', value: 200 },
    ]);
  });

  const envelopes = fc.array(
    fc.record({
      envelope: fc.record<Envelope>({
        kind: fc.constantFrom('tell', 'ask', 'reply', 'reply-failed', 'watch', 'unwatch', 'terminated'),
        target: fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => toUtf8(text).length <= 128),
        correlation: fc.maxSafeNat(),
        traceparent: fc.constantFrom('', traceparent),
        payload: fc.uint8Array({ maxLength: 400 }),
      }),
      sequence: fc.oneof(fc.constant(0), fc.maxSafeNat()),
    }),
    { maxLength: 40 },
  );

  it('is read back as it was written, also by an independent msgpack reader', () => {
    fc.assert(
      fc.property(envelopes, (items) => {
        const batch = newBatch();
        const targets = new TargetNumbers(4);
        for (const { envelope, sequence } of items) writeEnvelope(batch, envelope, sequence, targets);
        const frame = batch.bytes.slice(0, batch.length);
        const records = readBatch(new BatchReader({ ...defaultLinkLimits, targetsMax: 4 }), frame);
        expect(records).deep.equal(items.map((item) => ({ type: 'envelope', ...item })));
        const values = (unpackMultiple(frame) as unknown[]).slice(2) as unknown[][];
        expect(values.map((value) => Number(value[2]))).deep.equal(items.map(({ envelope }) => envelope.correlation));
        expect(values.map((value) => [...(value[4] as Uint8Array)])).deep.equal(
          items.map(({ envelope }) => [...envelope.payload]),
        );
      }),
    );
  });

  it('is numbered from 0 to 127 and from 0 again, and refused with any other number than the next', () => {
    const reader = new BatchReader(defaultLinkLimits);
    for (let count = 0; count < 300; count++) {
      const number = count % 128;
      for (const wrong of [number + 1, number + 127, number + 128]) {
        const other = Uint8Array.of(4, wrong % 256, 0x92, 17, 1);
        if (wrong % 256 !== number) expect(refusalOf(() => readBatch(reader, other))).equal('out-of-order');
      }
      expect(readBatch(reader, Uint8Array.of(4, number, 0x92, 17, 1))).lengthOf(1);
    }
  });

  it('is refused when it ends within a record', () => {
    const batch = newBatch();
    const targets = new TargetNumbers(2);
    writeEnvelope(batch, ask, 300, targets);
    writeFirstPiece(batch, large, 0, targets, 3);
    const ends = new Set<number>([2]);
    for (let length = 1; length <= batch.length; length++) {
      const refusal = refusalOf(() => readBatch(new BatchReader(defaultLinkLimits), batch.bytes.slice(0, length)));
      if (refusal === 'none') ends.add(length);
      else expect(refusal).equal('malformed');
    }
    expect(ends.size).equal(3);
  });

  const bad: BadBatch[] = [
    { name: 'an unknown type', hex: '9507a16100c0c400' },
    { name: 'a target number never given', hex: '95000000c0c400' },
    { name: 'an integer longer than needed', hex: '9500a161cc01c0c400' },
    { name: 'an integer of 2^53', hex: '9500a161cf0020000000000000c0c400' },
    { name: 'a length longer than needed', hex: '9500a16100c0c50001ff' },
    { name: 'a payload longer than the frame', hex: '9500a16100c0c6ffffffff' },
    { name: 'a name that is not UTF-8', hex: '9500a2c32800c0c400' },
    { name: 'a name above its limit', hex: `9500d981${'61'.repeat(129)}00c0c400` },
    { name: 'a short name in the long form', hex: '9500d9016100c0c400' },
    { name: 'sequence 0', hex: '9600a16100c0c40000' },
    { name: 'a map', hex: '80' },
    { name: 'nesting', hex: '91919191919191' },
    { name: 'an unknown notice', hex: '921200' },
    { name: 'a float', hex: '9210cb3ff0000000000000' },
  ];
  for (const { name, hex } of bad) {
    it(`is refused with ${name}`, () => {
      expect(refusalOf(() => readBatch(new BatchReader(defaultLinkLimits), fromHex(`0400${hex}`)))).equal('malformed');
    });
  }
});

interface BadBatch {
  readonly name: string;
  readonly hex: string;
}

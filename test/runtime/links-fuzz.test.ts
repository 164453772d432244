/**
 * Goal: no bytes of a peer, known or not, crash a node, make it hold more than it granted, or get past a check.
 * Method: frames of real traffic, mutated, half of them during the handshake and half on a link that has passed it;
 * BPCI_FUZZ_FRAMES frames in all (default 6,000), BPCI_FUZZ_SEED to repeat a run. Refusals are counted and printed.
 */
import { expect } from 'chai';
import { defaultLinkLimits } from '../../src/runtime/links/limits.ts';
import {
  batchHeadBytes,
  type BatchBuffer,
  frameNumberAfter,
  TargetNumbers,
  writeAcknowledgement,
  writeCredit,
  writeEnvelope,
  writeFirstPiece,
  writePiece,
} from '../../src/runtime/links/batch-format.ts';
import { encodeHeartbeat, encodeHello, encodeProof, encodeReady } from '../../src/runtime/links/frames.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { type LinkNode, LinkWorld, signerOf, tellOf, testChain } from './support/link-world.ts';
import { RawPeer } from './support/raw-peer.ts';

const frameCount = Number(process.env['BPCI_FUZZ_FRAMES'] ?? 6_000);
const seed = process.env['BPCI_FUZZ_SEED'] ?? 'links fuzz';

const below = (random: SeededRandom, limit: number): number => Math.floor(random.fraction() * limit);

/** One change of the kinds that find bugs: bits, lengths, tags, splices. */
function mutate(random: SeededRandom, frame: Uint8Array, other: Uint8Array): Uint8Array {
  const mutant = frame.slice();
  const at = below(random, Math.max(1, mutant.length));
  switch (below(random, 8)) {
    case 0:
      mutant[at] = (mutant[at] ?? 0) ^ (1 << below(random, 8));
      return mutant;
    case 1:
      mutant[at] = [0x00, 0x7f, 0x80, 0xc0, 0xc4, 0xc6, 0xcf, 0xd9, 0xdd, 0xdf, 0xff][below(random, 11)]!;
      return mutant;
    case 2:
      return mutant.subarray(0, at);
    case 3:
      return Uint8Array.of(...mutant, ...random.bytes(1 + below(random, 20)));
    case 4:
      return Uint8Array.of(...mutant.subarray(0, at), ...other.subarray(below(random, other.length)));
    case 5:
      return Uint8Array.of(...mutant.subarray(0, at), ...random.bytes(1 + below(random, 8)), ...mutant.subarray(at));
    case 6:
      mutant.set(random.bytes(Math.min(9, mutant.length - at)), at);
      return mutant;
    default:
      return random.bytes(below(random, 300));
  }
}

/** Frames as a link carries them, of every kind. */
function corpus(random: SeededRandom, key: ReturnType<typeof signerOf>): readonly Uint8Array[] {
  const batch = (write: (out: BatchBuffer, targets: TargetNumbers) => void): Uint8Array => {
    const out: BatchBuffer = { bytes: new Uint8Array(64 * 1024), length: batchHeadBytes };
    out.bytes[0] = 4;
    write(out, new TargetNumbers(4));
    return out.bytes.slice(0, out.length);
  };
  const payload = random.bytes(300);
  return [
    batch((out, targets) => {
      for (let i = 0; i < 8; i++) writeEnvelope(out, tellOf(payload.subarray(0, i * 30), `t${i % 3}`), 0, targets);
    }),
    batch((out, targets) => {
      for (let i = 1; i < 5; i++) writeEnvelope(out, tellOf(payload.subarray(0, 20), 'once'), i, targets);
      writeCredit(out, 2_000_000);
      writeAcknowledgement(out, 0);
    }),
    batch((out, targets) => {
      writeFirstPiece(out, tellOf(payload, 'pieces'), 0, targets, 100);
      writePiece(out, payload.subarray(100, 200));
      writePiece(out, payload.subarray(200));
    }),
    encodeHeartbeat({
      sequence: 3,
      wallMs: 1_700_000_000_000,
      echoSequence: 1,
      echoHeldUs: 9,
      lagMs: 0,
      status: payload.slice(0, 80),
    }),
    encodeReady({ continued: true, credit: 5_000_000 }),
    encodeProof(key.sign(payload)),
    encodeHello({
      protocolMin: 1,
      protocolMax: 1,
      chainId: testChain,
      key: key.publicKey,
      incarnation: random.bytes(16),
      nonce: random.bytes(32),
      lane: 0,
      roles: ['validator'],
      features: [],
      resume: { incarnation: random.bytes(16), received: 5 },
    }),
  ];
}

interface Outcome {
  readonly sent: number;
  readonly closes: Map<string, number>;
  readonly delivered: number;
  readonly heldBytesMax: number;
}

/** Peers take turns, so that no back-off of one keeps the test waiting: nodes are new every so often. */
async function fuzz(random: SeededRandom, count: number, authenticated: boolean): Promise<Outcome> {
  const closes = new Map<string, number>();
  let [sent, delivered, heldBytesMax] = [0, 0, 0];
  while (sent < count) {
    const world = new LinkWorld(`${seed}/${sent}`);
    const node = await world.node(0, { authorize: () => true, holdConsumption: true, limits: fewLimits });
    const peer = signerOf(1);
    const frames = corpus(random, peer);
    for (let connection = 0; connection < 4 && sent < count; connection++) {
      const raw = authenticated
        ? await RawPeer.link(world, peer, node, { hello: { incarnation: random.bytes(16) } })
        : await RawPeer.dial(world, peer, node);
      if (authenticated) expect(raw.theirReady, 'linked before the first mutant').not.equal(null);
      else if (random.fraction() < 0.5) raw.hello();
      let number = 0;
      for (let i = 0; i < 12 && raw.closed === null && sent < count; i++) {
        // Mostly of the kind that is expected now: others are refused by their first byte.
        const expected = authenticated ? below(random, 4) : raw.ownHello.length > 0 ? 5 : 6;
        const chosen = frames[random.fraction() < 0.8 ? expected : below(random, frames.length)]!;
        const mutant = mutate(random, chosen, frames[below(random, frames.length)]!).slice();
        // Nearly always the right number: what follows it would not be read otherwise.
        if (mutant[0] === 4 && mutant.length > 1 && random.fraction() < 0.95) {
          mutant[1] = number;
          number = frameNumberAfter(number);
        }
        raw.pipe.send(mutant);
        sent += 1;
        await world.pass(11);
      }
      const reason = raw.closed ?? 'still open';
      closes.set(reason, (closes.get(reason) ?? 0) + 1);
      raw.pipe.close('next');
      delivered += node.arrivals.length;
      heldBytesMax = Math.max(heldBytesMax, heldBytes(node));
      for (const { consumed } of node.arrivals.splice(0)) consumed();
      await world.pass(61_000);
    }
    await node.links.stop();
    await world.pass(10);
    expect(world.clock.pending, 'no timer left behind').equal(0);
  }
  return { sent, closes, delivered, heldBytesMax };
}

const fewLimits = {
  lanes: {
    control: { messageBytesMax: 40_000, windowBytes: 50_000 },
    ordinary: { messageBytesMax: 40_000, windowBytes: 50_000 },
    bulk: { messageBytesMax: 40_000, windowBytes: 50_000 },
  },
  acceptPerSecond: 100,
};

const heldBytes = (node: LinkNode): number =>
  node.arrivals.reduce((sum, { envelope }) => sum + envelope.payload.length + 64, 0);

function print(name: string, { sent, delivered, closes, heldBytesMax }: Outcome): void {
  const reasons = [...closes].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${reason} ${count}`);
  console.log(`      ${name}: ${sent} frames, ${delivered} messages delivered, at most ${heldBytesMax} bytes held`);
  console.log(`      connections ended: ${reasons.join(', ')}`);
}

describe('mutated frames', () => {
  it('in place of a handshake never make a link', async function () {
    this.timeout(600_000);
    const outcome = await fuzz(new SeededRandom(`${seed}/stranger`), Math.floor(frameCount / 2), false);
    print('before the handshake', outcome);
    expect(outcome.delivered).equal(0);
    expect([...outcome.closes.keys()])
      .includes('malformed')
      .includes('unexpected-frame');
  });

  it('on an authenticated link end it with a reason or do nothing, within its credit', async function () {
    this.timeout(600_000);
    const outcome = await fuzz(new SeededRandom(`${seed}/peer`), Math.ceil(frameCount / 2), true);
    print('on an authenticated link', outcome);
    expect(outcome.heldBytesMax).at.most(50_000);
    expect(outcome.delivered).greaterThan(0);
    const reasons = [...outcome.closes.keys()];
    expect(reasons).includes('malformed').includes('unexpected-frame');
    const known = [
      'out-of-order',
      'malformed',
      'unexpected-frame',
      'unexpected-record',
      'sequence-gap',
      'acknowledged-unsent',
      'message-too-large',
      'credit-exceeded',
      'oversized',
      'still open',
    ];
    expect(reasons.filter((reason) => !known.includes(reason))).deep.equal([]);
  });
});

describe('a peer that breaks the rules of a link', () => {
  async function linked(): Promise<{ world: LinkWorld; node: LinkNode; raw: RawPeer }> {
    const world = new LinkWorld('rules');
    const node = await world.node(0, { authorize: () => true, holdConsumption: true, limits: fewLimits });
    const raw = await RawPeer.link(world, signerOf(1), node);
    expect(node.ups).lengthOf(1);
    return { world, node, raw };
  }
  const batchOf = (write: (out: BatchBuffer) => void): Uint8Array => {
    const out: BatchBuffer = { bytes: new Uint8Array(200_000), length: batchHeadBytes };
    out.bytes[0] = 4;
    write(out);
    return out.bytes.slice(0, out.length);
  };
  const targets = (): TargetNumbers => new TargetNumbers(10);
  const payload = new Uint8Array(1_000);
  const cases: { name: string; reason: string; frame: () => Uint8Array }[] = [
    {
      name: 'sends more than its credit',
      reason: 'credit-exceeded',
      frame: () =>
        batchOf((out) => {
          const numbers = targets();
          for (let i = 0; i < 50; i++) writeEnvelope(out, tellOf(payload), 0, numbers);
        }),
    },
    {
      name: 'announces a message above the limit',
      reason: 'message-too-large',
      frame: () => batchOf((out) => writeFirstPiece(out, tellOf(new Uint8Array(40_001)), 0, targets(), 10)),
    },
    {
      name: 'continues a message that never began',
      reason: 'unexpected-record',
      frame: () => batchOf((out) => writePiece(out, payload)),
    },
    {
      name: 'begins a message within another',
      reason: 'unexpected-record',
      frame: () =>
        batchOf((out) => {
          const numbers = targets();
          writeFirstPiece(out, tellOf(payload), 0, numbers, 10);
          writeEnvelope(out, tellOf('x'), 0, numbers);
        }),
    },
    {
      name: 'sends more pieces than it announced',
      reason: 'malformed',
      frame: () =>
        batchOf((out) => {
          writeFirstPiece(out, tellOf(payload), 0, targets(), 10);
          writePiece(out, payload);
        }),
    },
    {
      name: 'skips a sequence',
      reason: 'sequence-gap',
      frame: () => batchOf((out) => writeEnvelope(out, tellOf('x'), 2, targets())),
    },
    {
      name: 'acknowledges what was never sent',
      reason: 'acknowledged-unsent',
      frame: () => batchOf((out) => writeAcknowledgement(out, 1)),
    },
    { name: 'takes credit back', reason: 'malformed', frame: () => batchOf((out) => writeCredit(out, 1)) },
    {
      name: 'sends a frame above the limit',
      reason: 'oversized',
      frame: () => new Uint8Array(defaultLinkLimits.frameBytesMax + 1).fill(4),
    },
    { name: 'sends a second hello', reason: 'unexpected-frame', frame: () => Uint8Array.of(1, 0x90) },
    { name: 'sends an empty frame', reason: 'unexpected-frame', frame: () => new Uint8Array(0) },
    {
      name: 'sends a heartbeat with too much status',
      reason: 'malformed',
      frame: () => Uint8Array.of(5, 0x96, 1, 1, 1, 1, 1, 0xc5, 1, 1, ...new Uint8Array(257)),
    },
  ];
  const mixedUp: { name: string; numbers: readonly number[] }[] = [
    { name: 'lost on the way', numbers: [0, 2] },
    { name: 'come twice', numbers: [0, 0] },
    { name: 'overtaken by a later one', numbers: [0, 2, 1] },
  ];
  for (const { name, numbers } of mixedUp) {
    it(`and a frame ${name}: the connection ends, nothing after it is read, and nobody is blamed`, async () => {
      const { world, node, raw } = await linked();
      for (const number of numbers) {
        const frame = batchOf((out) => writeEnvelope(out, tellOf('x', `target ${number}`), 0, targets()));
        frame[1] = number;
        raw.pipe.send(frame);
      }
      await world.pass(50);
      expect(raw.closed).equal('out-of-order');
      expect(node.links.refusals().get('out-of-order')).equal(1);
      expect(node.arrivals.map(({ envelope }) => envelope.target)).deep.equal(['target 0']);
      const again = await RawPeer.link(world, signerOf(1), node, {
        hello: { incarnation: new Uint8Array(16).fill(9) },
      });
      expect(again.closed).equal(null);
    });
  }
  for (const { name, reason, frame } of cases) {
    it(`and ${name} is closed with ${reason}, counted, and kept out`, async () => {
      const { world, node, raw } = await linked();
      raw.pipe.send(frame());
      await world.pass(50);
      expect(raw.closed).equal(reason);
      expect(node.links.refusals().get(reason)).equal(1);
      expect(node.downs[0]?.reason).match(new RegExp(`^${reason}: `));
      expect(heldBytes(node)).at.most(50_000);
      const again = await RawPeer.dial(world, signerOf(1), node).catch((error: unknown) => String(error));
      expect(again).match(/refused by the peer/);
      expect(node.links.refusals().get('backing-off')).equal(1);
      await world.pass(1_000);
      const later = await RawPeer.link(world, signerOf(1), node, {
        hello: { incarnation: new Uint8Array(16).fill(9) },
      });
      expect(later.closed).equal(null);
    });
  }
});

/** Goal: a light's log only ever grows on chain, contradictions are refused or shown, and no person is counted less than leased. */
import { expect } from 'chai';
import fc from 'fast-check';
import { readCounters, readLight } from '../../../../src/protocols/ledger/modules/traffic/traffic.ts';
import { readReviews } from '../../../../src/protocols/ledger/modules/traffic/relayed-reviews.ts';
import { emptyLogRoot } from '../../../../src/protocols/ledger/merkle-log.ts';
import {
  appendLeaves,
  consistencyProof,
  emptyLogEdge,
  rootAt,
  type TileReader,
} from '../../../../src/protocols/ledger/transparency-log.ts';
import { signLogCheckpoint, trafficLogId } from '../../../../src/protocols/traffic/log-identity.ts';
import type { Digest } from '../../../../src/protocols/shared/brands.ts';
import { genesisOf, keyOf, signWith, World } from '../ledger-world.ts';

const light = keyOf('light');
const other = keyOf('other');
const accounts = ['alice', 'light', 'other'];

/** The log of the first `size` leaves; leaves from `forkedAt` on are others. */
function logOf(size: number, forkedAt = Number.POSITIVE_INFINITY): TileReader & { readonly root: Digest } {
  const leaves = Array.from({ length: size }, (_, i) => Uint8Array.of(i & 0xff, i >> 8, i >= forkedAt ? 1 : 0));
  const { tileWrites } = appendLeaves(emptyLogEdge, leaves);
  const tiles = new Map(tileWrites.map(({ level, index, hashes }) => [`${level}/${index}`, hashes]));
  const reader: TileReader = { tile: (level, index) => tiles.get(`${level}/${index}`) };
  return { ...reader, root: rootAt(reader, size) };
}

const firstLog = (world: World, of = light): Digest =>
  trafficLogId({ chainId: world.chainId, light: of, epoch: 1, previous: null });

function registered(): World {
  const world = new World(genesisOf({ accounts }));
  const body = { logId: firstLog(world), roles: [{ role: 'reviewer', key: keyOf('alice') }] };
  expect(world.run({ from: light, kind: 'traffic.register', body })).to.equal('ok');
  return world;
}

const anchor = (
  world: World,
  size: number,
  options: { from?: number; forkedAt?: number; proof?: boolean } = {},
): string => {
  const { from = readLight(world.view, light)?.size ?? 0, forkedAt, proof = true } = options;
  const log = logOf(size, forkedAt);
  const consistency = from === 0 || !proof || from > size ? [] : consistencyProof(log, from, size);
  const logId = readLight(world.view, light)?.logId ?? firstLog(world);
  return world.run({ from: light, kind: 'traffic.anchor', body: { logId, size, root: log.root, consistency } });
};

describe('traffic module', () => {
  it('registers a light once, under the log id that follows from its key', () => {
    const world = registered();
    expect(readLight(world.view, light)).to.deep.include({ epoch: 1, size: 0, root: emptyLogRoot, isForked: false });
    const again = { logId: firstLog(world), roles: [] };
    expect(world.run({ from: light, kind: 'traffic.register', body: again })).to.equal('light-exists');
    expect(world.run({ from: other, kind: 'traffic.register', body: again })).to.equal('wrong-log-id');
    expect(anchor(new World(genesisOf({ accounts })), 5)).to.equal('not-permitted');
  });

  it('takes anchors of a growing log and no others', () => {
    const world = registered();
    expect(anchor(world, 300)).to.equal('ok');
    expect(anchor(world, 300)).to.equal('already-anchored');
    expect(anchor(world, 299)).to.equal('log-shrunk');
    expect(anchor(world, 300, { forkedAt: 7 })).to.equal('log-forked');
    expect(anchor(world, 400, { forkedAt: 7 })).to.equal('log-forked');
    expect(anchor(world, 400, { proof: false })).to.equal('log-forked');
    expect(anchor(world, 400, { from: 200 })).to.equal('log-forked');
    expect(anchor(world, 400)).to.equal('ok');
    expect(readLight(world.view, light)).to.deep.include({
      size: 400,
      root: logOf(400).root,
      anchoredAt: world.height,
    });
    expect(world.blocks.at(-1)?.events.map(({ kind }) => kind)).to.deep.equal(['anchored']);
  });

  it('opens a linked epoch, after which the log before is anchored no more', () => {
    const world = registered();
    anchor(world, 10);
    const before = firstLog(world);
    const logId = trafficLogId({ chainId: world.chainId, light, epoch: 3, previous: before });
    const open = (body: unknown): string => world.run({ from: light, kind: 'traffic.open-epoch', body });
    expect(open({ logId: before, epoch: 3 })).to.equal('wrong-log-id');
    expect(open({ logId, epoch: 3 })).to.equal('ok');
    expect(open({ logId, epoch: 3 })).to.equal('old-epoch');
    expect(readLight(world.view, light)).to.deep.include({ epoch: 3, logId, size: 0 });
    const late = { logId: before, size: 11, root: logOf(11).root, consistency: consistencyProof(logOf(11), 10, 11) };
    expect(world.run({ from: light, kind: 'traffic.anchor', body: late })).to.equal('wrong-log-id');
    expect(anchor(world, 4)).to.equal('ok');
  });

  it('takes two signed roots of one size as evidence, from anybody, and no anchor after it', () => {
    const world = registered();
    anchor(world, 20);
    const logId = firstLog(world);
    const note = (size: number, forkedAt?: number, signer = light): string =>
      signLogCheckpoint(logId, light, { size, root: logOf(size, forkedAt).root }, (message) =>
        signWith(signer, message),
      );
    const show = (first: string, second: string | null): string =>
      world.run({ from: keyOf('alice'), kind: 'traffic.fork-evidence', body: { light, logId, first, second } });
    expect(show(note(30), note(30))).to.equal('no-contradiction');
    expect(show(note(30), note(31, 3))).to.equal('no-contradiction');
    expect(show(note(30), note(30, 3, other))).to.equal('not-a-checkpoint');
    expect(show(note(20), null)).to.equal('no-contradiction');
    expect(show(note(20, 3), null)).to.equal('ok');
    expect(show(note(30), note(30, 3))).to.equal('known-fork');
    expect(anchor(world, 40)).to.equal('log-forked');
    const fresh = registered();
    const body = { light, logId: firstLog(fresh), first: note(30), second: note(30, 3) };
    expect(fresh.run({ from: keyOf('alice'), kind: 'traffic.fork-evidence', body })).to.equal('ok');
  });

  it('counts leased persons of all lights as spent, and takes no lease back, whatever the lights do', () => {
    const step = fc.record({
      by: fc.constantFrom(light, other),
      spends: fc.nat(30),
      lease: fc.nat(40),
      lies: fc.constantFrom(-1, 0, 0, 0, 1_000),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const world = registered();
        world.run({ from: other, kind: 'traffic.register', body: { logId: firstLog(world, other), roles: [] } });
        const subject = 'ab'.repeat(32);
        const truth = new Map([light, other].map((key) => [key, { spent: 0, lease: 0 }]));
        for (const { by, spends, lease, lies } of steps) {
          const own = truth.get(by)!;
          const spent = own.spent + Math.min(spends, own.lease);
          const body = { subject, counter: 'piplPersons', window: '2026', spent: Math.max(0, spent + lies), lease };
          const code = world.run({ from: by, kind: 'traffic.lease-counter', body });
          const isHonest = body.spent >= own.spent && body.spent <= own.spent + own.lease;
          const shrinks = body.spent + lease < own.spent + own.lease;
          expect(code).to.equal(isHonest ? (shrinks ? 'lease-shrunk' : 'ok') : 'spent-not-leased');
          if (code === 'ok') truth.set(by, { spent: body.spent, lease });
          const [record] = readCounters(world.view, by);
          const sum = [...truth.values()].reduce((all, one) => all + one.spent + one.lease, 0);
          expect(record?.total ?? 0).to.equal(sum);
          if (record !== undefined) expect({ spent: record.spent, lease: record.lease }).to.deep.equal(truth.get(by));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('keeps reviewers’ words for a light that is away, a bounded number, the oldest an hour at least', () => {
    const world = registered();
    const say = (count: number): readonly string[] => {
      const words = Array.from({ length: count }, (_, nth) =>
        world.transaction({
          ...{ from: keyOf('alice'), kind: 'traffic.quarantine-reject' },
          body: { light, decision: nth.toString(16).padStart(64, '0') },
        }),
      );
      return [...new Set(world.commit(words).results.map(({ code }) => code))];
    };
    for (let block = 0; block < 4; block++) expect(say(64)).to.deep.equal(['ok']);
    expect(say(1)).to.deep.equal(['too-many-reviews']);
    const kept = readReviews(world.view, light);
    expect(kept.length).to.equal(256);
    expect(kept[0]).to.include({ how: 'reject', by: keyOf('alice'), obligation: null });
    world.commit([], world.parent.time + 3_600_000);
    expect(say(1)).to.deep.equal(['ok']);
    expect(readReviews(world.view, light).length).to.equal(1);
  });

  it('relays a reviewer’s word to the light, and nobody else’s', () => {
    const world = registered();
    const body = { light, decision: 'cd'.repeat(32) };
    expect(world.run({ from: other, kind: 'traffic.quarantine-release', body })).to.equal('not-permitted');
    expect(world.run({ from: keyOf('alice'), kind: 'traffic.quarantine-release', body })).to.equal('ok');
    const attributes = world.blocks.at(-1)?.events[0]?.attributes.map(({ value }) => value);
    expect(attributes).to.have.members([light, body.decision, keyOf('alice')]);
    world.run({ from: light, kind: 'traffic.set-roles', body: { roles: [] } });
    expect(world.run({ from: keyOf('alice'), kind: 'traffic.quarantine-release', body })).to.equal('not-permitted');
  });
});

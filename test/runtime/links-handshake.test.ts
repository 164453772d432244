/**
 * Goal: a link comes up exactly between nodes of one chain, one protocol, the expected keys and on one live connection,
 * and every other attempt ends with a reason that an operator can read.
 * Method: nodes on a simulated network and a virtual clock; a raw peer that writes the wire itself for what the product
 * never sends.
 */
import { expect } from 'chai';
import { chainId } from '../../src/protocols/shared/brands.ts';
import { LinkWorld, signerOf, testChain } from './support/link-world.ts';
import { RawPeer, type RawPeerOptions } from './support/raw-peer.ts';

describe('a link handshake', () => {
  it('links two nodes on all lanes, whoever dials', async () => {
    for (const dialers of [[0], [1], [0, 1]]) {
      const world = new LinkWorld();
      const nodes = [await world.node(0), await world.node(1)] as const;
      for (const [index, node] of nodes.entries()) {
        const other = nodes[1 - index]!;
        node.links.setPeers([{ key: other.key, addresses: dialers.includes(index) ? [other.address] : [] }]);
      }
      await world.pass(1_000);
      expect(nodes[0].peer(nodes[1])).includes({ state: 'up', lastError: '', incarnation: nodes[1].links.incarnation });
      expect(nodes[1].peer(nodes[0]).state).equal('up');
      expect(nodes[0].peer(nodes[1]).roles).deep.equal(['validator']);
      for (const lane of ['control', 'ordinary', 'bulk'] as const) {
        expect(nodes[0].tell(nodes[1], `down ${lane}`, lane)).equal('sent');
        expect(nodes[1].tell(nodes[0], `up ${lane}`, lane)).equal('sent');
      }
      await world.pass(100);
      expect(nodes[1].texts).members(['down control', 'down ordinary', 'down bulk']);
      expect(nodes[0].texts).members(['up control', 'up ordinary', 'up bulk']);
      for (const node of nodes) expect(node.links.refusals()).deep.equal(new Map());
    }
  });

  it('keeps one connection of two that crossed, the lower key its dialer, and reports one up at each end', async () => {
    for (const delayMs of [0, 1, 5, 50, 400]) {
      const world = new LinkWorld();
      world.conditions = () => ({ delayMs, open: true });
      const [low, high] = [await world.node(0), await world.node(1)];
      await world.meet(low, high);
      await world.pass(20_000);
      for (const node of [low, high]) {
        expect(node.ups, `delay ${delayMs}`).lengthOf(1);
        expect(node.downs).lengthOf(0);
      }
      expect(low.peer(high).state).equal('up');
      expect(high.peer(low).state).equal('up');
    }
  });

  it('links by the higher key where the lower key cannot reach it', async () => {
    const world = new LinkWorld();
    const [low, high] = [await world.node(0), await world.node(1)];
    low.links.setPeers([{ key: high.key, addresses: ['nowhere:1'] }]);
    high.links.setPeers([{ key: low.key, addresses: [low.address] }]);
    await world.pass(3_000);
    expect(low.peer(high).state).equal('up');
    expect(high.peer(low).state).equal('up');
  });

  it('tries the addresses of a peer in turn', async () => {
    const world = new LinkWorld();
    const [a, b] = [await world.node(0), await world.node(1, { authorize: () => true })];
    a.links.setPeers([{ key: b.key, addresses: ['nowhere:1', 'nowhere:2', b.address] }]);
    await world.pass(1_000);
    expect(a.peer(b).state).equal('up');
  });

  const otherChain = chainId('cd'.repeat(32));
  const refused: { name: string; options: RawPeerOptions; reason: string }[] = [
    { name: 'another chain', options: { hello: { chainId: otherChain } }, reason: 'wrong-chain' },
    {
      name: 'protocol versions of the future only',
      options: { hello: { protocolMin: 2, protocolMax: 9 } },
      reason: 'protocol-version',
    },
    {
      name: 'a protocol range that is none',
      options: { hello: { protocolMin: 3, protocolMax: 1 } },
      reason: 'protocol-version',
    },
    { name: 'a hello for another key', options: { hello: { key: signerOf(4).publicKey } }, reason: 'wrong-key' },
    { name: 'a proof for another channel', options: { channelBinding: new Uint8Array(32) }, reason: 'bad-proof' },
    {
      name: 'a proof for another chain',
      options: { chainId: otherChain, hello: { chainId: chainId('ab'.repeat(32)) } },
      reason: 'bad-proof',
    },
    { name: 'a data lane without the control lane', options: { hello: { lane: 1 } }, reason: 'no-control-lane' },
  ];
  for (const { name, options, reason } of refused) {
    it(`refuses ${name} and says ${reason} at both ends`, async () => {
      const world = new LinkWorld();
      const node = await world.node(0, { authorize: () => true });
      const raw = await RawPeer.link(world, signerOf(3), node, options);
      expect(raw.closed).equal(reason);
      expect(node.links.refusals().get(reason)).equal(1);
      const [state] = node.links.peers();
      expect(state).includes({ state: 'refused' });
      expect(state?.lastError).match(new RegExp(`^${reason}: `));
      expect(node.ups).lengthOf(0);
    });
  }

  it('tells the operator of each side which chain the other is on', async () => {
    const world = new LinkWorld();
    const [a, b] = [await world.node(0), await world.node(1, { chainId: otherChain })];
    await world.meet(a, b);
    expect(a.peer(b).lastError).equal(`wrong-chain: peer is on chain ${otherChain}, this node on ${testChain}`);
    expect(b.peer(a).lastError).equal(`wrong-chain: peer is on chain ${testChain}, this node on ${otherChain}`);
  });

  it('agrees where protocol ranges overlap', async () => {
    const world = new LinkWorld();
    const a = await world.node(0, { protocolRange: { min: 1, max: 2 } });
    const b = await world.node(1, { protocolRange: { min: 2, max: 3 } });
    await world.meet(a, b);
    expect(a.peer(b).state).equal('up');
  });

  it('refuses a hello and proof recorded on one connection and replayed on another', async () => {
    const world = new LinkWorld();
    const node = await world.node(0, { authorize: () => true });
    const victim = signerOf(3);
    const recorded: Uint8Array[] = [];
    world.onFrame = (from, _to, frame) => {
      if (from === victim.publicKey) recorded.push(frame.slice());
      return frame;
    };
    const raw = await RawPeer.link(world, victim, node);
    expect(node.ups).lengthOf(1);
    raw.pipe.close('done');
    await world.pass(50);
    const replay = await RawPeer.dial(world, victim, node);
    replay.pipe.onFrame = () => undefined;
    for (const frame of recorded.slice(0, 3)) replay.pipe.send(frame);
    await world.pass(100);
    expect(replay.closed).equal('bad-proof');
    expect(node.ups).lengthOf(1);
    expect(node.links.refusals().get('bad-proof')).equal(1);
  });

  it('refuses a proof reflected to who made it', async () => {
    const world = new LinkWorld();
    const node = await world.node(0, { authorize: () => true });
    const raw = await RawPeer.dial(world, signerOf(3), node);
    raw.pipe.onFrame = (frame) => raw.pipe.send(frame);
    raw.hello();
    await world.pass(100);
    expect(node.ups).lengthOf(0);
    expect([...node.links.refusals().keys()]).lengthOf(1);
  });

  it('does not let an unknown key come as far as a pipe', async () => {
    const world = new LinkWorld();
    const [node, stranger] = [await world.node(0), await world.node(1)];
    stranger.links.setPeers([{ key: node.key, addresses: [node.address] }]);
    await world.pass(100);
    expect(node.links.refusals().get('unknown-key')).greaterThan(0);
    expect(node.links.peers()).deep.equal([]);
    expect(stranger.peer(node).lastError).contains('refused by the peer');
  });

  it('names another key at the address that was dialed', async () => {
    const world = new LinkWorld();
    const [a, b] = [await world.node(0), await world.node(1)];
    a.links.setPeers([{ key: signerOf(5).publicKey, addresses: [b.address] }]);
    await world.pass(100);
    const [state] = a.links.peers();
    expect(state?.lastError).match(/^wrong-key: /);
  });

  it('cuts a handshake that takes more than five seconds', async () => {
    const world = new LinkWorld();
    const node = await world.node(0, { authorize: () => true });
    const silent = await RawPeer.dial(world, signerOf(3), node);
    await world.pass(4_900);
    expect(silent.closed).equal(null);
    await world.pass(200);
    expect(silent.closed).equal('slow-handshake');
    expect(node.links.refusals().get('slow-handshake')).equal(1);
  });

  it('keeps few handshakes pending, in all and of one peer', async () => {
    const world = new LinkWorld();
    const node = await world.node(0, { authorize: () => true, limits: { handshakesMax: 3, handshakesPerPeerMax: 2 } });
    const pending: RawPeer[] = [];
    for (const index of [3, 3, 3, 4, 5]) pending.push(await RawPeer.dial(world, signerOf(index), node));
    await world.pass(100);
    const open = pending.map((raw) => raw.closed);
    expect(open).deep.equal([null, null, 'too-many-handshakes', null, 'too-many-handshakes']);
  });

  it('limits how often a peer may connect', async () => {
    const world = new LinkWorld();
    const node = await world.node(0, { authorize: () => true, limits: { acceptBurst: 4, acceptPerSecond: 1 } });
    let refusedCount = 0;
    for (let attempt = 0; attempt < 20; attempt++) {
      const raw = await RawPeer.link(world, signerOf(3), node).catch(() => null);
      if (raw === null) refusedCount += 1;
      else raw.pipe.close('again');
      await world.pass(100);
    }
    expect(refusedCount).greaterThan(5);
    expect(node.links.refusals().get('too-many-connections')).equal(refusedCount);
  });
});

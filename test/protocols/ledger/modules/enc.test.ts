/** Goal: clusters speak for themselves alone, one holder has a workload at a time, and receipts are anchored without gaps. */
import { expect } from 'chai';
import type { SetClusterStateBody } from '../../../../src/protocols/ledger/modules/enc/bodies.ts';
import { readCluster, readClusters, readLease } from '../../../../src/protocols/ledger/modules/enc/cluster-state.ts';
import { clustersPerOwnerMax, leaseTakeoverMs } from '../../../../src/protocols/ledger/modules/enc/enc.ts';
import type { Digest, PublicKey } from '../../../../src/protocols/shared/brands.ts';
import { acme, CourtWorld, hashOf, provider, serviceTerms } from '../court/court-world.ts';
import { keyOf } from '../ledger-world.ts';
import { clusterBody, clusterDescription } from './cluster-bodies.ts';

const operator = keyOf('hosting');
const workload = hashOf('77');

class ClusterWorld extends CourtWorld {
  register(id: string, from: PublicKey = operator): string {
    return this.send(from, 'enc.register-cluster', clusterBody(this.chainId, from, id));
  }

  become(id: string, ...states: readonly SetClusterStateBody['state'][]): string {
    let last = 'ok';
    for (const state of states) last = this.send(operator, 'enc.set-state', { id, state });
    return last;
  }

  admit(cluster: string, epoch: number, change: { workload?: Digest; agreements?: readonly Digest[] } = {}): string {
    const admission = { workload, epoch, decision: hashOf('78'), agreements: [this.agreement], ...change };
    const owner = readCluster(this.view, cluster)?.owner ?? operator;
    return this.send(owner, 'enc.admit-workload', { cluster, admissions: [admission] });
  }

  release(cluster: string, epoch: number): string {
    return this.send(operator, 'enc.release-workload', { cluster, leases: [{ workload, epoch }] });
  }

  held(cluster: string): number {
    return readCluster(this.view, cluster)!.held;
  }
}

/** Two clusters of one operator, an agreement in force. */
function world(): ClusterWorld {
  const made = new ClusterWorld();
  made.activate(serviceTerms({ suspensionMaxMs: 200_000 }));
  for (const id of ['frankfurt', 'paris']) {
    expect(made.register(id)).to.equal('ok');
    expect(made.become(id, 'active')).to.equal('ok');
  }
  return made;
}

describe('enc module: clusters', () => {
  it('registers a cluster once, with a key that its owner holds and no other cluster has', () => {
    const chain = world();
    expect(readClusters(chain.view).map(({ registration, state }) => [registration.id, state])).to.deep.equal([
      ['frankfurt', 'active'],
      ['paris', 'active'],
    ]);
    expect(chain.register('paris', acme)).to.equal('cluster-exists');
    const sent = (body: unknown) => chain.send(operator, 'enc.register-cluster', body);
    const other = clusterBody(chain.chainId, operator, 'rome');
    expect(sent({ ...other, possession: new Uint8Array(64) })).to.equal('bad-possession');
    expect(sent({ ...clusterBody(chain.chainId, acme, 'rome'), id: 'rome' }), 'shown to another').to.equal(
      'bad-possession',
    );
    expect(sent({ ...other, key: clusterBody(chain.chainId, operator, 'paris').key })).to.equal('key-in-use');
    expect(sent(other)).to.equal('ok');
  });

  it('bounds the clusters of one account', () => {
    const chain = new ClusterWorld();
    const codes = Array.from({ length: clustersPerOwnerMax + 1 }, (_, index) => chain.register(`cluster-${index}`));
    expect(codes.pop()).to.equal('too-many-clusters');
    expect(new Set(codes)).to.deep.equal(new Set(['ok']));
  });

  it('lets the owner alone change what it says and how it stands', () => {
    const chain = world();
    const change = { ...clusterDescription, endpoints: ['https://127.0.0.1:9'] };
    expect(chain.send(operator, 'enc.update-cluster', { id: 'paris', ...change })).to.equal('ok');
    expect(readCluster(chain.view, 'paris')!.registration).to.deep.include({
      country: 'DE',
      endpoints: change.endpoints,
    });
    for (const [kind, body] of [
      ['enc.update-cluster', { id: 'paris', ...change }],
      ['enc.set-state', { id: 'paris', state: 'offline' }],
      [
        'enc.admit-workload',
        { cluster: 'paris', admissions: [{ workload, epoch: 1, decision: workload, agreements: [workload] }] },
      ],
      ['enc.anchor-receipts', { cluster: 'paris', batch: 1, count: 1, root: workload }],
      ['enc.set-state', { id: 'nowhere', state: 'offline' }],
    ] as const)
      expect(chain.send(acme, kind, body)).to.equal('not-permitted');
  });

  it('goes from state to state in the order of a cluster’s life', () => {
    const chain = world();
    const states = ['joining', 'active', 'draining', 'maintenance', 'offline'] as const;
    const allowed: Readonly<Record<string, readonly string[]>> = {
      joining: ['active', 'offline'],
      active: ['draining', 'offline'],
      draining: ['active', 'maintenance', 'offline'],
      maintenance: ['active', 'offline'],
      offline: ['joining'],
    };
    const way: Readonly<Record<string, readonly (typeof states)[number][]>> = {
      joining: ['offline', 'joining'],
      active: [],
      draining: ['draining'],
      maintenance: ['draining', 'maintenance'],
      offline: ['offline'],
    };
    for (const from of states)
      for (const to of states) {
        const id = `${from}-${to}`;
        chain.register(id);
        chain.become(id, 'active', ...way[from]!);
        expect(readCluster(chain.view, id)!.state).to.equal(from);
        expect(chain.become(id, to), `${from} → ${to}`).to.equal(
          allowed[from]!.includes(to) ? 'ok' : 'not-a-successor',
        );
      }
  });
});

describe('enc module: leases', () => {
  it('gives a workload to one holder, each time under a new epoch', () => {
    const chain = world();
    expect(chain.admit('frankfurt', 2)).to.equal('wrong-epoch');
    expect(chain.admit('frankfurt', 1)).to.equal('ok');
    expect(readLease(chain.view, workload)).to.deep.include({
      ...{ cluster: 'frankfurt', epoch: 1, isHeld: true, notBefore: chain.parent.time },
    });
    expect(chain.admit('paris', 1)).to.equal('wrong-epoch');
    expect(chain.release('paris', 1)).to.equal('not-held');
    expect(chain.release('frankfurt', 2)).to.equal('not-held');
    expect(chain.release('frankfurt', 1)).to.equal('ok');
    expect(chain.release('frankfurt', 1)).to.equal('not-held');
    expect(chain.admit('paris', 2)).to.equal('ok');
    expect(readLease(chain.view, workload)).to.deep.include({ cluster: 'paris', notBefore: chain.parent.time });
    expect([chain.held('frankfurt'), chain.held('paris')]).to.deep.equal([0, 1]);
  });

  it('makes who takes a lease that was not given back wait until the holder before has stopped, through whose hands it ever goes', () => {
    const chain = world();
    chain.admit('frankfurt', 1);
    expect(chain.admit('paris', 2)).to.equal('ok');
    const until = chain.parent.time + leaseTakeoverMs;
    expect(readLease(chain.view, workload)).to.deep.include({ cluster: 'paris', epoch: 2, notBefore: until });
    expect([chain.held('frankfurt'), chain.held('paris')]).to.deep.equal([0, 1]);
    expect(chain.release('frankfurt', 1), 'it holds it no more').to.equal('not-held');
    chain.release('paris', 2);
    expect(chain.admit('frankfurt', 3)).to.equal('ok');
    expect(readLease(chain.view, workload)!.notBefore, 'the first may still run').to.equal(until);
  });

  it('does not let another operator take it', () => {
    const chain = world();
    chain.register('rome', acme);
    chain.send(acme, 'enc.set-state', { id: 'rome', state: 'active' });
    chain.admit('frankfurt', 1);
    expect(chain.admit('rome', 2)).to.equal('lease-held');
    chain.release('frankfurt', 1);
    expect(chain.admit('rome', 2)).to.equal('ok');
  });

  it('admits to active clusters only, and lets no cluster rest that still holds something', () => {
    const chain = world();
    chain.admit('frankfurt', 1);
    chain.become('frankfurt', 'draining');
    expect(chain.admit('frankfurt', 1, { workload: hashOf('79') })).to.equal('cluster-not-active');
    expect(chain.become('frankfurt', 'maintenance')).to.equal('leases-held');
    chain.release('frankfurt', 1);
    expect(chain.become('frankfurt', 'maintenance')).to.equal('ok');
  });

  it('admits under active agreements only, that bind the cluster and that it serves', () => {
    const chain = world();
    expect(chain.admit('paris', 1, { agreements: [hashOf('55')] })).to.equal('agreement-not-active');
    for (const by of [acme, provider]) chain.send(by, 'agreements.suspend', { agreement: chain.agreement });
    expect(chain.admit('paris', 1)).to.equal('agreement-not-active');
    for (const by of [acme, provider]) chain.send(by, 'agreements.resume', { agreement: chain.agreement });
    expect(chain.admit('paris', 1)).to.equal('ok');
    chain.send(operator, 'enc.update-cluster', { id: 'frankfurt', ...clusterDescription, agreements: [hashOf('55')] });
    expect(chain.admit('frankfurt', 2)).to.equal('agreement-not-served');
  });

  it('keeps to the clusters that an agreement names', () => {
    const chain = new ClusterWorld();
    for (const id of ['frankfurt', 'paris']) {
      chain.register(id);
      chain.become(id, 'active');
    }
    const listed = {
      id: 'paris',
      kind: 'enc-cluster',
      node: operator,
      endpoints: [],
      region: 'EU',
      leaseMs: 3_600_000,
    };
    expect(chain.send(operator, 'registry.register', listed)).to.equal('ok');
    const terms = serviceTerms();
    chain.activate({ ...terms, bindings: { ...terms.bindings, clusters: ['paris'] } });
    expect(chain.admit('frankfurt', 1)).to.equal('cluster-not-agreed');
    expect(chain.admit('paris', 1)).to.equal('ok');
  });

  it('admits all that a transaction names, or none', () => {
    const chain = world();
    const one = { workload, epoch: 1, decision: hashOf('78'), agreements: [chain.agreement] };
    const body = { cluster: 'paris', admissions: [one, { ...one, workload: hashOf('79'), epoch: 2 }] };
    expect(chain.send(operator, 'enc.admit-workload', body)).to.equal('wrong-epoch');
    expect(readLease(chain.view, workload)).to.equal(undefined);
    expect(chain.held('paris')).to.equal(0);
  });
});

describe('enc module: receipts', () => {
  it('anchors batches of a cluster in their order, none twice', () => {
    const chain = world();
    const anchor = (batch: number, count = 3) =>
      chain.send(operator, 'enc.anchor-receipts', { cluster: 'paris', batch, count, root: hashOf('9c') });
    expect([anchor(2), anchor(1), anchor(1), anchor(3), anchor(2)]).to.deep.equal([
      ...['wrong-batch', 'ok', 'wrong-batch', 'wrong-batch', 'ok'],
    ]);
    expect(readCluster(chain.view, 'paris')!.batches).to.equal(2);
    expect(
      chain.blocks.at(-1)!.events.map(({ kind, attributes }) => [kind, ...attributes.map(({ value }) => value)]),
    ).to.deep.equal([['receipts-anchored', 'paris', '2', '3', hashOf('9c')]]);
  });
});

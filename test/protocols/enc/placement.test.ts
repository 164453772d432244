/** Goal: a workload goes where it fits, best first, and every other cluster has its reasons. Method: one cluster that fits, changed in one respect each. */
import { expect } from 'chai';
import fc from 'fast-check';
import { place, type PlacementCluster, reserve, type UnfitReason } from '../../../src/protocols/enc/placement.ts';
import { EncError } from '../../../src/protocols/enc/enc-error.ts';
import { readWorkload, workloadCodec, workloadId } from '../../../src/protocols/enc/workload.ts';
import { manifest } from '../../support/enc-world.ts';
import { hashOf } from '../ledger/court/court-world.ts';
import { clusterDescription } from '../ledger/modules/cluster-bodies.ts';

const { capabilities } = clusterDescription;
const free = { cpuMillis: 8000, memoryMiB: 16_384, storageMiB: 100_000, containers: 200 };
const fitting: PlacementCluster = {
  ...{ id: 'paris', state: 'active', isReachable: true, isForbidden: false, region: 'EU', country: 'FR', capabilities },
  ...{ certifications: [{ name: 'iso-27001', expires: 1001 }], agreements: [], free },
};
const demanding = manifest({
  placement: {
    architecture: 'amd64',
    countries: ['FR'],
    regions: ['EU'],
    certifications: ['iso-27001'],
    clusters: ['paris'],
  },
});
const terms = { agreements: [hashOf('a1')], bound: [['paris', 'rome']] };
const at = { now: 1000 };

describe('placement', () => {
  it('takes a cluster that has all that is asked for', () => {
    expect(place(demanding, [fitting], terms, at)).to.deep.equal({ candidates: ['paris'], unfit: [] });
  });

  const changes: readonly (readonly [UnfitReason, Partial<PlacementCluster>])[] = [
    ['not-active', { state: 'draining' }],
    ['unreachable', { isReachable: false }],
    ['court-order', { isForbidden: true }],
    ['agreement-not-served', { agreements: [hashOf('a2')] }],
    ['country', { country: 'DE' }],
    ['region', { region: 'US' }],
    ['certification', { certifications: [{ name: 'iso-27001', expires: 1000 }] }],
    ['architecture', { capabilities: { ...capabilities, architecture: 'arm64' } }],
    ['isolation-class', { capabilities: { ...capabilities, runtimes: [] } }],
    ['cpu', { free: { ...free, cpuMillis: 499 } }],
    ['memory', { free: { ...free, memoryMiB: 63 } }],
    ['storage', { free: { ...free, storageMiB: 9 } }],
    ['containers', { free: { ...free, containers: 0 } }],
  ];
  for (const [reason, change] of changes)
    it(`says ${reason}`, () => {
      const { candidates, unfit } = place(demanding, [{ ...fitting, ...change }], terms, at);
      expect(candidates).to.be.empty;
      expect(unfit).to.deep.equal([{ cluster: 'paris', reasons: [reason] }]);
    });

  it('keeps to the clusters that it names, and to those that every agreement names', () => {
    const { unfit } = place(
      demanding,
      [
        { ...fitting, id: 'rome' },
        { ...fitting, id: 'oslo' },
      ],
      terms,
      at,
    );
    expect(unfit).to.deep.equal([
      { cluster: 'rome', reasons: ['not-named'] },
      { cluster: 'oslo', reasons: ['not-named', 'not-agreed'] },
    ]);
  });

  it('takes a subdivision for its country', () => {
    const bavarian = { ...fitting, country: 'DE-BY' };
    const asking = (countries: readonly string[]) =>
      place(manifest({ placement: { countries } }), [bavarian], { agreements: [], bound: [] }, at).candidates;
    expect([asking(['DE']), asking(['DE-BY']), asking(['DE-BE'])]).to.deep.equal([['paris'], ['paris'], []]);
  });

  it('spreads services, packs jobs, and goes back to where a workload was', () => {
    const empty = { ...fitting, id: 'empty' };
    const full = { ...fitting, id: 'full', free: { ...free, cpuMillis: 1000 } };
    const order = (kind: string, before: string | null = null): readonly string[] =>
      place(manifest({ kind }), [full, empty], { agreements: [], bound: [] }, { ...at, before }).candidates;
    expect(order('service')).to.deep.equal(['empty', 'full']);
    expect(order('job')).to.deep.equal(['full', 'empty']);
    expect(order('service', 'full')).to.deep.equal(['full', 'empty']);
  });

  it('never takes more than there is, in whatever order workloads come', () => {
    const some = fc.array(
      fc.record({ cpuMillis: fc.integer({ min: 10, max: 4000 }), memoryMiB: fc.integer({ min: 1, max: 9000 }) }),
    );
    fc.assert(
      fc.property(some, (asked) => {
        let cluster = fitting;
        for (const each of asked) {
          const workload = manifest({ resources: { ...each, storageMiB: 1, pids: 1 } });
          const { candidates } = place(workload, [cluster], { agreements: [], bound: [] }, at);
          if (candidates.length > 0) cluster = { ...cluster, free: reserve(cluster.free, workload.resources) };
          else
            expect(each.cpuMillis > cluster.free.cpuMillis || each.memoryMiB > cluster.free.memoryMiB).to.equal(true);
        }
        expect(Math.min(cluster.free.cpuMillis, cluster.free.memoryMiB, cluster.free.containers)).to.be.at.least(0);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a workload', () => {
  it('is named by all that it says', () => {
    const names = [manifest(), manifest({ args: ['x'] }), manifest({ salt: '12'.repeat(32) })].map(workloadId);
    expect(new Set(names).size).to.equal(3);
    expect(workloadId(readWorkload(workloadCodec.toJson(manifest())))).to.equal(names[0]);
  });

  it('is refused with everything that is wrong, words of policies included', () => {
    const wrong = (change: object): string => {
      try {
        readWorkload({ ...(workloadCodec.toJson(manifest()) as object), ...change });
      } catch (error) {
        if (error instanceof EncError) return error.message;
        throw error;
      }
      return 'taken';
    };
    expect(wrong({ kind: 'cron', image: 'hello' })).to.match(/kind: .*; image: /);
    expect(wrong({ unknown: 1 })).to.match(/unknown: unknown field/);
    expect(
      wrong({ data: { operation: 'fly', classification: 'Internal', contents: ['personal'], source: 'DE' } }),
    ).to.match(/unknown word fly/);
    expect(wrong({})).to.equal('taken');
  });
});

/** Goal: each checker sees what it is there for. Method: facts that contradict each other, and a planted defect in whole runs. */
import { expect } from 'chai';
import type { UnsignedPayload } from '../../src/protocols/ibft/messages.ts';
import { chainId, digest, height, round } from '../../src/protocols/shared/brands.ts';
import type { Store } from '../../src/runtime/ports/store.ts';
import { type NodePorts, type Scenario, simulate } from '../../src/simulation.ts';
import { Agreement } from '../../src/simulation/system/checkers/agreement.ts';
import { Signatures } from '../../src/simulation/system/checkers/signatures.ts';

const one = digest('11'.repeat(32));
const two = digest('22'.repeat(32));
const chain = chainId('00'.repeat(32));

const vote = (kind: 'proposal' | 'prepare' | 'commit', at: number, content = one): UnsignedPayload => ({
  ...{ kind, height: height(5), round: round(at), digest: content },
});
const change = (to: number, prepared: number | null): UnsignedPayload => ({
  ...{ kind: 'round-change' as const, height: height(5), round: round(to) },
  ...(prepared === null
    ? { preparedRound: null, preparedDigest: null }
    : { preparedRound: round(prepared), preparedDigest: one }),
});

describe('the checker of agreement', () => {
  it('lets everybody finalise the same block, also twice, and refuses another one at its height', () => {
    const agreement = new Agreement();
    expect(agreement.onFinal({ node: 0, height: 5, digest: one })).to.equal(null);
    expect(agreement.onFinal({ node: 1, height: 5, digest: one })).to.equal(null);
    expect(agreement.onFinal({ node: 0, height: 5, digest: one })).to.equal(null);
    expect(agreement.onFinal({ node: 2, height: 5, digest: two }))
      .to.include('height 5')
      .and.include('validator 2');
    expect(agreement.onFinal({ node: 2, height: 6, digest: two })).to.equal(null);
    expect(agreement.highest).to.equal(6);
  });
});

describe('the checker of signatures', () => {
  const cases: readonly [name: string, payloads: readonly UnsignedPayload[], isSound: boolean][] = [
    ['the same vote twice', [vote('prepare', 0), vote('prepare', 0)], true],
    ['votes of different kinds for different blocks', [vote('prepare', 0), vote('commit', 0, two)], true],
    ['votes of different rounds for different blocks', [vote('prepare', 0), vote('prepare', 1, two)], true],
    ['two votes of one round', [vote('prepare', 0), vote('prepare', 0, two)], false],
    ['two proposals of one round', [vote('proposal', 2), vote('proposal', 2, two)], false],
    ['a round change that remembers its commit', [vote('commit', 1), change(2, 1)], true],
    ['a round change that forgets its commit', [vote('commit', 1), change(2, null)], false],
    ['a round change with an older certificate than its commit', [vote('commit', 1), change(3, 0)], false],
    ['a round change without a commit', [vote('prepare', 1), change(2, null)], true],
  ];
  for (const [name, payloads, isSound] of cases) {
    it(`${isSound ? 'lets pass' : 'refuses'} ${name}`, () => {
      const signatures = new Signatures(chain);
      const problems = payloads.map((payload) => signatures.onSigned(3, payload)).filter((problem) => problem !== null);
      expect(problems.length === 0, problems.join()).to.equal(isSound);
      expect(payloads.map((payload) => new Signatures(chain).onSigned(4, payload))).to.deep.equal(
        payloads.map(() => null),
      );
    });
  }
});

/** Keeps the number of starts, and nothing of what was signed: a guard that is open after every crash. */
function forgetful(store: Store): Store {
  const start = 'start-counter';
  const isKept = (key: Uint8Array): boolean => new TextDecoder('latin1').decode(key).endsWith(start);
  return {
    get: (table, key) => store.get(table, key),
    range: (table, options) => store.range(table, options),
    snapshot: () => store.snapshot(),
    sizeBytes: () => store.sizeBytes(),
    close: () => store.close(),
    durable: () => store.durable(),
    commit: (writes) => store.commit(writes.filter(({ table, key }) => table === 'guard-peers' || isKept(key))),
  };
}

const crashes: Scenario = {
  name: 'crashes',
  expects: 'Validators crash in the midst of rounds, and are back before the others have gone on.',
  validators: 4,
  durationMs: 90_000,
  delayMs: [100, 300],
  faults: (draw) =>
    Array.from({ length: 16 }, (_, crash) => ({
      ...{ kind: 'crash' as const, node: crash % 4 },
      ...{ atMs: 10_000 + 2_300 * crash + draw.between(0, 1_000), forMs: 50 },
    })),
};

describe('a validator whose guard forgets', function () {
  this.timeout(60_000);

  it('contradicts itself within a few seeds, and the checker of signatures sees it', async () => {
    const ports = (given: NodePorts): NodePorts => ({ ...given, records: forgetful(given.records) });
    const seen: string[] = [];
    for (let seed = 1; seed <= 5 && seen.length === 0; seed++) {
      const { verdicts } = await simulate(crashes, { seed, ports });
      for (const { checker, outcome } of verdicts) if (outcome === 'violated') seen.push(checker);
    }
    expect(seen).to.deep.equal(['signatures']);
  });

  it('is not seen where the guard remembers', async () => {
    const { ok } = await simulate(crashes, { seed: 1 });
    expect(ok).to.equal(true);
  });
});

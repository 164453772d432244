/**
 * Goal: liars do what they are said to do, the others see through it, and more liars than may be do break what must hold.
 * Method: whole runs, what validators say of the messages and blocks that they refuse, and negative controls.
 */
import { expect } from 'chai';
import { type Scenario, simulate } from '../../src/simulation.ts';
import type { NodePorts } from '../../src/simulation/system/validator-node.ts';

const base: Scenario = {
  name: 'liars',
  expects: '',
  validators: 4,
  durationMs: 60_000,
  transfersPerSecond: 3,
  faults: [],
};

/** Collects the reasons with which validators refuse messages. */
function listening(): { readonly ports: (ports: NodePorts) => NodePorts; readonly reasons: Set<string> } {
  const reasons = new Set<string>();
  const ports = (given: NodePorts): NodePorts => {
    const { telemetry } = given;
    const counter = (name: string, description: string): ReturnType<typeof telemetry.counter> => {
      const own = telemetry.counter(name, description);
      return {
        add: (value, attributes) => {
          if (attributes?.['kind'] === 'rejected') reasons.add(String(attributes['reason']));
          own.add(value, attributes);
        },
      };
    };
    return { ...given, telemetry: { ...telemetry, counter } };
  };
  return { ports, reasons };
}

describe('liars', function () {
  this.timeout(60_000);

  it('propose blocks that are wrong in many ways, each refused for what is wrong with it', async () => {
    const { ports, reasons } = listening();
    const scenario: Scenario = {
      ...base,
      validators: 7,
      faults: [1, 2].map((node) => ({ kind: 'invalid-blocks', node, wrong: null, atMs: 4_000, forMs: 56_000 })),
    };
    for (const seed of [1, 2, 3]) {
      const { ok, counts, verdicts, log } = await simulate(scenario, { seed, ports, keepLog: true });
      for (const { message, fields } of log) if (message === 'invalid block') reasons.add(String(fields['reason']));
      expect(ok, JSON.stringify(verdicts)).to.equal(true);
      expect(counts['bpci.consensus.rounds time-out']).to.be.greaterThan(5);
    }
    expect([...reasons]).to.include.members([
      ...['wrong-parent', 'wrong-header-proposer', 'wrong-state-root', 'wrong-log-root', 'wrong-events-root'],
      ...['time-too-early', 'bad-beacon', 'bad-signature', 'transaction-nonce-used', 'commit-below-quorum'],
      'transaction-expired',
    ]);
  });

  it('forge certificates, each refused for what is wrong with it, and are punished for what they forget', async () => {
    const { ports, reasons } = listening();
    const scenario: Scenario = {
      ...base,
      faults: [
        { kind: 'forge-certificates', node: 1, atMs: 4_000, forMs: 56_000 },
        { kind: 'withhold', node: 1, messages: ['commit'], atMs: 4_000, forMs: 56_000 },
        { kind: 'loss', probability: 0.2, atMs: 5_000, forMs: 12_000 },
      ],
    };
    const { ok, verdicts } = await simulate(scenario, { seed: 3, ports });
    expect(ok, JSON.stringify(verdicts)).to.equal(true);
    expect([...reasons]).to.include.members(['unexpected-certificate', 'prepared-half-present', 'no-prepare-quorum']);
  });

  it('say of starts what nobody signed: it is refused, and nobody correct abstains, though all start at once', async () => {
    const { ports, reasons } = listening();
    const scenario: Scenario = {
      ...base,
      faults: [
        { kind: 'false-starts', node: 1, atMs: 4_000, forMs: 56_000 },
        ...[0, 2, 3].map((node) => ({ kind: 'crash' as const, node, atMs: 10_000, forMs: 1_000 + 200 * node })),
        // Its own starts are told falsely too.
        ...[15_000, 17_000, 19_000].map((atMs) => ({ kind: 'crash' as const, node: 1, atMs, forMs: 500 })),
      ],
    };
    const { ok, counts, verdicts } = await simulate(scenario, { seed: 1, ports });
    expect(ok, JSON.stringify(verdicts)).to.equal(true);
    expect(counts['a restored copy abstained'] ?? 0).to.equal(0);
    expect([...reasons]).to.include.members(['unproven-start', 'unsigned-start']);
  });

  it('fork the chain where they are one more than may be, and the checkers see it', async () => {
    const scenario: Scenario = {
      ...base,
      violates: ['agreement', 'certificates'],
      faults: [0, 1].map((node) => ({ kind: 'equivocate', node, atMs: 4_000, forMs: 56_000 })),
    };
    const { ok, verdicts } = await simulate(scenario, { seed: 1 });
    const violated = verdicts.filter(({ outcome }) => outcome === 'violated').map(({ checker }) => checker);
    // Two blocks may be decided: that is seen before anybody finalises either.
    expect(violated, JSON.stringify(verdicts)).to.deep.equal(['certificates']);
    expect(ok).to.equal(true);
  });

  it('may be no more than may be where nothing is to be violated', async () => {
    const faults = [0, 1].map((node) => ({ kind: 'replay' as const, node, atMs: 4_000, forMs: 1_000 }));
    const refused = await simulate({ ...base, faults }, { seed: 1 }).catch((error: unknown) => error);
    expect(String(refused)).to.include('2 of 4 validators lie, at most 1');
  });

  it('are not those whom a network is blamed for: a run that lacks its violation is not as expected', async () => {
    const { ok } = await simulate({ ...base, durationMs: 50_000, violates: ['agreement'] }, { seed: 1 });
    expect(ok).to.equal(false);
  });
});

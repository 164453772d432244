/**
 * Goal: clients and operators do what their faults say, so that checkers meet it: cheats are refused or come to nothing,
 * crowds of accounts come into being, and a bond on its way back is forfeited. Method: whole runs, and their chains.
 */
import { expect } from 'chai';
import { resultCodec } from '../../src/protocols/ledger/results.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import type { ChainReader } from '../../src/actors/chain/chain-reader.ts';
import { memberBond } from '../../src/simulation/system/genesis.ts';
import type { NodePorts, ValidatorNode } from '../../src/simulation/system/validator-node.ts';
import { type Fault, type Scenario, simulate } from '../../src/simulation.ts';

const base: Scenario = {
  ...{ name: 'clients', expects: '', validators: 4, durationMs: 60_000, blockTimeMs: 1_000, faults: [] },
};

interface Seen {
  /** What became of transactions in mempools. */
  readonly outcomes: ReadonlySet<string>;
  readonly reader: ChainReader;
}

async function run(faults: readonly Fault[], durationMs = 60_000): Promise<Seen> {
  const outcomes = new Set<string>();
  let nodes: readonly ValidatorNode[] = [];
  const ports = (given: NodePorts): NodePorts => {
    const { telemetry } = given;
    const counter = (name: string): ReturnType<typeof telemetry.counter> => ({
      add: (_value, attributes) => {
        if (name === 'bpci.mempool.transactions') outcomes.add(String(attributes?.['outcome']));
      },
    });
    return { ...given, telemetry: { ...telemetry, counter } };
  };
  const { ok, verdicts } = await simulate(
    { ...base, durationMs, faults },
    { seed: 1, ports, onNodes: (all) => (nodes = all as readonly ValidatorNode[]) },
  );
  expect(ok, JSON.stringify(verdicts)).to.equal(true);
  return { outcomes, reader: nodes[0]!.parts!.wiring.reader };
}

function codesOf(reader: ChainReader): ReadonlySet<string> {
  const codes = new Set<string>();
  for (let index = 0, found = reader.leaf(0); found !== undefined; found = reader.leaf((index += 1))) {
    codes.add(decode(resultCodec, found.leaf.result).code);
  }
  return codes;
}

/** Values of an attribute of events of one kind, by height. */
function eventsOf(reader: ChainReader, kind: string, attribute: string): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, readonly string[]>();
  for (const [height, events] of reader.eventHeights(1)) {
    const own = events.filter((event) => event.kind === kind);
    const values = own.map(({ attributes }) => attributes.find(({ name }) => name === attribute)?.value ?? '');
    if (values.length > 0) found.set(height, values);
  }
  return found;
}

describe('clients in a simulation', function () {
  this.timeout(60_000);

  it('cheat in ways that mempools refuse, and in ways that come to nothing in a block', async () => {
    const { outcomes, reader } = await run([{ kind: 'cheat', perSecond: 40, atMs: 2_000, forMs: 18_000 }]);
    const refused = ['known', 'expired', 'nonce-used', 'nonce-taken', 'nonce-too-far'];
    expect([...outcomes]).to.include.members(['accepted', ...refused]);
    const failed = ['amount-zero', 'insufficient-balance', 'insufficient-bond', 'inadmissible-key'];
    expect([...codesOf(reader)]).to.include.members(['ok', ...failed]);
  });

  it('come in crowds: scores of accounts come into being within a block, and more in others', async () => {
    const { reader } = await run([{ kind: 'flood', node: 1, perSecond: 80, atMs: 2_000, forMs: 17_000 }]);
    const created = [...eventsOf(reader, 'account-created', 'account').values()].map(({ length }) => length);
    expect(Math.max(...created)).to.be.greaterThan(40);
    expect(created.filter((count) => count > 10).length).to.be.greaterThan(1);
  });

  it('who takes back a part of its bond and then contradicts itself loses that too', async () => {
    const faults: readonly Fault[] = [
      { kind: 'unbond', node: 1, atMs: 2_000, forMs: 18_000 },
      { kind: 'equivocate', node: 1, atMs: 10_000, forMs: 60_000 },
    ];
    const { reader } = await run(faults, 75_000);
    const asked = [...eventsOf(reader, 'unbonding', 'account').keys()];
    const forfeited = [...eventsOf(reader, 'punished', 'forfeited')];
    const [height, amounts] = forfeited[0]!;
    expect(Math.min(...asked)).to.be.lessThan(height);
    expect(BigInt(amounts[0]!)).to.satisfy((amount: bigint) => amount > memberBond);
  });
});

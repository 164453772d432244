/**
 * Goal: what the court orders, flows obey, with the reason; and an order reaches nobody whom its agreement does not bind. Method:
 * agreements, cases and rulings by real transactions on a chain in memory that the light follows; whom an order reaches as a table
 * on a state alone.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import type { Answered } from '../../../src/actors/traffic/messages.ts';
import { readJson } from '../../../src/protocols/ledger/json-codec.ts';
import {
  type ObeyedProof,
  obeyedProofCodec,
  type ObeyedVerification,
  verifyObeyedProof,
} from '../../../src/protocols/traffic/obeyed-proof.ts';
import { DecisionLog } from '../../../src/actors/traffic/decision-log.ts';
import {
  agreementId,
  type AgreementTerms,
  type EnforcementAction,
  type EnforcementRule,
} from '../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { caseIdOf, caseOf, type CaseStage } from '../../../src/protocols/ledger/modules/court/case-state.ts';
import { type OrderedAction, readActions } from '../../../src/protocols/ledger/modules/court/enforcement.ts';
import { addConstraint } from '../../../src/protocols/ledger/modules/court/constraints.ts';
import { readService } from '../../../src/protocols/ledger/modules/registry.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { CourtRules } from '../../../src/protocols/court/court-rules.ts';
import { allAgreements, readStored } from '../../../src/protocols/ledger/modules/court/agreement-state.ts';
import type { Digest } from '../../../src/protocols/shared/brands.ts';
import { constraintsMax } from '../../../src/protocols/traffic/constraints.ts';
import { decodeEntry, encodeEntry, type LogEntry } from '../../../src/protocols/traffic/entry.ts';
import type { TrafficDecision } from '../../../src/protocols/traffic/receipt.ts';
import type { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import {
  acme,
  CourtWorld,
  hashOf,
  provider as providerKey,
  serviceTerms,
  unit,
} from '../../protocols/ledger/court/court-world.ts';
import { signerOf } from '../../support/memory-chain.ts';
import { lightKey, running } from '../../support/traffic-light-world.ts';
import { trafficRequest, verifier } from '../../support/traffic-world.ts';

const customer = signerOf(40);
const provider = signerOf(41);
const bindings = {
  ...serviceTerms().bindings,
  tenants: [
    { name: 'customer-tenant', account: customer.publicKey },
    { name: 'provider-tenant', account: provider.publicKey },
  ],
  workloads: ['orders', 'web'],
  dataClasses: ['Internal', 'Confidential'],
} as const;

type Light = Awaited<ReturnType<typeof running>>;

/** An agreement between the two, with what a ruling may order and what the provider puts in escrow. */
function termsWith(enforcementRules: readonly EnforcementRule[], deposit: bigint): AgreementTerms {
  const terms = serviceTerms({ bindings, enforcementRules });
  const [first, second] = terms.parties;
  const delivery = terms.obligations.find(({ id }) => id === 'delivery');
  if (first === undefined || second === undefined || delivery === undefined) throw new Error('two parties expected');
  return {
    ...terms,
    parties: [
      { ...first, account: customer.publicKey },
      { ...second, account: provider.publicKey, deposit },
    ],
    obligations: [{ ...delivery, debtor: provider.publicKey, creditor: customer.publicKey }],
  };
}

class Dispute {
  readonly world: Light;
  readonly agreement: Digest;
  readonly id: Digest;
  readonly #terms: AgreementTerms;

  constructor(world: Light, terms: AgreementTerms) {
    this.world = world;
    this.#terms = terms;
    this.agreement = agreementId({ terms: this.#terms, content: hashOf('c0') });
    this.id = caseIdOf(this.agreement, 'delivery', 0);
  }

  send(by: Signer, kind: string, body: unknown): void {
    this.world.feed.block(this.world.feed.transaction(by, kind, body));
  }

  until(stage: CaseStage): void {
    const { chain } = this.world;
    for (let blocks = 0; caseOf(new View(chain.chain.state), this.id).stage !== stage; blocks++) {
      if (blocks === 100) throw new Error('the case stays where it is');
      this.world.feed.block();
    }
  }

  /** Both sign, the provider funds, does not deliver, and admits it; the ruling is final. */
  ruled(amount: bigint, actions: readonly number[]): void {
    const { agreement, id } = this;
    this.send(customer, 'agreements.draft', { terms: this.#terms, content: hashOf('c0') });
    this.send(customer, 'agreements.offer', { agreement });
    this.send(customer, 'agreements.sign', { agreement });
    this.send(provider, 'agreements.sign', { agreement });
    const deposit = this.#terms.parties[1]?.deposit ?? 0n;
    if (deposit > 0n) this.send(provider, 'agreements.fund', { agreement, amount: deposit });
    const { chain } = this.world.chain;
    while (chain.tip.time < 1_700_000_021_000) this.world.feed.block();
    const notice = { agreement, obligation: 'delivery', period: 0, statements: [], grounds: hashOf('91') };
    this.send(customer, 'court.notice-breach', notice);
    this.until('filing');
    this.send(customer, 'court.file', { case: id, amount, actions, grounds: hashOf('92') });
    this.send(provider, 'court.respond', { case: id, admits: true, answer: hashOf('93') });
    this.until(actions.length === 0 ? 'closed' : 'enforcement');
  }
}

async function disputed(rules: readonly EnforcementRule[], deposit = 500n * unit): Promise<Dispute> {
  const world = await running({}, [customer.publicKey, provider.publicKey]);
  return new Dispute(world, termsWith(rules, deposit));
}

/** Its log as another reader finds it on the disk. */
async function logged(
  { feed }: Light,
  disk: MemoryDisk,
): Promise<readonly { readonly id: Digest; readonly index: number; readonly entry: LogEntry }[]> {
  const store = disk.copy().open({ kind: 'services', version: 1, chainId: feed.chainId });
  const log = await DecisionLog.open({ store, chainId: feed.chainId, signer: lightKey, anchor: null });
  return [...log.newestFirst()].reverse().map(({ id, index, bytes }) => ({ id, index, entry: decodeEntry(bytes) }));
}

let requests = 0;

/** What a flow is told that the policies alone let pass. */
async function decided({ world }: Dispute, tenant: string, workload = 'web'): Promise<TrafficDecision> {
  const request = trafficRequest(`request-${++requests}`, 'DE', 'FR', {
    bases: ['contract'],
    subject: { tenant, workload },
  });
  return (await world.decision(request)).decision;
}

const stateOf = async (dispute: Dispute, tenant: string, workload?: string): Promise<string> =>
  (await decided(dispute, tenant, workload)).state;

describe('a light and the court', () => {
  it('turns a tenant Red from the block of the ruling on, by its name and by its account, and names the case', async () => {
    const dispute = await disputed([{ action: 'flow-red', target: 'provider-tenant' }]);
    expect(await stateOf(dispute, 'provider-tenant')).equal('Green');
    dispute.ruled(1n * unit, [0]);
    for (const tenant of ['provider-tenant', provider.publicKey]) {
      const { state, enforcementAction, reasons, steps } = await decided(dispute, tenant);
      expect([state, enforcementAction, reasons]).deep.equal(['Red', 'block', [`court:${dispute.id}`]]);
      expect(steps.map((one) => one.state)).deep.equal(['Red', 'Green', 'Green']);
    }
    expect(await stateOf(dispute, 'customer-tenant')).equal('Green');
    expect(await stateOf(dispute, 'acme')).equal('Green');
  });

  it('suspends whoever owes a penalty, names the agreement, and lets him go on once it is paid', async () => {
    const rich = await disputed([]);
    rich.ruled(400n * unit, []);
    expect(await stateOf(rich, 'provider-tenant'), 'the escrow was enough').equal('Green');
    const poor = await disputed([], 0n);
    poor.ruled(400n * unit, []);
    const { state, reasons } = await decided(poor, 'provider-tenant');
    expect([state, reasons]).deep.equal(['Red', [`court:${poor.agreement}`]]);
    poor.send(provider, 'agreements.fund', { agreement: poor.agreement, amount: 400n * unit });
    expect(await stateOf(poor, 'provider-tenant')).equal('Green');
  });

  it('confirms an order with its key, by a receipt that is the entry of its log from which it obeys', async () => {
    const dispute = await disputed([{ action: 'flow-red', target: 'provider-tenant' }]);
    dispute.ruled(1n * unit, [0]);
    const { world, id } = dispute;
    const actions = (): readonly OrderedAction[] => readActions(new View(world.chain.chain.state), id);
    expect(actions().map(({ status }) => status)).deep.equal(['executed']);
    await world.blocks(4);
    const [confirmed] = actions();
    expect(confirmed).include({ status: 'confirmed', service: 'light-1' });
    expect(caseOf(new View(world.chain.chain.state), id).stage).equal('closed');
    expect(readService(new View(world.chain.chain.state), 'light-1')).include({
      ...{ kind: 'traffic', owner: lightKey.publicKey, node: lightKey.publicKey },
    });
    const entries = await logged(world, world.disk);
    const receipts = entries.filter(({ entry }) => entry.type === 'obeyed');
    expect(receipts.map((receipt) => receipt.id)).deep.equal([confirmed?.receipt]);
    expect(receipts[0]?.entry).include({ case: id, action: 0, effect: 'flow-red', log: world.record()?.logId });
    expect(world.record()?.size, 'anchored with the receipt').greaterThan(receipts[0]?.index ?? Infinity);
    expect(world.feed.sent.filter((kind) => kind === 'court.confirm-action').length).equal(1);
  });

  it('proves to whoever has the genesis that it obeys, by the receipt that it confirmed with', async () => {
    const dispute = await disputed([{ action: 'flow-red', target: 'provider-tenant' }]);
    dispute.ruled(1n * unit, [0]);
    const { world, id } = dispute;
    await world.blocks(4);
    const receipt = readActions(new View(world.chain.chain.state), id)[0]?.receipt ?? id;
    const proofOf = (of: Digest): Promise<Answered<ObeyedProof>> =>
      world.ask((replyTo) => ({ type: 'obeyed-proof', id: of, replyTo }));
    const answer = await proofOf(receipt);
    if (answer.kind !== 'answer') throw new Error(answer.reason);
    const json: unknown = JSON.parse(JSON.stringify(obeyedProofCodec.toJson(answer.value)));
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    for (const name of ['proof-bundle', 'obeyed-proof'])
      ajv.addSchema(JSON.parse(readFileSync(`docs/formats/${name}.schema.json`, 'utf8')) as object);
    expect(ajv.validate('urn:bpci:format:obeyed-proof:v1', json), ajv.errorsText()).equal(true);
    const read = readJson(obeyedProofCodec, json);
    if (!('value' in read)) throw new Error(JSON.stringify(read.problems));
    const { genesis } = world.chain;
    const verify = (proof: ObeyedProof): ObeyedVerification =>
      verifyObeyedProof(proof, genesis, {
        verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
      });
    const found = verify(read.value);
    expect(found.checks.filter(({ ok }) => !ok)).deep.equal([]);
    expect([found.verdict, found.obeyed?.id]).deep.equal(['valid', receipt]);
    expect(found.obeyed).include({ case: id, action: 0, effect: 'flow-red' });
    const { value } = read;
    const bytes = value.entry.slice();
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const decision = await decided(dispute, 'acme');
    const entries = await logged(world, world.disk);
    const other = entries.find((one) => one.id === decision.id);
    const wrong: readonly ObeyedProof[] = [
      { ...value, entry: bytes },
      { ...value, index: value.index + 1 },
      { ...value, inclusion: [...value.inclusion, new Uint8Array(32)] },
      { ...value, light: customer.publicKey },
      { ...value, entry: encodeEntry(other?.entry ?? { type: 'missed', decision: id, obligation: '', time: 0 }) },
    ];
    expect(wrong.map((proof) => verify(proof).verdict)).deep.equal(wrong.map(() => 'invalid'));
    expect(verify({ ...value, anchor: null }).verdict).equal('unanchored');
    expect(await proofOf(decision.id), 'a decision is no receipt').deep.equal({
      kind: 'refused',
      reason: 'unknown-receipt',
    });
    expect((await proofOf(id)).kind).equal('refused');
  });

  it('confirms what it was ordered while it was away, and nothing twice', async () => {
    const dispute = await disputed([
      { action: 'flow-red', target: 'provider-tenant' },
      { action: 'flow-yellow', target: 'customer-tenant' },
      { action: 'stop-workloads', target: 'orders' },
    ]);
    const { world, id } = dispute;
    await world.actors.system.stop(world.light);
    dispute.ruled(1n * unit, [0, 1, 2]);
    const away = world.start(world.disk.copy());
    await world.blocks(1);
    const restarted = away.copy();
    await world.blocks(2);
    await world.actors.system.stop(world.light);
    world.start(restarted);
    await world.blocks(5);
    const actions = readActions(new View(world.chain.chain.state), id);
    expect(actions.map(({ order, status }) => [order.action, status])).deep.equal([
      ['flow-red', 'confirmed'],
      ['flow-yellow', 'confirmed'],
      ['stop-workloads', 'executed'],
    ]);
    const receipts = (await logged(world, restarted)).flatMap((one) => (one.entry.type === 'obeyed' ? [one.id] : []));
    expect(receipts).deep.equal([actions[0]?.receipt, actions[1]?.receipt]);
  });

  it('has a workload stopped, and no other', async () => {
    const dispute = await disputed([{ action: 'stop-workloads', target: 'orders' }]);
    dispute.ruled(1n * unit, [0]);
    expect(await decided(dispute, 'provider-tenant', 'orders')).include({
      state: 'Red',
      enforcementAction: 'stop-workload',
    });
    expect(await stateOf(dispute, 'provider-tenant', 'web')).equal('Green');
    expect(await stateOf(dispute, 'acme', 'orders'), 'another tenant’s workload of this name').equal('Green');
  });

  it('holds what the court turned Yellow until a reviewer has seen it', async () => {
    const dispute = await disputed([{ action: 'flow-yellow', target: 'provider-tenant' }]);
    dispute.ruled(1n * unit, [0]);
    const { state, enforcementAction, obligations } = await decided(dispute, 'provider-tenant');
    expect([state, enforcementAction]).deep.equal(['Yellow', 'hold']);
    const asked = obligations.find(({ id }) => id === `court:${dispute.id}`);
    expect(asked).include({ kind: 'court-review', phase: 'before', proofBy: 'reviewer', deadlineSeconds: 172_800 });
  });

  it('is Red for whoever it is against where the order names what a light cannot tell apart', async () => {
    const dispute = await disputed([{ action: 'flow-red', target: 'flow-1' }]);
    dispute.ruled(1n * unit, [0]);
    expect(await stateOf(dispute, 'provider-tenant')).equal('Red');
    expect(await stateOf(dispute, 'customer-tenant')).equal('Green');
  });

  it('leaves those alone whom parties name without binding them', async () => {
    const dispute = await disputed([{ action: 'suspend-tenant', target: 'acme' }]);
    dispute.ruled(1n * unit, [0]);
    expect(await stateOf(dispute, 'acme')).equal('Green');
    expect(await stateOf(dispute, 'provider-tenant')).equal('Red');
  });
});

describe('orders in the state', () => {
  const anything = { country: null, classification: null };
  const bound = {
    ...serviceTerms().bindings,
    tenants: [
      { name: 'one', account: acme },
      { name: 'two', account: providerKey },
    ],
    workloads: ['w1'],
    clusters: [],
  };

  function stateWith(order: (view: View, agreement: Digest) => void): CourtRules {
    const world = new CourtWorld();
    world.draft(serviceTerms({ bindings: bound }));
    const { view } = world;
    order(view, world.agreement);
    return new CourtRules(view, allAgreements(view), (agreement) => readStored(view, agreement)?.terms);
  }
  const owes = `debt/${providerKey}`;
  /** Who of `one/w1 one/w2 two/w1 two/w2 three/w1` is not Green. */
  const reached = (rules: CourtRules): string =>
    ['one/w1', 'one/w2', 'two/w1', 'two/w2', 'three/w1']
      .filter((place) => {
        const [tenant = '', workload = ''] = place.split('/');
        return rules.constraintsOf({ tenant, workload, ...anything }).length > 0;
      })
      .join(' ');

  const cases: readonly (readonly [EnforcementAction, string, string])[] = [
    ['flow-red', 'one', 'one/w1 one/w2'],
    ['flow-red', providerKey, 'two/w1 two/w2'],
    ['flow-red', 'w1', 'one/w1 two/w1'],
    ['flow-red', 'enc-9', 'two/w1 two/w2'],
    ['suspend-tenant', 'two', 'two/w1 two/w2'],
    ['suspend-tenant', 'three', 'two/w1 two/w2'],
    ['stop-workloads', 'w1', 'one/w1 two/w1'],
    ['flow-yellow', 'two', 'two/w1 two/w2'],
    ['require-policy', 'two', ''],
    ['revoke-certificate', 'two', ''],
  ];
  for (const [action, target, expected] of cases) {
    it(`${action} of ${target === providerKey ? 'an account' : target} reaches ${expected || 'no flow'}`, () => {
      const orders = stateWith((view, agreement) => addConstraint(view, { action, target }, agreement, owes));
      expect(reached(orders)).equal(expected);
      expect(orders.isSuspended('two')).equal(action === 'suspend-tenant');
    });
  }

  it('against somebody without a tenant reach every tenant that the agreement binds', () => {
    const rule = { action: 'flow-red', target: 'enc-9' } as const;
    const orders = stateWith((view, agreement) => addConstraint(view, rule, agreement, `case/${hashOf('44')}`));
    expect(reached(orders)).equal('one/w1 one/w2 two/w1 two/w2');
  });

  it('of an agreement that is not there reach nobody', () => {
    const rule = { action: 'flow-red', target: 'one' } as const;
    expect(reached(stateWith((view) => addConstraint(view, rule, hashOf('45'), owes)))).equal('');
  });

  it('come once a source and effect, the gravest first, and never more than an entry of a log holds', () => {
    const caseOfIndex = (index: number): string => `case/${index.toString(16).padStart(64, '0')}`;
    const effectsOf = (reviews: number, ...others: readonly EnforcementAction[]): readonly string[] =>
      stateWith((view, agreement) => {
        for (let index = 0; index < reviews; index++)
          addConstraint(view, { action: 'flow-yellow', target: 'two' }, agreement, caseOfIndex(index));
        for (const action of others) addConstraint(view, { action, target: 'two' }, agreement, caseOfIndex(0));
      })
        .constraintsOf({ tenant: 'two', workload: 'w1', ...anything })
        .map(({ effect }) => effect);
    expect(effectsOf(2, 'flow-red', 'suspend-tenant')).deep.equal(['forbid', 'review', 'review']);
    expect(effectsOf(constraintsMax)).deep.equal(Array.from({ length: constraintsMax }, () => 'review'));
    expect(effectsOf(constraintsMax + 1), 'more than can be proved').deep.equal(['forbid']);
    const many = effectsOf(constraintsMax, 'stop-workloads', 'flow-red');
    expect([many.length, many[0], many[1]]).deep.equal([constraintsMax, 'stop-workload', 'forbid']);
  });
});

/**
 * Goal: what a light writes, signs and shows is what docs/formats says, and its bytes never change unseen. Method: entries, receipts
 * and held flows of a real light against the published schemas, entries read by a MessagePack reader of somebody else; fixed hex
 * literals of one entry of each type (a byte that is repeated is written `21*32`).
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { Unpackr } from 'msgpackr';
import type { Light, Placed } from '../../../src/actors/traffic/light.ts';
import { quarantineView } from '../../../src/actors/traffic/traffic-api.ts';
import type { ChainId, Digest, PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toHex } from '../../../src/protocols/shared/bytes.ts';
import type { DsseEnvelope } from '../../../src/protocols/shared/dsse.ts';
import { sha256 } from '../../../src/protocols/shared/hash.ts';
import { type DecisionEntry, decodeEntry, encodeEntry, type LogEntry } from '../../../src/protocols/traffic/entry.ts';
import { dischargeSigningBytes } from '../../../src/protocols/traffic/quarantine.ts';
import { signReceipt, toTrafficDecision } from '../../../src/protocols/traffic/receipt.ts';
import type { TrafficRequest } from '../../../src/protocols/traffic/flow.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import {
  caller,
  factsOf,
  greenRequest,
  isReviewer,
  lightSigner,
  now,
  openLight,
  redRequest,
  reviewer,
  testChain,
  yellowRequest,
} from '../../support/traffic-world.ts';

const schemaOf = (name: string): object =>
  JSON.parse(readFileSync(`docs/formats/${name}.schema.json`, 'utf8')) as object;
const ajv = new Ajv2020({ strict: true, allErrors: true, strictTuples: false, allowUnionTypes: true });
for (const name of ['traffic-receipt', 'quarantine-item', 'traffic-log-entry']) ajv.addSchema(schemaOf(name));

/** Why it does not fit; null where it does. */
function problem(format: string, value: unknown): string | null {
  const validate = ajv.getSchema(`urn:bpci:format:${format}`);
  if (validate === undefined) throw new Error(`no schema ${format}`);
  return validate(value) === true ? null : ajv.errorsText(validate.errors);
}

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number' });
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? toHex(value) : Array.isArray(value) ? value.map(plain) : value;
const asJson = (bytes: Uint8Array): unknown => plain(unpackr.unpack(bytes));

const hash = (byte: string): Digest => byte.repeat(32) as Digest;
const key = (byte: string): PublicKey => byte.repeat(32) as PublicKey;

/** `21*32`: the byte 0x21, 32 times. */
const expand = (text: string): string =>
  text
    .replace(/([0-9a-f]{2})\*(\d+)/g, (_, byte: string, count: string) => byte.repeat(Number(count)))
    .replace(/ /g, '');

async function light(): Promise<Light> {
  const facts = factsOf({ hasRole: (by, role) => isReviewer(by) && role === 'compliance-officer' });
  return (await openLight(new MemoryDisk(), { facts })).light;
}

function decide(of: Light, request: TrafficRequest, isLate = false): Placed {
  const answer = of.decide(request, { caller, now, isLate });
  if (answer.kind !== 'decided') throw new Error(answer.kind);
  return answer;
}

describe('formats of a traffic light', () => {
  it('entries of a real log fit the schema, and no others do', async () => {
    const own = await light();
    for (const request of [greenRequest('1'), redRequest('2'), yellowRequest('3')]) decide(own, request);
    decide(own, greenRequest('4'), true);
    const held = decide(own, yellowRequest('5'));
    const { policySetHash } = held.entry.outcome.policy ?? { policySetHash: held.id };
    const obligation = held.entry.outcome.obligations.find(({ phase }) => phase === 'before')?.id ?? '';
    const claim = { decision: held.id, request: held.entry.request, obligation, policySetHash };
    const signature = reviewer.sign(dischargeSigningBytes(testChain, claim));
    own.discharge(held.id, obligation, { by: reviewer.publicKey, signature }, now);
    own.tick(now + 86_400_001);
    own.obey([{ case: hash('c1'), index: 0, order: { action: 'flow-red', target: 'somebody' } }], now);
    await own.log.durable();
    const entries = [...own.log.newestFirst()].map(({ bytes }) => bytes);
    const types = entries.map((bytes) => decodeEntry(bytes).type);
    expect([...new Set(types)].sort()).deep.equal(['closed', 'decision', 'discharge', 'epoch', 'obeyed']);
    for (const bytes of entries) expect(problem('traffic-log-entry:v1', asJson(bytes))).equal(null);
    for (const wrong of [['decision', []], ['closed', [hash('aa'), 'forgotten', null, 1]], ['other', []], [], 'epoch'])
      expect(problem('traffic-log-entry:v1', wrong)).not.equal(null);
  });

  it('receipts of every state fit theirs: envelope, statement and decision', async () => {
    const own = await light();
    for (const [request, isLate] of [
      [greenRequest('1'), false],
      [yellowRequest('2'), false],
      [redRequest('3'), false],
      [greenRequest('4'), true],
    ] as const) {
      const { id, entry } = decide(own, request, isLate);
      const receipt = signReceipt(toTrafficDecision(id, entry), lightSigner);
      expect(problem('traffic-receipt:v1', receipt)).equal(null);
      const statement: unknown = JSON.parse(Buffer.from(receipt.payload, 'base64').toString());
      expect(problem('traffic-receipt:v1#/$defs/statement', statement)).equal(null);
      const { predicate } = statement as { predicate: object };
      expect(problem('traffic-receipt:v1#/$defs/decision', { ...predicate, state: 'Blue' })).not.equal(null);
      expect(problem('traffic-receipt:v1#/$defs/decision', { ...predicate, tenant: 'acme' })).not.equal(null);
    }
  });

  it('held flows as they are shown fit theirs, and name nobody', async () => {
    const own = await light();
    decide(own, yellowRequest('1'));
    const shown = own.held.map(quarantineView);
    expect(shown.length).equal(1);
    for (const item of shown) {
      expect(problem('quarantine-item:v1', JSON.parse(JSON.stringify(item)))).equal(null);
      expect(problem('quarantine-item:v1', { ...(item as object), tenant: 'acme' })).not.equal(null);
    }
  });
});

const late: DecisionEntry = {
  ...{ type: 'decision', log: hash('a1'), index: 7, request: hash('a2') },
  inputs: {
    ...{ time: 1_700_000_000_000, minHeight: null, enforcementPoint: key('a3'), identity: hash('a4') },
    flow: {
      ...{ operation: 'transfer', classification: 'Internal', contents: ['personal'], purpose: 'billing' },
      source: { region: 'EU', country: 'DE' },
      destination: { region: 'US', country: 'US', recipientKinds: [] },
      ...{ dataSubjects: [], origin: [], bases: ['contract'], safeguards: [], circumstances: [], persons: [] },
    },
    state: {
      ...{ height: 5, stateTime: 1_699_999_999_000, stateAgeMsMax: 30_000, policy: null, isSuspended: false },
      ...{ certified: { base: [], tightened: [], tenant: [] }, constraints: [] },
    },
    ...{ counters: [], releases: null, discharged: [], hasRoom: true, isLate: true },
  },
  outcome: {
    ...{ state: 'Red', action: 'block', compliance: 'non-compliant', reasons: ['deadline'], policy: null },
    ...{ obligations: [], spends: [], lifetimeMs: null },
  },
};

const entries: Readonly<Record<string, LogEntry>> = {
  epoch: { type: 'epoch', chainId: hash('ab') as string as ChainId, light: key('a5'), epoch: 1, previous: null },
  decision: late,
  discharge: {
    ...{ type: 'discharge', decision: hash('a6'), obligation: 'o-1', by: key('a7') },
    ...{ signature: new Uint8Array(64).fill(0xa8), time: 9 },
  },
  relayed: {
    ...{ type: 'relayed', decision: hash('a6'), obligation: 'o-1', by: key('a7'), transaction: hash('a9'), time: 9 },
  },
  closed: { type: 'closed', decision: hash('a6'), how: 'lapsed', by: null, time: 300 },
  missed: { type: 'missed', decision: hash('a6'), obligation: 'o-1', time: 300 },
  obeyed: {
    ...{ type: 'obeyed', log: hash('a1'), index: 8, case: hash('b1'), action: 0, effect: 'flow-red', height: 6 },
    time: 300,
  },
};

const golden: Readonly<Record<string, string>> = {
  epoch: '92a565706f636894c420 ab*32 c420 a5*32 01c0',
  decision:
    '92a86465636973696f6e95c420 a1*32 07c420 a2*32 9bcf0000018bcfe56800c0c420 a3*32 c420 a4*32 c4439c' +
    'a87472616e73666572a8496e7465726e616c91a8706572736f6e616ca762696c6c696e6792a24555a2444593a25553a2' +
    '555390909091a8636f6e7472616374909090c4159705cf0000018bcfe56418cd7530c093909090c29090c090c3c3c427' +
    '98a3526564a5626c6f636bad6e6f6e2d636f6d706c69616e7491a8646561646c696e65c09090c0',
  discharge: '92a964697363686172676595c420 a6*32 a36f2d31c420 a7*32 c440 a8*64 09',
  relayed: '92a772656c6179656495c420 a6*32 a36f2d31c420 a7*32 c420 a9*32 09',
  closed: '92a6636c6f73656494c420 a6*33 6c6170736564c0cd012c',
  missed: '92a66d697373656493c420 a6*32 a36f2d31cd012c',
  obeyed: '92a66f626579656497c420 a1*32 08c420 b1*32 00a8666c6f772d72656406cd012c',
};

describe('golden bytes of a traffic light', () => {
  for (const [name, entry] of Object.entries(entries))
    it(`${name}: fixed, and fit the schema`, () => {
      const bytes = encodeEntry(entry);
      expect(toHex(bytes)).equal(expand(golden[name] ?? ''));
      expect(decodeEntry(bytes)).deep.equal(entry);
      expect(problem('traffic-log-entry:v1', asJson(bytes))).equal(null);
    });

  it('a receipt', () => {
    const receipt: DsseEnvelope = signReceipt(toTrafficDecision(hash('b2'), late), lightSigner);
    expect(toHex(sha256(Buffer.from(JSON.stringify(receipt))))).equal(
      'e6c354f59733335b0c3bd5f5688f4f0bbd42eca11dad30c02a52e5fbf523646d',
    );
  });
});

/** One value of everything that is hashed, signed or sent, for the golden vectors. */
import { mempoolWire } from '../../src/actors/mempool-wire.ts';
import { type ConsensusWire, consensusWireCodec } from '../../src/actors/validator/consensus-wire.ts';
import { startSigningBytes } from '../../src/actors/validator/start-proofs.ts';
import {
  type ConsensusMessage,
  consensusMessageCodec,
  payloadSigningBytes,
} from '../../src/protocols/ibft/messages.ts';
import { encodeBody } from '../../src/protocols/ledger/application.ts';
import {
  type Block,
  blockCodec,
  blockDigest,
  commitCodec,
  headerCodec,
  lastCommitHash,
} from '../../src/protocols/ledger/block.ts';
import { eventCodec } from '../../src/protocols/ledger/events.ts';
import { chainIdOf, type Genesis, genesisCodec } from '../../src/protocols/ledger/genesis.ts';
import { rotationSigningBytes } from '../../src/protocols/ledger/modules/accounts.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import { resultCodec } from '../../src/protocols/ledger/results.ts';
import {
  type Transaction,
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
} from '../../src/protocols/ledger/transaction.ts';
import { validatorSet, validatorSetCodec, validatorSetHash } from '../../src/protocols/ledger/validator-set.ts';
import { chainId, digest, height, publicKey, round } from '../../src/protocols/shared/brands.ts';
import { fromHex } from '../../src/protocols/shared/bytes.ts';
import { encode } from '../../src/protocols/shared/codec.ts';
import { goldenCourtBodies, goldenCourtBytes } from './golden-court.ts';

const key = (byte: string) => publicKey(byte.repeat(32));
const hash = (byte: string) => digest(byte.repeat(32));
const bytes = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);
const chain = chainId('c0'.repeat(32));
const candidate = {
  publicKey: key('11'),
  vrfPublicKey: key('12'),
  name: 'v1',
  possession: bytes(64, 0x13),
  bond: 1_000_000n,
};
const description = { endpoints: ['https://127.0.0.1:21002'], region: 'EU', leaseMs: 60_000 };
const vote = { proposal: hash('51'), approve: true };

const clusterDescription = {
  capabilities: {
    ...{ architecture: 'amd64', cpuMillis: 8000, memoryMiB: 16_384, storageMiB: 100_000, containers: 200 },
    runtimes: [{ driver: 'oci', isolationClass: 'container' }],
  },
  certifications: [{ name: 'iso-27001', expires: 1_800_000_000_000 }],
  agreements: [hash('a0')],
  endpoints: ['https://127.0.0.1:21010'],
};

/** Bodies by kind. */
export const goldenBodies: Readonly<Record<string, unknown>> = {
  'accounts.transfer': { to: key('21'), amount: 5_000_000_000n },
  'accounts.bond': { amount: 1n },
  'accounts.unbond': { amount: 300n },
  'accounts.rotate-key': { newKey: key('22'), possession: bytes(64, 0x23) },
  'governance.propose-parameter': { changes: [{ name: 'blockTimeMs', value: 500 }], activationHeight: 1000 },
  'governance.vote': vote,
  'registry.register': { id: 'court-1', kind: 'court', node: key('24'), ...description },
  'registry.update': { id: 'court-1', ...description },
  'registry.deregister': { id: 'court-1' },
  'policies.publish': {
    ...{ policySet: hash('90'), factSet: hash('91'), asOf: '2026-11-22', tenant: key('24'), content: hash('92') },
  },
  'policies.publish-facts': { factSet: hash('91'), asOf: '2026-11-22', content: hash('92') },
  'policies.attest': { publication: hash('93'), compiled: hash('94') },
  'policies.retire': { id: 'rule-4' },
  'policies.revoke-fact': { id: 'adequacy-jp' },
  'policies.set-rule': { evaluators: [key('24')], attestationsMin: 1 },
  'traffic.register': { logId: hash('95'), roles: [{ role: 'reviewer', key: key('24') }] },
  'traffic.set-roles': { roles: [] },
  'traffic.open-epoch': { logId: hash('95'), epoch: 2 },
  'audit.anchor': { began: 5, size: 300, digest: hash('98') },
  'traffic.anchor': { logId: hash('95'), size: 300, root: hash('96'), consistency: [bytes(32, 0x97)] },
  'traffic.fork-evidence': { light: key('24'), logId: hash('95'), first: 'note', second: null },
  'traffic.lease-counter': { subject: hash('98'), counter: 'bulkHealth', window: '2026-11', spent: 7, lease: 500 },
  'traffic.discharge': {
    ...{ light: key('24'), decision: hash('99'), request: hash('9a'), obligation: 'dpia', policySetHash: hash('90') },
  },
  'traffic.quarantine-release': { light: key('24'), decision: hash('99') },
  'traffic.quarantine-reject': { light: key('24'), decision: hash('99') },
  'enc.register-cluster': {
    ...{ id: 'frankfurt', key: key('25'), possession: bytes(64, 0x26), region: 'EU', country: 'DE' },
    ...clusterDescription,
  },
  'enc.update-cluster': { id: 'frankfurt', ...clusterDescription },
  'enc.set-state': { id: 'frankfurt', state: 'draining' },
  'enc.admit-workload': {
    cluster: 'frankfurt',
    admissions: [{ workload: hash('9b'), epoch: 3, decision: hash('99'), agreements: [hash('a0')] }],
  },
  'enc.release-workload': { cluster: 'frankfurt', leases: [{ workload: hash('9b'), epoch: 3 }] },
  'enc.anchor-receipts': { cluster: 'frankfurt', batch: 7, count: 12, root: hash('9c') },
  'validators.propose': { type: 'replace', publicKey: key('14'), candidate },
  'validators.vote': { ...vote, approve: false },
  'validators.evidence': {
    offender: key('14'),
    first: { type: 'commit', height: height(7), round: round(1), digest: hash('61'), signature: bytes(64, 0x62) },
    second: {
      type: 'round-change',
      height: height(7),
      round: round(2),
      preparedRound: round(0),
      preparedDigest: hash('63'),
      signature: bytes(64, 0x64),
    },
  },
  ...goldenCourtBodies,
};

const transaction: Transaction = {
  chainId: chain,
  sender: key('31'),
  nonce: 300,
  expiryHeight: height(70_000),
  kind: 'accounts.transfer',
  body: encodeBody('accounts.transfer', goldenBodies['accounts.transfer']),
  signature: bytes(64, 0x32),
};
const commit = { round: round(1), seals: [{ validator: key('11'), signature: bytes(64, 0x33) }] };
const block: Block = {
  header: {
    chainId: chain,
    protocolVersion: 1,
    height: height(2),
    parent: hash('41'),
    time: 1_700_000_000_000,
    proposer: key('11'),
    transactionsRoot: hash('42'),
    stateRoot: hash('43'),
    eventsRoot: hash('44'),
    logSize: 9,
    logRoot: hash('45'),
    validatorsHash: hash('46'),
    nextValidatorsHash: hash('47'),
    lastCommitHash: lastCommitHash(commit),
    beacon: { output: bytes(64, 0x48), proof: bytes(80, 0x49) },
  },
  transactions: [fromHex('aabb')],
  lastCommit: commit,
};
const genesis: Genesis = {
  chainName: 'golden',
  time: 1_700_000_000_000,
  protocolVersion: 1,
  parameters: {
    blockTimeMs: 2000,
    emptyBlockPeriodMs: 5000,
    finalityThreshold: 67,
    roundTimeoutBaseMs: 1000,
    roundTimeoutMaxMs: 60_000,
    voteLapseBlocks: 1000,
    evidenceAgeBlocks: 300_000,
    unbondingBlocks: 302_400,
    trustPeriodBlocks: 250_000,
    checkpointIntervalBlocks: 10,
  },
  validators: [candidate],
  accounts: [{ publicKey: key('31'), balance: 2n ** 63n }],
  governors: [key('34')],
  networkAuthority: hash('35'),
  previous: null,
};
const set = validatorSet([candidate], 67);
const author = { author: key('11'), height: height(2), round: round(1), signature: bytes(64, 0x71) };
const voted = { ...author, digest: hash('72') };
const change = { ...author, preparedRound: null, preparedDigest: null };
const prepared = { ...author, preparedRound: round(0), preparedDigest: hash('72') };
const encodedBlock = { bytes: encode(blockCodec, block), value: block };
const message = (value: ConsensusMessage): Uint8Array => encode(consensusMessageCodec, value);
const start = { counter: 300, token: bytes(16, 0x81) };
const signedStart = { ...start, signature: bytes(64, 0x82) };
const wire = (value: ConsensusWire): Uint8Array => encode(consensusWireCodec, value);
const signed = { height: height(2), round: round(1), digest: hash('72') };

/** Name → bytes. Hashes and signing bytes are here too: domains must never change unseen. */
export const goldenBytes: Readonly<Record<string, Uint8Array>> = {
  ...Object.fromEntries(Object.entries(goldenBodies).map(([kind, body]) => [`body ${kind}`, encodeBody(kind, body)])),
  transaction: encode(transactionCodec, transaction),
  'transaction signing bytes': transactionSigningBytes(transaction),
  'transaction hash': fromHex(transactionHash(encode(transactionCodec, transaction))),
  'key rotation signing bytes': rotationSigningBytes(chain, key('31'), key('22')),
  'possession signing bytes': possessionSigningBytes('golden', key('11'), key('12')),
  'block header': encode(headerCodec, block.header),
  'block digest': fromHex(blockDigest(block.header)),
  block: encodedBlock.bytes,
  commit: encode(commitCodec, commit),
  'last commit hash of none': fromHex(lastCommitHash(null)),
  genesis: encode(genesisCodec, genesis),
  'chain id': fromHex(chainIdOf(genesis)),
  'validator set': encode(validatorSetCodec, set),
  'validator set hash': fromHex(validatorSetHash(set)),
  result: encode(resultCodec, { code: 'insufficient-balance', events: 0 }),
  event: encode(eventCodec, {
    module: 'accounts',
    kind: 'transferred',
    transaction: 0,
    attributes: [{ name: 'amount', value: '5' }],
  }),
  'event of a block’s end': encode(eventCodec, {
    module: 'registry',
    kind: 'lease-ended',
    transaction: null,
    attributes: [],
  }),
  'proposal at round 0': message({
    type: 'proposal',
    payload: voted,
    block: encodedBlock,
    roundChanges: [],
    prepares: [],
  }),
  'proposal with justification': message({
    type: 'proposal',
    payload: voted,
    block: encodedBlock,
    roundChanges: [change, prepared],
    prepares: [voted],
  }),
  prepare: message({ type: 'prepare', payload: voted }),
  'commit message': message({ type: 'commit', payload: voted }),
  'round change': message({ type: 'round-change', payload: change, block: null, prepares: [] }),
  'round change with certificate': message({
    type: 'round-change',
    payload: prepared,
    block: encodedBlock,
    prepares: [voted],
  }),
  'proposal signing bytes': payloadSigningBytes(chain, { kind: 'proposal', ...signed }),
  'prepare signing bytes': payloadSigningBytes(chain, { kind: 'prepare', ...signed }),
  'commit signing bytes': payloadSigningBytes(chain, { kind: 'commit', ...signed }),
  'round change signing bytes': payloadSigningBytes(chain, {
    kind: 'round-change',
    height: height(2),
    round: round(1),
    preparedRound: null,
    preparedDigest: null,
  }),
  'start signing bytes': startSigningBytes(chain, start),
  start: wire({ type: 'start', ...signedStart }),
  'answer that knows of no start': wire({
    type: 'start-seen',
    counter: 300,
    before: null,
    finalHeight: 7,
    signed: null,
  }),
  'answer with what the asker signed': wire({
    type: 'start-seen',
    counter: 300,
    before: signedStart,
    finalHeight: 70_000,
    signed: { type: 'commit', ...signed, signature: bytes(64, 0x83) },
  }),
  ...goldenCourtBytes,
  'mempool gossip': mempoolWire.encode({
    type: 'gossip',
    peer: key('11'),
    transactions: [fromHex('aabb'), fromHex('cc')],
  }),
};

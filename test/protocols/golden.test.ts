/**
 * Goal: bytes that are hashed, signed, stored or sent never change unseen. Method: fixed hex literals (a byte that is
 * repeated is written `21*32`), each compared with what is encoded today, read back, and read by msgpackr.
 */
import { expect } from 'chai';
import { Unpackr } from 'msgpackr';
import { mempoolWire } from '../../src/actors/mempool-wire.ts';
import { consensusWireCodec } from '../../src/actors/validator/consensus-wire.ts';
import { consensusMessageCodec } from '../../src/protocols/ibft/messages.ts';
import { application, bodyCodec } from '../../src/protocols/ledger/application.ts';
import { blockCodec, commitCodec, headerCodec } from '../../src/protocols/ledger/block.ts';
import { eventCodec } from '../../src/protocols/ledger/events.ts';
import { genesisCodec } from '../../src/protocols/ledger/genesis.ts';
import { type JsonProblem, readJson } from '../../src/protocols/ledger/json-codec.ts';
import { resultCodec } from '../../src/protocols/ledger/results.ts';
import { transactionCodec } from '../../src/protocols/ledger/transaction.ts';
import { validatorSetCodec } from '../../src/protocols/ledger/validator-set.ts';
import { publicKey } from '../../src/protocols/shared/brands.ts';
import { fromHex, toHex } from '../../src/protocols/shared/bytes.ts';
import { type Codec, decode, encode } from '../../src/protocols/shared/codec.ts';
import { goldenCourtTexts } from './golden-court-texts.ts';
import { goldenBodies, goldenBytes } from './golden-values.ts';

const golden: Readonly<Record<string, string>> = {
  'body accounts.transfer': '92c420 21*32 cf000000012a05f200',
  'body accounts.bond': '9101',
  'body accounts.unbond': '91cd012c',
  'body accounts.rotate-key': '92c420 22*32 c440 23*64',
  'body governance.propose-parameter': '929192ab626c6f636b54696d654d73cd01f4cd03e8',
  'body governance.vote': '92c420 51*32 c3',
  'body registry.register':
    '96a7636f7572742d31a5636f757274c420 24*32 91b768747470733a2f2f3132372e302e302e313a3231303032a24555cdea60',
  'body registry.update': '94a7636f7572742d3191b768747470733a2f2f3132372e302e302e313a3231303032a24555cdea60',
  'body registry.deregister': '91a7636f7572742d31',
  'body policies.publish': '95c420 90*32 c420 91*32 aa323032362d31312d3232c420 24*32 c420 92*32',
  'body policies.publish-facts': '93c420 91*32 aa323032362d31312d3232c420 92*32',
  'body policies.attest': '92c420 93*32 c420 94*32',
  'body policies.retire': '91a672756c652d34',
  'body policies.revoke-fact': '91ab61646571756163792d6a70',
  'body policies.set-rule': '9291c420 24*32 01',
  'body traffic.register': '92c420 95*32 9192a87265766965776572c420 24*32',
  'body traffic.set-roles': '9190',
  'body traffic.open-epoch': '92c420 95*32 02',
  'body audit.anchor': '9305cd012cc420 98*32',
  'body traffic.anchor': '94c420 95*32 cd012cc420 96*32 91c420 97*32',
  'body traffic.fork-evidence': '94c420 24*32 c420 95*32 a46e6f7465c0',
  'body traffic.lease-counter': '95c420 98*32 aa62756c6b4865616c7468a7323032362d313107cd01f4',
  'body traffic.discharge': '95c420 24*32 c420 99*32 c420 9a*32 a464706961c420 90*32',
  'body traffic.quarantine-release': '92c420 24*32 c420 99*32',
  'body traffic.quarantine-reject': '92c420 24*32 c420 99*32',
  'body enc.register-cluster':
    '99a96672616e6b66757274c420 25*32 c440 26*64 a24555a2444596a5616d643634cd1f40cd4000ce000186a0ccc89192a36f6369a9636f6e7461696e65729192a969736f2d3237303031cf000001a3185c500091c420 a0*32 91b768747470733a2f2f3132372e302e302e313a3231303130',
  'body enc.update-cluster':
    '95a96672616e6b6675727496a5616d643634cd1f40cd4000ce000186a0ccc89192a36f6369a9636f6e7461696e65729192a969736f2d3237303031cf000001a3185c500091c420 a0*32 91b768747470733a2f2f3132372e302e302e313a3231303130',
  'body enc.set-state': '92a96672616e6b66757274a8647261696e696e67',
  'body enc.admit-workload': '92a96672616e6b667572749194c420 9b*32 03c420 99*32 91c420 a0*32',
  'body enc.release-workload': '92a96672616e6b667572749192c420 9b*32 03',
  'body enc.anchor-receipts': '94a96672616e6b66757274070cc420 9c*32',
  'body validators.propose': '92a77265706c61636592c420 14*32 95c420 11*32 c420 12*32 a27631c440 13*64 ce000f4240',
  'body validators.vote': '92c420 51*32 c2',
  'body validators.evidence':
    '93c420 14*32 92a6636f6d6d6974940701c420 61*32 c440 62*64 92ac726f756e642d6368616e676595070200c420 63*32 c440 64*64',
  transaction:
    '97c420 c0*32 c420 31*32 cd012cce00011170b16163636f756e74732e7472616e73666572c42c92c420 21*32 cf000000012a05f200c440 32*64',
  'transaction signing bytes':
    '627063692f7472616e73616374696f6e2f763100 c0*32 96c420 c0*32 c420 31*32 cd012cce00011170b16163636f756e74732e7472616e73666572c42c92c420 21*32 cf000000012a05f200',
  'transaction hash': '23560559c9aac86e0ab1a1a8edd934d309cc653db19cee7f23d052da50f1114d',
  'key rotation signing bytes': '627063692f6b65792d726f746174696f6e2f763100 c0*32 31*32 22*32',
  'possession signing bytes':
    '627063692f76616c696461746f722d706f7373657373696f6e2f763100dd56de4137951d9c92681b03416ec15f886b4482a27e3a517d32f085244cbe5d 11*32 12*32',
  'block header':
    '9fc420 c0*32 0102c420 41*32 cf0000018bcfe56800c420 11*32 c420 42*32 c420 43*32 c420 44*32 09c420 45*32 c420 46*32 c420 47*32 c4208a33eea5519955504c6e4aaf47b713c1b6ca9eb015723efa28f94ec461ac914d92c440 48*64 c450 49*80',
  'block digest': 'e4f74600aee9744ed797578bf44f010085f91ef40067906b9a4a352f7560b688',
  block:
    '939fc420 c0*32 0102c420 41*32 cf0000018bcfe56800c420 11*32 c420 42*32 c420 43*32 c420 44*32 09c420 45*32 c420 46*32 c420 47*32 c4208a33eea5519955504c6e4aaf47b713c1b6ca9eb015723efa28f94ec461ac914d92c440 48*64 c450 49*80 91c402aabb92019192c420 11*32 c440 33*64',
  commit: '92019192c420 11*32 c440 33*64',
  'last commit hash of none': '0e6143b3e2479c7ed95055889e855d7db4b8ff6f90c35196a94ef5c8c29e9c5e',
  genesis:
    '99a6676f6c64656ecf0000018bcfe56800019acd07d0cd138843cd03e8cdea60cd03e8ce000493e0ce00049d40ce0003d0900a9195c420 11*32 c420 12*32 a27631c440 13*64 ce000f42409192c420 31*32 cf800000000000000091c420 34*32 c420 35*32 c0',
  'chain id': 'f7b5ed3c2fc2a7ee4ddb0afbf924058a41fca3ca301898da86349e21dfc0caeb',
  'validator set': '929192c420 11*32 c420 12*32 01',
  'validator set hash': 'f320e32a245f852573363a2f7c06d6e504066f2b9b2c5178d09a13026b807634',
  result: '92b4696e73756666696369656e742d62616c616e636500',
  event: '94a86163636f756e7473ab7472616e73666572726564009192a6616d6f756e74a135',
  'event of a block’s end': '94a87265676973747279ab6c656173652d656e646564c090',
  'proposal at round 0':
    '92a870726f706f73616c9495c420 11*32 0201c420 72*32 c440 71*64 c50264939fc420 c0*32 0102c420 41*32 cf0000018bcfe56800c420 11*32 c420 42*32 c420 43*32 c420 44*32 09c420 45*32 c420 46*32 c420 47*32 c4208a33eea5519955504c6e4aaf47b713c1b6ca9eb015723efa28f94ec461ac914d92c440 48*64 c450 49*80 91c402aabb92019192c420 11*32 c440 33*64 9090',
  'proposal with justification':
    '92a870726f706f73616c9495c420 11*32 0201c420 72*32 c440 71*64 c50264939fc420 c0*32 0102c420 41*32 cf0000018bcfe56800c420 11*32 c420 42*32 c420 43*32 c420 44*32 09c420 45*32 c420 46*32 c420 47*32 c4208a33eea5519955504c6e4aaf47b713c1b6ca9eb015723efa28f94ec461ac914d92c440 48*64 c450 49*80 91c402aabb92019192c420 11*32 c440 33*64 9296c420 11*32 0201c0c0c440 71*64 96c420 11*32 020100c420 72*32 c440 71*64 9195c420 11*32 0201c420 72*32 c440 71*64',
  prepare: '92a7707265706172659195c420 11*32 0201c420 72*32 c440 71*64',
  'commit message': '92a6636f6d6d69749195c420 11*32 0201c420 72*32 c440 71*64',
  'round change': '92ac726f756e642d6368616e67659396c420 11*32 0201c0c0c440 71*64 c090',
  'round change with certificate':
    '92ac726f756e642d6368616e67659396c420 11*32 020100c420 72*32 c440 71*64 c50264939fc420 c0*32 0102c420 41*32 cf0000018bcfe56800c420 11*32 c420 42*32 c420 43*32 c420 44*32 09c420 45*32 c420 46*32 c420 47*32 c4208a33eea5519955504c6e4aaf47b713c1b6ca9eb015723efa28f94ec461ac914d92c440 48*64 c450 49*80 91c402aabb92019192c420 11*32 c440 33*64 9195c420 11*32 0201c420 72*32 c440 71*64',
  'proposal signing bytes': '627063692f70726f706f73616c2f763100 c0*32 930201c420 72*32',
  'prepare signing bytes': '627063692f707265706172652f763100 c0*32 930201c420 72*32',
  'commit signing bytes': '627063692f636f6d6d69742f763100 c0*32 930201c420 72*32',
  'round change signing bytes': '627063692f726f756e642d6368616e67652f763100 c0*32 940201c0c0',
  'start signing bytes': '627063692f73746172742d636f756e7465722f763100 c0*32 92cd012cc410 81*16',
  start: '92a5737461727493cd012cc410 81*16 c440 82*64',
  'answer that knows of no start': '92aa73746172742d7365656e94cd012cc007c0',
  'answer with what the asker signed':
    '92aa73746172742d7365656e94cd012c93cd012cc410 81*16 c440 82*64 ce0001117092a6636f6d6d6974940201c420 72*32 c440 83*64',
  'mempool gossip': '92c402aabbc401cc',
  ...goldenCourtTexts,
};

const expand = (text: string): string =>
  text
    .split(' ')
    .map((part) => {
      const [hex, count] = part.split('*');
      return count === undefined ? part : hex!.repeat(Number(count));
    })
    .join('');

const consensus = consensusMessageCodec as unknown as Codec<unknown>;
const wire = consensusWireCodec as unknown as Codec<unknown>;
const codecs: Readonly<Record<string, Codec<unknown>>> = {
  transaction: transactionCodec as unknown as Codec<unknown>,
  'block header': headerCodec as unknown as Codec<unknown>,
  block: blockCodec as unknown as Codec<unknown>,
  commit: commitCodec as unknown as Codec<unknown>,
  genesis: genesisCodec as unknown as Codec<unknown>,
  'validator set': validatorSetCodec as unknown as Codec<unknown>,
  result: resultCodec as unknown as Codec<unknown>,
  event: eventCodec as unknown as Codec<unknown>,
  'event of a block’s end': eventCodec as unknown as Codec<unknown>,
  'proposal at round 0': consensus,
  'proposal with justification': consensus,
  prepare: consensus,
  'commit message': consensus,
  'round change': consensus,
  'round change with certificate': consensus,
  start: wire,
  'answer that knows of no start': wire,
  'answer with what the asker signed': wire,
  ...Object.fromEntries(Object.keys(goldenBodies).map((kind) => [`body ${kind}`, bodyCodec(kind)!])),
};

describe('golden vectors', () => {
  it('cover every value, and every kind of transaction', () => {
    expect(Object.keys(golden).sort()).to.deep.equal(Object.keys(goldenBytes).sort());
    expect(Object.keys(goldenBodies).sort()).to.deep.equal([...application.kinds.keys()].sort());
  });

  for (const [name, text] of Object.entries(golden)) {
    it(name, () => expect(toHex(goldenBytes[name]!)).to.equal(expand(text)));
  }

  it('are read back to what gives the same bytes', () => {
    for (const [name, codec] of Object.entries(codecs)) {
      const bytes = fromHex(expand(golden[name]!));
      expect(toHex(encode(codec, decode(codec, bytes))), name).to.equal(toHex(bytes));
    }
    const sender = publicKey('11'.repeat(32));
    const gossip = mempoolWire.decode(fromHex(expand(golden['mempool gossip']!)), sender, undefined);
    expect(gossip.transactions.map(toHex)).to.deep.equal(['aabb', 'cc']);
    expect(gossip.peer, 'the author is whom the link authenticated').to.equal(sender);
  });

  it('are read by an outside msgpack library, to the end', () => {
    const reader = new Unpackr({ useRecords: false, int64AsType: 'bigint' });
    for (const name of [...Object.keys(codecs), 'mempool gossip']) {
      const values: unknown = reader.unpackMultiple(fromHex(expand(golden[name]!)));
      expect(values, name).to.be.an('array').with.length(1);
    }
  });

  it('of bodies have a form for people that is read back', () => {
    for (const [kind, body] of Object.entries(goldenBodies)) {
      const codec = bodyCodec(kind)!;
      const json: unknown = JSON.parse(JSON.stringify(codec.toJson(body)));
      expect(readJson(codec, json), kind).to.deep.equal({ value: body });
    }
    const problems: JsonProblem[] = [];
    bodyCodec('accounts.transfer')!.fromJson({ to: 'x', amount: 5, memo: '' }, 'body', problems);
    expect(problems.map(({ path }) => path)).to.deep.equal(['body.to', 'body.amount', 'body.memo']);
  });
});

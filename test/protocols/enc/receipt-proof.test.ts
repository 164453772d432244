/**
 * Goal: a receipt's proof holds offline from genesis, and nothing in it can be changed. Method: a chain in memory with real keys, on which
 * a cluster is registered, a workload admitted under an agreement, and a batch anchored.
 */
import { expect } from 'chai';
import { signExecution, receiptBytes, receiptHash, executionOf } from '../../../src/protocols/enc/receipt.ts';
import {
  type ReceiptProof,
  receiptProofCodec,
  receiptProofFormat,
  verifyReceiptProof,
} from '../../../src/protocols/enc/receipt-proof.ts';
import { workloadId } from '../../../src/protocols/enc/workload.ts';
import { proveTransaction } from '../../../src/actors/chain/proofs.ts';
import { readJson } from '../../../src/protocols/ledger/json-codec.ts';
import { hashLeaf } from '../../../src/protocols/ledger/merkle-hash.ts';
import { inclusionOf, rootOfHashes } from '../../../src/protocols/ledger/merkle-log.ts';
import { clusterSigningBytes } from '../../../src/protocols/ledger/modules/enc/bodies.ts';
import { agreementId, type StoredAgreement } from '../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import { readCluster, readLease } from '../../../src/protocols/ledger/modules/enc/cluster-state.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { digest } from '../../../src/protocols/shared/brands.ts';
import { fromHex } from '../../../src/protocols/shared/bytes.ts';
import { toDigest } from '../../../src/protocols/shared/hash.ts';
import { createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import { manifest } from '../../support/enc-world.ts';
import { MemoryChain, signerOf } from '../../support/memory-chain.ts';
import { MemoryFeed } from '../../support/traffic-feed.ts';
import { serviceTerms, unit } from '../ledger/court/court-world.ts';
import { clusterDescription } from '../ledger/modules/cluster-bodies.ts';

const [customer, provider, operator, cluster] = [signerOf(41), signerOf(42), signerOf(43), signerOf(44)];
const verifier = createVerifier();
const options = { verifySignature: verifier.verify };
const decision = digest('78'.repeat(32));

function world(): { readonly chain: MemoryChain; readonly proof: ReceiptProof } {
  const accounts = [customer, provider, operator].map(({ publicKey }) => publicKey);
  const chain = new MemoryChain({ validators: 4, accounts, court: { arbitrators: [], jurisdictions: [] } });
  const feed = new MemoryFeed(chain, operator);
  const send = (by: typeof customer, kind: string, body: unknown): void => feed.block(feed.transaction(by, kind, body));
  const terms = serviceTerms();
  const [first, second] = terms.parties;
  const agreed: StoredAgreement = {
    terms: {
      ...terms,
      parties: [
        { ...first!, account: customer.publicKey },
        { ...second!, account: provider.publicKey, deposit: unit },
      ],
      obligations: terms.obligations
        .slice(1)
        .map((one) => ({ ...one, debtor: provider.publicKey, creditor: customer.publicKey })),
      bindings: { ...terms.bindings, tenants: [{ name: 'provider-tenant', account: provider.publicKey }] },
    },
    content: digest('c0'.repeat(32)),
  };
  const agreement = agreementId(agreed);
  send(customer, 'agreements.draft', agreed);
  send(customer, 'agreements.offer', { agreement });
  for (const by of [customer, provider]) send(by, 'agreements.sign', { agreement });
  send(provider, 'agreements.fund', { agreement, amount: unit });
  const possession = cluster.sign(clusterSigningBytes(feed.chainId, operator.publicKey, 'paris'));
  const place = { id: 'paris', key: cluster.publicKey, possession, region: 'EU', country: 'FR' };
  send(operator, 'enc.register-cluster', { ...place, ...clusterDescription });
  send(operator, 'enc.set-state', { id: 'paris', state: 'active' });
  const workload = manifest();
  const id = workloadId(workload);
  const admission = { workload: id, epoch: 1, decision, agreements: [agreement] };
  send(operator, 'enc.admit-workload', { cluster: 'paris', admissions: [admission] });
  const execution = {
    ...{ cluster: 'paris', epoch: 1, decision, policySet: null, agreements: [agreement], expires: 0, admittedBy: null },
    ...{ isBegun: true, startedAt: 1, isOver: true, stop: null },
  };
  const base = {
    chainId: feed.chainId,
    key: cluster.publicKey,
    workload,
    id,
    runtime: 'crun 1.8.1',
    admission: [],
    previous: null,
  };
  const exit = { cause: { kind: 'exited', code: 0 }, code: 0, at: 2, usage: null } as const;
  const bytes = receiptBytes(signExecution(executionOf(base, execution, exit), cluster));
  const leaves = [bytes, new Uint8Array(3), new Uint8Array(4)].map((each) => hashLeaf(fromHex(receiptHash(each))));
  const root = toDigest(rootOfHashes(leaves));
  send(operator, 'enc.anchor-receipts', { cluster: 'paris', batch: 1, count: 3, root });
  feed.block();
  const view = new View(chain.chain.state);
  const found = readCluster(view, 'paris')!;
  const bundle = (hash: string | null | undefined) =>
    proveTransaction(chain.chain, chain.reader, null, digest(hash ?? ''))!;
  const proof: ReceiptProof = {
    ...{ format: receiptProofFormat, receipt: new TextDecoder().decode(bytes), index: 0, decision: null },
    inclusion: inclusionOf(0, leaves),
    anchor: bundle(found.anchoredBy),
    admission: bundle(readLease(view, id)?.admittedBy),
    registration: bundle(found.registeredBy),
  };
  return { chain, proof };
}

describe('proof of an execution receipt', () => {
  const { chain, proof } = world();
  const verdictOf = (change: Partial<ReceiptProof>) =>
    verifyReceiptProof({ ...proof, ...change }, chain.genesis, options);

  it('holds from genesis, and survives JSON', () => {
    const read = readJson(receiptProofCodec, JSON.parse(JSON.stringify(receiptProofCodec.toJson(proof))));
    if (!('value' in read)) throw new Error(JSON.stringify(read.problems));
    const found = verifyReceiptProof(read.value, chain.genesis, options);
    expect(found.checks.filter(({ ok }) => !ok)).to.be.empty;
    expect(found.verdict).to.equal('valid');
    expect(found.execution).to.deep.include({ cluster: 'paris', epoch: 1, decision });
  });

  it('refuses whatever is changed, and says which part', () => {
    const failed = (change: Partial<ReceiptProof>): readonly string[] => {
      const found = verdictOf(change);
      expect(found.verdict).to.equal('invalid');
      return found.checks.filter(({ ok }) => !ok).map(({ check }) => check);
    };
    expect(failed({ receipt: proof.receipt.replace('"sig":"', '"sig":"A') })).to.deep.equal(['receipt']);
    expect(failed({ receipt: '{}' })).to.deep.equal(['receipt']);
    expect(failed({ receipt: `${proof.receipt} ` }), 'the very bytes are anchored').to.deep.equal(['inclusion']);
    expect(failed({ index: 1 })).to.deep.equal(['inclusion']);
    expect(failed({ inclusion: [] })).to.deep.equal(['inclusion']);
    expect(failed({ anchor: proof.admission })).to.deep.equal(['anchored']);
    expect(failed({ admission: proof.anchor })).to.deep.equal(['admitted']);
    expect(failed({ registration: proof.anchor })).to.deep.equal(['registered']);
    const { subject } = proof.anchor;
    const torn = { ...proof.anchor, subject: { ...subject, logIndex: 0 } } as ReceiptProof['anchor'];
    expect(failed({ anchor: torn }).some((name) => name.startsWith('anchor: '))).to.equal(true);
  });

  it('refuses a receipt that another key than the cluster’s has signed', () => {
    const other = JSON.parse(proof.receipt) as { signatures: { keyid: string }[] };
    other.signatures[0]!.keyid = operator.publicKey;
    expect(verdictOf({ receipt: JSON.stringify(other) }).verdict).to.equal('invalid');
  });
});

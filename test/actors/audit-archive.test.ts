/**
 * Goal: an archive of a tenant holds where each part is proved and rests on parts that are there, and is refused where anything of
 * that is not so. Method: a chain in memory with an agreement and a policy set, and archives that were tampered with.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { proveState } from '../../src/actors/chain/proofs.ts';
import {
  type AuditArchive,
  auditArchiveCodec,
  auditArchiveFormat,
  verifyArchive,
} from '../../src/protocols/audit/archive.ts';
import { readJson } from '../../src/protocols/ledger/json-codec.ts';
import {
  documentId,
  readAgreementDocument,
  storedOf,
} from '../../src/protocols/ledger/modules/court/agreement-document.ts';
import { type AgreementTemplate, fillTemplate } from '../../src/protocols/ledger/modules/court/agreement-template.ts';
import { courtStateKeys } from '../../src/protocols/ledger/modules/court/court-queries.ts';
import { findBuiltInJurisdiction } from '../../src/protocols/ledger/modules/court/jurisdictions.ts';
import { publishedSetKey } from '../../src/protocols/ledger/modules/policies/policies.ts';
import { publicationId } from '../../src/protocols/ledger/modules/policies/publication.ts';
import { digest, type Digest } from '../../src/protocols/shared/brands.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const [customer, provider, probe, stranger] = [signerOf(1), signerOf(2), signerOf(3), signerOf(4)];
const accounts = [customer, provider].map(({ publicKey }) => publicKey);
const world = new MemoryChain({ validators: 4, accounts, governors: [customer.publicKey] });

function agreement(): { readonly id: Digest; readonly body: unknown } {
  const template = JSON.parse(readFileSync('templates/agreements/service.json', 'utf8')) as AgreementTemplate;
  const filled = fillTemplate(template, {
    ...{ title: 'SLA', proseDigest: 'ab'.repeat(32), salt: 'cd'.repeat(32), tenant: 'provider', workload: 'web' },
    ...{ customer: customer.publicKey, customerName: 'Acme', customerAddress: 'Berlin' },
    ...{ provider: provider.publicKey, providerName: 'Provider', providerAddress: 'Paris' },
    ...{ probe: probe.publicKey, effective: '1700000000000', expires: '1800000000000' },
  });
  const read = readAgreementDocument('document' in filled ? filled.document : null, findBuiltInJurisdiction);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return { id: documentId(read.value), body: storedOf(read.value) };
}

const drafted = agreement();
const publication = {
  ...{ policySet: digest('11'.repeat(32)), factSet: digest('22'.repeat(32)), asOf: '2026-01-01', tenant: null },
  content: digest('33'.repeat(32)),
};
world.block(
  world.transaction(customer, 0, 'agreements.draft', drafted.body),
  world.transaction(customer, 1, 'policies.publish', publication),
);

const proofOf = (key: Uint8Array) => proveState(world.chain, world.reader, world.chain.tip.height, key)!;
const archive: AuditArchive = {
  format: auditArchiveFormat,
  chainId: world.chain.chainId,
  tenant: provider.publicKey,
  agreements: [{ id: drafted.id, proof: proofOf(courtStateKeys.stored(drafted.id)) }],
  policySets: [{ id: publicationId(publication), proof: proofOf(publishedSetKey(publicationId(publication))) }],
  decisions: [],
  cases: [],
};
const verifier = createVerifier();
const verify = (changed: Partial<AuditArchive> = {}) =>
  verifyArchive({ ...archive, ...changed }, world.genesis, { verifySignature: verifier.verify });
const failures = (changed: Partial<AuditArchive>): readonly string[] =>
  verify(changed).checks.flatMap(({ ok, part, detail }) => (ok ? [] : [`${part}: ${detail}`]));

describe('audit archive', () => {
  it('holds where every part is proved', () => {
    const { verdict, checks } = verify();
    expect(checks.map(({ part, ok }) => `${part} ${String(ok)}`)).to.deep.equal(['agreement true', 'policy set true']);
    expect(verdict).to.equal('valid');
  });

  it('is read back from JSON, and fits its schema', () => {
    const json: unknown = JSON.parse(JSON.stringify(auditArchiveCodec.toJson(archive)));
    expect(readJson(auditArchiveCodec, json)).to.deep.equal({ value: archive });
    const ajv = new Ajv2020({ strict: true, allErrors: true });
    for (const name of ['proof-bundle', 'decision-proof']) ajv.addSchema(schemaOf(name));
    const validate = ajv.compile(schemaOf('audit-archive'));
    expect(validate(json), JSON.stringify(validate.errors)).to.equal(true);
    expect(validate({ ...(json as object), extra: 1 })).to.equal(false);
  });

  const [first] = archive.agreements;
  const [set] = archive.policySets;
  const other = digest('ee'.repeat(32));
  const tampered: readonly (readonly [string, Partial<AuditArchive>, string])[] = [
    ['of another chain', { chainId: other as never }, 'archive: it is of another chain'],
    [
      'of somebody whom the agreement does not name',
      { tenant: stranger.publicKey },
      'agreement: it does not name the tenant',
    ],
    [
      'whose agreement has another name',
      { agreements: [{ ...first!, id: other }] },
      'agreement: its proof is of something else',
    ],
    [
      'whose proof is of something else',
      { agreements: [{ id: first!.id, proof: set!.proof }] },
      'agreement: its proof is of something else',
    ],
    [
      'that proves an absence',
      { agreements: [{ id: other, proof: proofOf(courtStateKeys.stored(other)) }] },
      'agreement: the state has no such record',
    ],
    [
      'with a forged header',
      { policySets: [{ id: set!.id, proof: forged(set!.proof) }] },
      'policy set: its proof does not hold',
    ],
  ];
  for (const [name, change, problem] of tampered) {
    it(`is refused ${name}`, () => {
      expect(failures(change).join('\n')).to.include(problem);
      expect(verify(change).verdict).to.equal('invalid');
    });
  }
});

function forged(proof: AuditArchive['agreements'][0]['proof']): typeof proof {
  return { ...proof, header: { ...proof.header, time: proof.header.time + 1 } };
}

function schemaOf(name: string): object {
  return JSON.parse(readFileSync(`docs/formats/${name}.schema.json`, 'utf8')) as object;
}

/**
 * Goal: the published schema, the templates and the reader of agreements say the same. Method: every template filled and
 * read by both; every field taken away or spoilt, and both asked; names pinned to their two parts.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { contentDigest } from '../../../../src/protocols/ledger/modules/court/agreement-content.ts';
import {
  agreementDocumentCodec,
  type AgreementDocument,
  documentId,
  documentProblems,
  readAgreementDocument,
} from '../../../../src/protocols/ledger/modules/court/agreement-document.ts';
import {
  type AgreementTemplate,
  blanksIn,
  fillTemplate,
} from '../../../../src/protocols/ledger/modules/court/agreement-template.ts';
import { agreementTypes } from '../../../../src/protocols/ledger/modules/court/agreement-terms.ts';
import {
  builtInJurisdiction,
  builtInJurisdictions,
} from '../../../../src/protocols/ledger/modules/court/jurisdictions.ts';
import { type Json, readJson } from '../../../../src/protocols/ledger/json-codec.ts';
import { keyOf } from '../ledger-world.ts';

const root = new URL('../../../../', import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const templateOf = (name: string): AgreementTemplate => read(`templates/agreements/${name}.json`) as AgreementTemplate;
const validate = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true }).compile(
  read('docs/formats/agreement.schema.json') as object,
);
const jurisdictionOf = (id: string) => (builtInJurisdictions.includes(id) ? builtInJurisdiction(id) : undefined);

const sample: Readonly<Record<string, string>> = {
  text: 'some-thing',
  number: '86400000',
  digest: 'ab'.repeat(32),
  amount: '5',
};

/** Values for the blanks that have no default. */
function valuesFor({ variables }: AgreementTemplate): Record<string, string> {
  const needed = variables.filter((variable) => variable.default === null);
  const values = needed.map(({ name, kind }) => [name, kind === 'account' ? keyOf(name) : sample[kind]!]);
  return {
    ...(Object.fromEntries(values) as Record<string, string>),
    effective: '1700000000000',
    expires: '1800000000000',
  };
}

function documentOf(name: string): Json {
  const template = templateOf(name);
  const result = fillTemplate(template, valuesFor(template));
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.document;
}

interface Place {
  readonly path: string;
  /** The document without it, or with something of another type in its place. */
  readonly without: Json;
  readonly spoilt: Json;
}

/** Every place below a document. */
function* places(json: Json, path = ''): Generator<Place> {
  if (typeof json !== 'object' || json === null) return;
  if (Array.isArray(json)) {
    const [first, ...rest] = json as readonly Json[];
    for (const below of places(first ?? null, `${path}[0]`)) {
      yield { path: below.path, without: [below.without, ...rest], spoilt: [below.spoilt, ...rest] };
    }
    return;
  }
  const whole = json as Readonly<Record<string, Json>>;
  for (const [name, value] of Object.entries(whole)) {
    const here = `${path}.${name}`;
    const { [name]: _gone, ...without } = whole;
    yield { path: here, without, spoilt: { ...whole, [name]: { odd: true } } };
    for (const below of places(value, here)) {
      const put = (inner: Json): Json => ({ ...whole, [name]: inner });
      yield { path: below.path, without: put(below.without), spoilt: put(below.spoilt) };
    }
  }
}

describe('agreement documents', () => {
  for (const type of agreementTypes) {
    it(`of type ${type} come from a template, please schema and reader, and each place in them is looked at by both`, () => {
      const json = documentOf(type);
      expect(validate(json), JSON.stringify(validate.errors)).to.equal(true);
      const result = readAgreementDocument(json, jurisdictionOf);
      expect(result).to.have.property('value');
      expect('value' in result && result.value.terms.type).to.equal(type);
      let count = 0;
      for (const { path, without, spoilt } of places(json)) {
        count += 2;
        expect(validate(without), `schema without ${path}`).to.equal(false);
        expect(readAgreementDocument(without, jurisdictionOf), `without ${path}`).to.have.property('problems');
        expect(validate(spoilt), `schema with an odd ${path}`).to.equal(false);
        expect(readAgreementDocument(spoilt, jurisdictionOf), `with an odd ${path}`).to.have.property('problems');
      }
      expect(count).to.be.greaterThan(150);
    });
  }

  it('have the problem’s path named', () => {
    const json = documentOf('data-processing') as unknown as { content: { dataProcessing: Record<string, unknown> } };
    const lacking = structuredClone(json);
    delete lacking.content.dataProcessing['audits'];
    expect(readAgreementDocument(lacking, jurisdictionOf)).to.deep.equal({
      problems: [{ path: 'content.dataProcessing.audits', message: 'missing' }],
    });
    const blank = structuredClone(json);
    blank.content.dataProcessing['audits'] = ' ';
    expect(validate(blank)).to.equal(false);
    const result = readAgreementDocument(blank, jurisdictionOf);
    expect('problems' in result && result.problems[0]).to.include({ path: 'content.dataProcessing.audits' });
  });

  it('must hold what their type asks for, and speak of the same parties and obligations twice', () => {
    const of = (type: string): AgreementDocument => {
      const result = readJson(agreementDocumentCodec, documentOf(type));
      if ('problems' in result) throw new Error(JSON.stringify(result.problems));
      return result.value;
    };
    const paths = (document: AgreementDocument): readonly string[] =>
      documentProblems(document, jurisdictionOf(document.terms.jurisdiction)).map(({ path }) => path);
    for (const [type, path] of [
      ['data-processing', 'content.dataProcessing'],
      ['biso', 'content.policies'],
      ['compliance', 'content.controls'],
      ['partnership', 'terms.parties[0]'],
    ] as const) {
      const { terms, ...rest } = of('service');
      expect(paths({ ...rest, terms: { ...terms, type } }), type).to.include(path);
    }
    const service = of('service');
    expect(paths({ ...service, content: { ...service.content, duties: [] } })).to.deep.equal(['content.duties']);
    expect(paths({ ...service, content: { ...service.content, parties: [] } })).to.deep.equal(['content.parties']);
    const elsewhere = { ...service, terms: { ...service.terms, jurisdiction: 'atlantis' } };
    expect(paths(elsewhere)).to.deep.equal(['terms.jurisdiction']);
  });

  it('have another name for every other salt, text or term', () => {
    const result = readAgreementDocument(documentOf('service'), jurisdictionOf);
    if ('problems' in result) throw new Error('a good document');
    const { terms, content, format } = result.value;
    const names = [
      documentId(result.value),
      documentId({ format, terms, content: { ...content, salt: new Uint8Array(32) } }),
      documentId({ format, terms, content: { ...content, title: 'Other' } }),
      documentId({ format, terms: { ...terms, noticeMs: terms.noticeMs + 1 }, content }),
    ];
    expect(new Set(names).size).to.equal(4);
    expect(contentDigest(content)).to.match(/^[0-9a-f]{64}$/);
  });
});

describe('agreement templates', () => {
  for (const type of agreementTypes) {
    it(`name every blank of ${type} once, and no other`, () => {
      const { variables, document, template } = templateOf(type);
      expect(template).to.equal(type);
      const names = variables.map(({ name }) => name);
      expect(new Set(names).size).to.equal(names.length);
      expect([...blanksIn(document)].sort()).to.deep.equal([...names].sort());
    });
  }

  it('name what is missing, unknown or of another kind', () => {
    const template = templateOf('service');
    const { title: _title, ...lacking } = valuesFor(template);
    const result = fillTemplate(template, { ...lacking, customer: 'acme', latencyUs: '-5', colour: 'red' });
    expect('problems' in result && result.problems.map(({ path }) => path).sort()).to.deep.equal([
      'colour',
      'customer',
      'latencyUs',
      'title',
    ]);
  });

  it('put numbers where a blank is the whole, and text where it is a part', () => {
    const document = { whole: '${n}', part: 'at most ${n} µs', list: ['${t}'] };
    const variables = [
      { name: 'n', description: '', kind: 'number' as const, default: null },
      { name: 't', description: '', kind: 'text' as const, default: '${n}' },
    ];
    expect(fillTemplate({ template: 'x', description: '', variables, document }, { n: '7' })).to.deep.equal({
      document: { whole: 7, part: 'at most 7 µs', list: ['${n}'] },
    });
  });
});

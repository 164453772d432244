/** The published JSON Schema and the validator say the same of every document. The schema is run by ajv, which knows nothing of us. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { checkShape } from '../../src/runtime/manifest-check.ts';
import { manifestJsonSchema, manifestShape } from '../../src/runtime/manifest-network.ts';
import type { Problem } from '../../src/runtime/manifest-problems.ts';
import { readLocated } from '../../src/runtime/manifest-source.ts';

const schemaFile = 'schemas/manifest.schema.json';
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(manifestJsonSchema());

/** What the shape check alone says: rules across fields are beyond a schema. */
function isAccepted(document: unknown): boolean {
  const problems: Problem[] = [];
  const tree = readLocated(stringify(document), 'net.yaml', problems);
  if (tree !== null) checkShape(manifestShape, tree, problems);
  return problems.length === 0;
}

const shipped = ['mainnet', 'devnet', 'three-hosts'].map((name) => `nodes/${name}.yaml`);
const documents = shipped.map((file) => parse(readFileSync(file, 'utf8')) as object);

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) =>
      pathsOf(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

/** A copy with the value at the path replaced, or removed where `replacement` is undefined. */
function mutate(value: unknown, path: Path, replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  if (Array.isArray(value)) {
    const items: unknown[] = [...(value as unknown[])];
    const changed = mutate(items[Number(key)], rest, replacement);
    if (changed === undefined) items.splice(Number(key), 1);
    else items[Number(key)] = changed;
    return items;
  }
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  const changed = mutate(copy[key], rest, replacement);
  if (changed === undefined) return Object.fromEntries(Object.entries(copy).filter(([name]) => name !== key));
  copy[key] = changed;
  return copy;
}

const replacements = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    7,
    67,
    65535,
    65536,
    1e20,
    '',
    '2s',
    '1.5s',
    '12',
    'a',
    'A b',
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    [[]],
    ['validator'],
    ['validator', 'validator'],
    [7],
    { name: 'x' },
    'ab'.repeat(32),
  ),
  fc.integer(),
  fc.string(),
);

describe('the JSON Schema of manifests', () => {
  it('is published as generated from the shape', () => {
    expect(JSON.parse(readFileSync(schemaFile, 'utf8'))).to.deep.equal(manifestJsonSchema());
  });

  it('is named by the first line of every shipped manifest', () => {
    for (const file of shipped) {
      const [first] = readFileSync(file, 'utf8').split('\n');
      expect(first).to.equal('# yaml-language-server: $schema=../schemas/manifest.schema.json');
    }
  });

  it('accepts every shipped manifest', () => {
    for (const document of documents) expect(validate(document), JSON.stringify(validate.errors)).to.equal(true);
  });

  it('agrees with the validator on mutated manifests', () => {
    let refused = 0;
    const property = fc.property(
      fc
        .constantFrom(...documents)
        .chain((document) =>
          fc.tuple(
            fc.constant(document),
            fc.constantFrom(...pathsOf(document).filter((path) => path.length > 0)),
            replacements,
          ),
        ),
      ([document, path, replacement]) => {
        const mutated = mutate(document, path, replacement);
        const bySchema = validate(mutated);
        if (!bySchema) refused += 1;
        expect(isAccepted(mutated), JSON.stringify({ path, replacement, errors: validate.errors })).to.equal(bySchema);
      },
    );
    fc.assert(property, { numRuns: 1500 });
    expect(refused).to.be.greaterThan(300);
  });

  it('agrees with the validator on an unknown field anywhere', () => {
    for (const document of documents) {
      for (const path of pathsOf(document)) {
        const mutated = mutate(document, [...path, 'surprise'], 1);
        const parent = path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document);
        if (typeof parent !== 'object' || Array.isArray(parent)) continue;
        expect(validate(mutated)).to.equal(false);
        expect(isAccepted(mutated)).to.equal(false);
      }
    }
  });
});

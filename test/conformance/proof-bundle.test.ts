/**
 * Goal: nothing in a proof bundle can be changed without two independent verifiers noticing. Method: every leaf of the
 * JSON is changed in several ways, every field removed, every list shortened, doubled and reordered; our verifier and
 * one that shares no code with it must both accept the original and refuse every change. The published schema must
 * accept the originals and refuse every change of shape.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { type Json, readJson } from '../../src/protocols/ledger/json-codec.ts';
import { type ProofBundle, proofBundleCodec } from '../../src/protocols/ledger/proof-bundle.ts';
import { verifyBundle } from '../../src/protocols/ledger/verify-bundle.ts';
import { BundleWorld, genesis, verifySignature } from '../protocols/ledger/bundle-world.ts';
import { refusalOf } from './second-verifier.ts';

type Path = readonly (string | number)[];

function first(json: unknown): boolean {
  const read = readJson(proofBundleCodec, json);
  return 'value' in read && verifyBundle(read.value, genesis, { verifySignature }).verdict === 'valid';
}
const second = (json: unknown): boolean => refusalOf(json, genesis) === null;

const schemaPath = join(import.meta.dirname, '..', '..', 'docs', 'formats', 'proof-bundle.schema.json');
const schema = JSON.parse(readFileSync(schemaPath, 'utf8')) as object;
const fitsSchema = new Ajv2020({ strict: true, allErrors: false }).compile(schema);

/** Every value in a document with its path, containers included. */
function* values(json: Json, path: Path = []): Generator<readonly [Path, Json]> {
  yield [path, json];
  if (typeof json !== 'object' || json === null) return;
  for (const [name, value] of Object.entries(json)) {
    yield* values(value, [...path, Array.isArray(json) ? Number(name) : name]);
  }
}

/** A copy of the document with the value at a path replaced, or removed where it is undefined. */
function replaced(json: Json, path: Path, value: Json | undefined): Json {
  const [name, ...rest] = path;
  if (name === undefined) return value ?? null;
  if (Array.isArray(json)) {
    const copy = (json as readonly Json[]).slice();
    if (rest.length === 0 && value === undefined) copy.splice(name as number, 1);
    else copy[name as number] = replaced(copy[name as number]!, rest, value);
    return copy;
  }
  const entries = Object.entries(json as Record<string, Json>).filter(([field]) => field !== name);
  if (rest.length === 0 && value === undefined) return Object.fromEntries(entries);
  const before = (json as Record<string, Json>)[name] ?? null;
  return Object.fromEntries([...entries, [name, replaced(before, rest, value)]]);
}

const flipped = (text: string, at: number): string =>
  `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;

/** Other values in the place of a leaf. */
function* changes(leaf: Json, path: Path): Generator<Json> {
  if (typeof leaf === 'number') {
    yield* [leaf + 1, leaf - 1, leaf + 256, leaf + 0.5, String(leaf), null];
    return;
  }
  if (leaf === null) {
    yield* ['', '00', 0, []];
    return;
  }
  if (typeof leaf !== 'string') throw new Error(`a leaf of another type at ${path.join('.')}`);
  const positions = leaf.length > 400 ? 60 : 3;
  for (let i = 0; i < positions; i++) yield flipped(leaf, Math.floor((i * leaf.length) / positions));
  yield* [flipped(leaf, leaf.length - 1), leaf.slice(0, -2), `${leaf}00`, ` ${leaf}`, '', 0];
  if (leaf.toUpperCase() !== leaf) yield leaf.toUpperCase();
}

const world = new BundleWorld();
const bundles: readonly [string, ProofBundle][] = [
  ['a transaction, two set changes and a checkpoint', world.transactionBundle(13, 10)],
  ['a transaction under a rotated key', world.transactionBundle(20, 8)],
  ['a present key', world.stateBundle(BundleWorld.presentKey, 10)],
  ['an absent key', world.stateBundle(BundleWorld.absentKey, 10)],
];

for (const [name, bundle] of bundles) {
  const original = JSON.parse(JSON.stringify(proofBundleCodec.toJson(bundle))) as Json;

  const expectRefused = (candidate: Json, what: string): void => {
    expect(first(candidate), `first verifier, ${what}`).to.equal(false);
    expect(second(candidate), `second verifier, ${what}`).to.equal(false);
  };

  describe(`a proof bundle of ${name}`, () => {
    it('is accepted by both verifiers and by the schema', () => {
      expect(first(original)).to.equal(true);
      expect(refusalOf(original, genesis)).to.equal(null);
      expect(fitsSchema(original), JSON.stringify(fitsSchema.errors)).to.equal(true);
    });

    it('is refused by both with any leaf changed', () => {
      let count = 0;
      for (const [path, leaf] of values(original)) {
        if (typeof leaf === 'object' && leaf !== null) continue;
        for (const change of changes(leaf, path)) {
          if (change === leaf) continue;
          expectRefused(replaced(original, path, change), `${path.join('.')} = ${JSON.stringify(change).slice(0, 80)}`);
          count += 1;
        }
      }
      expect(count).to.be.greaterThan(400);
    }).timeout(60_000);

    it('is refused by both, and by the schema, with a field removed or added', () => {
      for (const [path, value] of values(original)) {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
        for (const field of [...Object.keys(value), 'unknown']) {
          const candidate = replaced(original, [...path, field], field === 'unknown' ? 0 : undefined);
          expectRefused(candidate, `${path.join('.')} without or with ${field}`);
          expect(fitsSchema(candidate), `schema, ${path.join('.')} without or with ${field}`).to.equal(false);
        }
      }
    });

    it('is refused by both with a list shortened, doubled or reordered', () => {
      for (const [path, value] of values(original)) {
        if (!Array.isArray(value) || value.length === 0) continue;
        const list = value as Json[];
        const variants: Json[] = [list.slice(1), list.slice(0, -1), [...list, list.at(-1)!], [], {}];
        if (list.length > 1) variants.push([list[1]!, list[0]!, ...list.slice(2)], list.slice().reverse());
        for (const variant of variants) expectRefused(replaced(original, path, variant), path.join('.'));
      }
    });
  });
}

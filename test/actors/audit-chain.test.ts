/**
 * Goal: what a node keeps of the chain is found sound where it is, and every byte that differs is found. Method: a chain in memory
 * with real keys, read through glasses that change one byte or leave out one record.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { auditChains, type ChainAudit } from '../../src/actors/chain/audit-chain.ts';
import { checkpointKey, servedCheckpointCodec } from '../../src/actors/checkpoint-cosigner.ts';
import { checkpointOf, encodeCheckpoint, validatorNoteKey } from '../../src/protocols/ledger/checkpoint.ts';
import { cosignatureBytes, encodeSignedNote, noteCosignature } from '../../src/protocols/ledger/signed-note.ts';
import { encode } from '../../src/protocols/shared/codec.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { tables } from '../../src/actors/chain/tables.ts';
import { equalBytes, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { StoreReader } from '../../src/runtime/ports/store.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const alice = signerOf(1);
const bob = signerOf(3);
const world = new MemoryChain({ validators: 6, accounts: [alice.publicKey] });
world.growTo(2);
world.removeValidator(world.validators[0]!.publicKey);
for (let nonce = 0; nonce < 3; nonce++) {
  world.block(world.transaction(alice, nonce, 'accounts.transfer', { to: bob.publicKey, amount: 5n }));
}
const { store } = world.chain;
const height = world.chain.tip.height;
store.commit([{ table: tables.meta, key: checkpointKey, value: checkpointOfTip() }]);

/** The tip's checkpoint as a node that gathered a quorum of cosignatures keeps it. */
function checkpointOfTip(cosigners = world.validators.slice(1)): Uint8Array {
  const { logSize, logRoot } = world.reader.block(height)!.header;
  const text = encodeCheckpoint(checkpointOf(world.chain.chainId, logSize, logRoot));
  const signatures = cosigners.map((signer) =>
    noteCosignature(
      validatorNoteKey(signer.publicKey),
      1_700_000_000,
      signer.sign(cosignatureBytes(text, 1_700_000_000)),
    ),
  );
  const note = toUtf8(encodeSignedNote({ text, signatures }));
  return encode(servedCheckpointCodec, { height, size: logSize, note });
}

function audit(...readers: readonly StoreReader[]): readonly ChainAudit[] {
  const scratch = new MemoryDisk().open({ kind: 'chain', version: 1, chainId: world.chain.chainId });
  const sources = readers.map((reader, at) => ({ name: `node-${at + 1}`, reader }));
  return auditChains({ genesis: world.genesis, signatures: createVerifier(), sources, scratch }).audits;
}

/** The store with one record as `change` makes it; null leaves it out. */
function withRecord(table: string, key: Uint8Array, change: (value: Uint8Array) => Uint8Array | null): StoreReader {
  const isIt = (name: string, other: Uint8Array): boolean => name === table && equalBytes(key, other);
  return {
    get: (name, other) => {
      const value = store.get(name, other);
      return value !== undefined && isIt(name, other) ? (change(value) ?? undefined) : value;
    },
    *range(name, options) {
      for (const [other, value] of store.range(name, options)) {
        const shown = isIt(name, other) ? change(value) : value;
        if (shown !== null) yield [other, shown];
      }
    },
  };
}

const records = Object.values(tables).flatMap((table) =>
  [...store.range(table)].map(([key, value]) => ({ table, key, value })),
);
/** The time at which a node stored a block is its own: the first field of a block's facts. */
const ownBytes = 10;
/** A node need not have gathered one. */
const isCheckpoint = (key: Uint8Array): boolean => equalBytes(key, checkpointKey);

describe('audit of a chain', () => {
  it('finds a sound store sound, and says what it checked', () => {
    const [found, second] = audit(store, store);
    expect(found).to.deep.include({ name: 'node-1', height, blocks: height, problems: [] });
    expect(found?.seals).to.be.at.least(4 * height);
    expect(found?.transactions).to.be.at.least(3);
    expect(found?.records).to.be.greaterThan(height * 5);
    expect(second).to.deep.include({ problems: [], seals: found?.seals });
  });

  it('finds any changed byte of any record, in the first store that it reads and in another', () => {
    const changes = fc.record({ record: fc.constantFrom(...records), at: fc.nat(), bit: fc.nat({ max: 7 }) });
    fc.assert(
      fc.property(changes, ({ record: { table, key, value }, at, bit }) => {
        const from = table === tables.facts ? ownBytes : 0;
        fc.pre(value.length > from);
        const place = from + (at % (value.length - from));
        const changed = withRecord(table, key, (original) => {
          const copy = original.slice();
          copy[place] = copy[place]! ^ (1 << bit);
          return copy;
        });
        expect(audit(changed)[0]?.problems, 'alone').not.to.be.empty;
        const [whole, other] = audit(store, changed);
        expect(whole?.problems).to.be.empty;
        expect(other?.problems, 'beside a sound one').not.to.be.empty;
      }),
      { numRuns: 30 },
    );
  }).timeout(120_000);

  it('finds any record that is gone, but for history that may be given up', () => {
    const kept = records.filter(
      ({ table, key }) => table !== tables.stale && table !== tables.tree && !isCheckpoint(key),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kept), ({ table, key }) => {
        const [, other] = audit(
          store,
          withRecord(table, key, () => null),
        );
        expect(other?.problems, table).not.to.be.empty;
      }),
      { numRuns: 30 },
    );
  }).timeout(120_000);

  it('believes no checkpoint without a quorum of those who decided its block', () => {
    const [removed, ...deciding] = world.validators;
    const noteBy = (signers: readonly Signer[]) =>
      audit(withRecord(tables.meta, checkpointKey, () => checkpointOfTip([...signers])))[0]?.problems;
    expect(noteBy(deciding)).to.deep.equal([]);
    expect(noteBy(deciding.slice(0, 3))).to.deep.equal(['checkpoint: 3 cosignatures, 4 needed']);
    expect(noteBy([removed!, ...deciding])).to.deep.equal([
      'checkpoint: a cosignature is not of a validator, or there twice',
    ]);
  });

  it('takes seals below a height for granted where it is told to', () => {
    const scratch = new MemoryDisk().open({ kind: 'chain', version: 1, chainId: world.chain.chainId });
    const sources = [{ name: 'node', reader: store }];
    const options = { genesis: world.genesis, signatures: createVerifier(), sources, scratch };
    const [found] = auditChains({ ...options, sealsFrom: height }).audits;
    expect(found).to.deep.include({ blocks: height, problems: [] });
    expect(found?.seals).to.be.within(1, 6);
  });
});

/** A small chain with real keys and signatures: three validator sets, transactions, state, log, and bundles from it. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { BlockHeader, Commit } from '../../../src/protocols/ledger/block.ts';
import { blockDigest, commitSigningBytes } from '../../../src/protocols/ledger/block.ts';
import { checkpointOf, encodeCheckpoint, validatorNoteKey } from '../../../src/protocols/ledger/checkpoint.ts';
import { chainIdOf, type Genesis } from '../../../src/protocols/ledger/genesis.ts';
import { encodeCommitmentProof } from '../../../src/protocols/ledger/ics23.ts';
import { encodeLogLeaf, type LogLeaf } from '../../../src/protocols/ledger/log-leaf.ts';
import {
  type ProofBundle,
  proofBundleFormat,
  type SetChange,
  type StateSubject,
  type TransactionSubject,
} from '../../../src/protocols/ledger/proof-bundle.ts';
import { encodeProofFile } from '../../../src/protocols/ledger/proof-file.ts';
import { encodeResult } from '../../../src/protocols/ledger/results.ts';
import { cosignatureBytes, noteCosignature, type SignatureCheck } from '../../../src/protocols/ledger/signed-note.ts';
import { proveKey } from '../../../src/protocols/ledger/state-proof.ts';
import { readKey, type TreeUpdate } from '../../../src/protocols/ledger/state-tree.ts';
import {
  transactionCodec,
  transactionSigningBytes,
  type UnsignedTransaction,
} from '../../../src/protocols/ledger/transaction.ts';
import {
  appendLeaves,
  emptyLogEdge,
  inclusionProof,
  type LogAppend,
  type TileReader,
} from '../../../src/protocols/ledger/transparency-log.ts';
import { type ValidatorSet, validatorSet, validatorSetHash } from '../../../src/protocols/ledger/validator-set.ts';
import {
  type ChainId,
  digest,
  height,
  type PublicKey,
  publicKey,
  round,
} from '../../../src/protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { encode } from '../../../src/protocols/shared/codec.ts';
import { TreeStore } from './tree-store.ts';

interface Member {
  readonly publicKey: PublicKey;
  readonly vrfPublicKey: PublicKey;
  readonly privateKey: KeyObject;
}

const pkcs8 = '302e020100300506032b657004220420';
const spki = '302a300506032b6570032100';

function keyOf(seed: number): { readonly publicKey: PublicKey; readonly privateKey: KeyObject } {
  const der = Buffer.concat([fromHex(pkcs8), Buffer.alloc(32, seed)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { publicKey: publicKey(toHex(raw)), privateKey };
}

const member = (seed: number): Member => ({ ...keyOf(seed), vrfPublicKey: keyOf(seed + 100).publicKey });

const keyObjects = new Map<string, KeyObject | null>();

function keyObject(key: string): KeyObject | null {
  let object = keyObjects.get(key);
  if (object === undefined) {
    try {
      object = createPublicKey({ key: Buffer.from(spki + key, 'hex'), format: 'der', type: 'spki' });
    } catch {
      object = null;
    }
    keyObjects.set(key, object);
  }
  return object;
}

export const verifySignature: SignatureCheck = (key, message, signature) => {
  const object = keyObject(key);
  return object !== null && signature.length === 64 && verify(null, message, object, signature);
};

/** Validators of genesis, after the change at height 3 (one joins), after the change at height 7 (one leaves). */
const members = [1, 2, 3, 4, 5].map(member);
const memberSets = [members.slice(0, 4), members, members.slice(1)];
const setChangeHeights = [3, 7];
const sender = keyOf(50);
/** The sender's account signs with this key from here on in the log. */
const rotatedFrom = 18;
const rotated = keyOf(51);
const signerOf = (logIndex: number): typeof sender => (logIndex < rotatedFrom ? sender : rotated);

export const finalityThreshold = 67;

export const genesis: Genesis = {
  chainName: 'bundle-world',
  time: 1_700_000_000_000,
  protocolVersion: 1,
  parameters: {
    blockTimeMs: 2000,
    emptyBlockPeriodMs: 0,
    finalityThreshold,
    roundTimeoutBaseMs: 1000,
    roundTimeoutMaxMs: 60_000,
    voteLapseBlocks: 100,
    evidenceAgeBlocks: 1000,
    unbondingBlocks: 2000,
    trustPeriodBlocks: 500,
    checkpointIntervalBlocks: 1,
  },
  validators: memberSets[0]!
    .map(({ publicKey: key, vrfPublicKey }, i) => ({
      publicKey: key,
      vrfPublicKey,
      name: `validator-${i}`,
      possession: new Uint8Array(64).fill(i),
      bond: 2n ** 40n + BigInt(i),
    }))
    .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1)),
  accounts: [{ publicKey: sender.publicKey, balance: 1000n }],
  governors: [sender.publicKey],
  networkAuthority: digest('77'.repeat(32)),
  previous: null,
};

export const chain: ChainId = chainIdOf(genesis);

const setIndexAt = (at: number): number => setChangeHeights.filter((change) => change < at).length;
const membersAt = (at: number): readonly Member[] => memberSets[setIndexAt(at)]!;
export const setAt = (at: number): ValidatorSet =>
  validatorSet(
    membersAt(at).map(({ publicKey: key, vrfPublicKey }) => ({ publicKey: key, vrfPublicKey })),
    finalityThreshold,
  );

/** A quorum of seals and not one more, so that none can be left out. */
export function sealHeader(header: BlockHeader, atRound = 0, signers = membersAt(header.height)): Commit {
  const message = commitSigningBytes(chain, header.height, round(atRound), blockDigest(header));
  const seals = signers
    .map(({ publicKey: validator, privateKey }) => ({
      validator,
      signature: Uint8Array.from(sign(null, message, privateKey)),
    }))
    .sort((a, b) => (a.validator < b.validator ? -1 : 1));
  return { round: round(atRound), seals: seals.slice(0, setAt(header.height).quorum) };
}

const stateKeys = Array.from({ length: 12 }, (_, n) => toUtf8(`accounts/account/${n}`));
const leavesPerBlock = 3;

function signedTransaction(nonce: number): Uint8Array {
  const unsigned: UnsignedTransaction = {
    chainId: chain,
    sender: sender.publicKey,
    nonce,
    expiryHeight: height(1000),
    kind: 'accounts.transfer',
    body: toUtf8(`body ${nonce}`),
  };
  const signature = Uint8Array.from(sign(null, transactionSigningBytes(unsigned), signerOf(nonce).privateKey));
  return encode(transactionCodec, { ...unsigned, signature });
}

/** Blocks 1 to 10, each with three transactions and one changed state key. */
export class BundleWorld {
  readonly headers: BlockHeader[] = [];
  readonly #leaves: LogLeaf[] = [];
  readonly #tiles = new Map<string, Uint8Array>();
  readonly #states = new TreeStore();
  readonly #roots: TreeUpdate[] = [];
  readonly #logs: LogAppend[] = [];

  constructor() {
    for (let at = 1; at <= 10; at++) this.#grow(at);
  }

  #grow(at: number): void {
    const leaves = Array.from({ length: leavesPerBlock }, (_, index) => ({
      height: height(at),
      index,
      transaction: signedTransaction(this.#leaves.length + index),
      result: encodeResult({ code: index === 1 ? 'insufficient-balance' : 'ok', events: 0 }),
    }));
    this.#leaves.push(...leaves);
    const log = appendLeaves(this.#logs.at(-1)?.edge ?? emptyLogEdge, leaves.map(encodeLogLeaf));
    for (const { level, index, hashes } of log.tileWrites) this.#tiles.set(`${level}/${index}`, hashes);
    const change = { key: stateKeys[at]!, value: toUtf8(`balance ${at}`) };
    const state = this.#states.apply(this.#roots.at(-1)?.rootRef ?? null, at, [change]);
    this.#logs.push(log);
    this.#roots.push(state);
    this.headers.push({
      chainId: chain,
      protocolVersion: 1,
      height: height(at),
      parent: at === 1 ? digest(chain) : blockDigest(this.header(at - 1)),
      time: genesis.time + 2000 * at,
      proposer: membersAt(at)[0]!.publicKey,
      transactionsRoot: digest('01'.repeat(32)),
      stateRoot: state.root,
      eventsRoot: digest('02'.repeat(32)),
      logSize: log.size,
      logRoot: log.root,
      validatorsHash: validatorSetHash(setAt(at)),
      nextValidatorsHash: validatorSetHash(setAt(at + 1)),
      lastCommitHash: digest('03'.repeat(32)),
      beacon: { output: new Uint8Array(64).fill(at), proof: new Uint8Array(80).fill(at) },
    });
  }

  header(at: number): BlockHeader {
    return this.headers[at - 1]!;
  }

  setChange(at: number): SetChange {
    const header = this.header(at);
    return { header, commit: sealHeader(header, at % 2), nextValidators: setAt(at + 1) };
  }

  #bundle(subject: ProofBundle['subject'], at: number, tlogProof: string | null, waypoints: number[]): ProofBundle {
    const header = this.header(at);
    const through = [...setChangeHeights, ...waypoints].filter((change) => change < at).sort((a, b) => a - b);
    return {
      format: proofBundleFormat,
      chainId: chain,
      subject,
      header,
      commit: sealHeader(header),
      setChanges: through.map((change) => this.setChange(change)),
      tlogProof,
    };
  }

  transactionSubject(logIndex: number, at: number): TransactionSubject {
    const reader: TileReader = { tile: (level, index) => this.#tiles.get(`${level}/${index}`) };
    const inclusion = inclusionProof(reader, logIndex, this.header(at).logSize);
    const { publicKey: signer } = signerOf(logIndex);
    const leaf = this.#leaves[logIndex]!;
    return { type: 'transaction', ...leaf, signer, logIndex, inclusion: inclusion.map((hash) => hash.slice()) };
  }

  /** A bundle of a leaf under the header at `at`, with a cosigned checkpoint. */
  transactionBundle(logIndex: number, at: number, waypoints: number[] = []): ProofBundle {
    const subject = this.transactionSubject(logIndex, at);
    return this.#bundle(subject, at, this.tlogProof(subject, at), waypoints);
  }

  tlogProof(subject: TransactionSubject, at: number, signers: readonly Member[] = membersAt(at)): string {
    const { logSize, logRoot } = this.header(at);
    const text = encodeCheckpoint(checkpointOf(chain, logSize, logRoot));
    const signatures = signers.slice(0, setAt(at).quorum).map(({ publicKey: key, privateKey }, i) => {
      const time = 1_700_000_000 + i;
      const signature = Uint8Array.from(sign(null, cosignatureBytes(text, time), privateKey));
      return noteCosignature(validatorNoteKey(key), time, signature);
    });
    const { logIndex: index, inclusion: path } = subject;
    return encodeProofFile({ index, path, checkpoint: { text, signatures }, extra: null });
  }

  /** A bundle of a state key, present or absent, under the header at `at`. */
  stateBundle(key: Uint8Array, at: number): ProofBundle {
    const { rootRef } = this.#roots[at - 1]!;
    const proof = proveKey(this.#states, rootRef, key);
    const subject: StateSubject = {
      type: 'state',
      key,
      value: readKey(this.#states, rootRef, key) ?? null,
      proof: proof === null ? null : encodeCommitmentProof(proof),
    };
    return this.#bundle(subject, at, null, []);
  }

  /** Of the account that sends every transaction, and the key that it signs with later. */
  static readonly senderKey = sender.publicKey;
  static readonly rotatedKey = rotated.publicKey;
  /** The keys of a set that was replaced: what an attacker may hold. */
  static readonly firstMembers = memberSets[0]!;
  static readonly presentKey = stateKeys[4]!;
  static readonly absentKey = toUtf8('accounts/account/none');
}

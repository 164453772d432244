/**
 * ICS-23 commitment proofs of a sparse Merkle tree: shape, protobuf, verification.
 *
 * Source: ICS-23 (cosmos/ics23), `proofs.proto` and the rules of `SmtSpec` with `prehash_key` SHA-256 and
 * `prehash_key_before_comparison`: leaf SHA-256(0x00 ‖ SHA-256(key) ‖ SHA-256(value)), inner SHA-256(0x01 ‖ left ‖
 * right), 32 zero bytes for an empty child, neighbours compared by SHA-256(key).
 *
 * Deviation: narrower than the specification asks. Only the two operations of this tree are accepted, spelled exactly
 * so, and only the canonical encoding; every proof has one form, and a changed bit never passes.
 */
import { compareBytes, concatBytes, equalBytes } from '../shared/bytes.ts';
import { accepted, CodedError, rejected, type Verdict } from '../shared/errors.ts';
import { sha256 } from '../shared/hash.ts';
import { hashLeafPair } from './merkle-hash.ts';
import { ProtobufError, ProtobufReader, ProtobufWriter } from './protobuf.ts';

/** One step from a node to its parent: SHA-256(prefix ‖ child ‖ suffix). */
export interface InnerStep {
  /** 0x01 where the child is the left one; 0x01 ‖ left sibling where it is the right one. */
  readonly prefix: Uint8Array;
  /** The right sibling where the child is the left one; empty otherwise. */
  readonly suffix: Uint8Array;
}

export interface ExistenceProof {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** From the leaf to the root. */
  readonly path: readonly InnerStep[];
}

interface NonExistenceProof {
  /** Not part of what is proved: verifiers compare the key they were given. */
  readonly key: Uint8Array;
  /** The neighbours in the order of the hashed keys; one is null at an end of the tree, never both. */
  readonly left: ExistenceProof | null;
  readonly right: ExistenceProof | null;
}

export type CommitmentProof =
  | { readonly type: 'exist'; readonly proof: ExistenceProof }
  | { readonly type: 'nonexist'; readonly proof: NonExistenceProof };

export type Ics23ErrorCode = 'malformed' | 'unsupported-operation' | 'not-canonical';

/** Bytes that are not the canonical encoding of a proof of this kind of tree. */
export class Ics23Error extends CodedError<Ics23ErrorCode> {
  override readonly name = 'Ics23Error';
}

type Ics23Rejection =
  | 'wrong-kind' // a proof of existence where absence is claimed, or the reverse
  | 'wrong-key'
  | 'wrong-value'
  | 'wrong-root'
  | 'malformed-step'
  | 'too-deep'
  | 'no-neighbours'
  | 'not-between' // the key is not between the neighbours
  | 'not-adjacent'; // another key may stand between the neighbours

export type Ics23Verdict = Verdict<never, Ics23Rejection>;

const hashSize = 32;
const innerMark = 0x01;
/** A path has at most one step for every bit of a hashed key. */
const depthMax = 256;
const emptyChild = new Uint8Array(hashSize);
const sha256Op = 1;
const leafPrefix = Uint8Array.of(0);
/** Limits of one encoded proof: keys are short and values fit a transaction's effects. */
const proofBytesMax = 1024 * 1024;

const isLeftStep = (step: InnerStep): boolean =>
  step.prefix.length === 1 && step.prefix[0] === innerMark && step.suffix.length === hashSize;

const isRightStep = (step: InnerStep): boolean =>
  step.prefix.length === 1 + hashSize && step.prefix[0] === innerMark && step.suffix.length === 0;

const hasEmptyLeft = (step: InnerStep): boolean => isRightStep(step) && equalBytes(step.prefix.subarray(1), emptyChild);

const hasEmptyRight = (step: InnerStep): boolean => isLeftStep(step) && equalBytes(step.suffix, emptyChild);

/** A step up from the left (`sibling` on the right) or from the right. */
export const innerStep = (isLeft: boolean, sibling: Uint8Array): InnerStep =>
  isLeft
    ? { prefix: Uint8Array.of(innerMark), suffix: sibling }
    : { prefix: concatBytes(Uint8Array.of(innerMark), sibling), suffix: new Uint8Array(0) };

/** The root that an existence proof leads to; its steps must have been checked. */
function existenceRoot(proof: ExistenceProof): Uint8Array {
  let hash = hashLeafPair(sha256(proof.key), sha256(proof.value));
  for (const { prefix, suffix } of proof.path) hash = sha256(concatBytes(prefix, hash, suffix));
  return hash;
}

function checkExistence(root: Uint8Array, proof: ExistenceProof): Ics23Verdict {
  if (proof.key.length === 0) return rejected('wrong-key');
  if (proof.value.length === 0) return rejected('wrong-value');
  if (proof.path.length > depthMax) return rejected('too-deep');
  if (!proof.path.every((step) => isLeftStep(step) || isRightStep(step))) return rejected('malformed-step');
  return equalBytes(existenceRoot(proof), root) ? accepted : rejected('wrong-root');
}

/** Whether `key` has `value` under `root` (32 bytes). */
export function verifyMembership(
  root: Uint8Array,
  proof: CommitmentProof,
  key: Uint8Array,
  value: Uint8Array,
): Ics23Verdict {
  if (proof.type !== 'exist') return rejected('wrong-kind');
  if (!equalBytes(proof.proof.key, key)) return rejected('wrong-key');
  if (!equalBytes(proof.proof.value, value)) return rejected('wrong-value');
  return checkExistence(root, proof.proof);
}

/** Whether `key` is absent under `root` (32 bytes). The proof's own `key` field proves nothing and is not read. */
export function verifyNonMembership(root: Uint8Array, proof: CommitmentProof, key: Uint8Array): Ics23Verdict {
  if (proof.type !== 'nonexist') return rejected('wrong-kind');
  const { left, right } = proof.proof;
  if (left === null && right === null) return rejected('no-neighbours');
  for (const neighbour of [left, right]) {
    const verdict = neighbour === null ? accepted : checkExistence(root, neighbour);
    if (verdict.kind !== 'accepted') return verdict;
  }
  const path = sha256(key);
  if (left !== null && compareBytes(sha256(left.key), path) >= 0) return rejected('not-between');
  if (right !== null && compareBytes(path, sha256(right.key)) >= 0) return rejected('not-between');
  return isAdjacent(left, right) ? accepted : rejected('not-adjacent');
}

const isLeftMost = (path: readonly InnerStep[]): boolean =>
  path.every((step) => isLeftStep(step) || hasEmptyLeft(step));

const isRightMost = (path: readonly InnerStep[]): boolean =>
  path.every((step) => isRightStep(step) || hasEmptyRight(step));

function isAdjacent(left: ExistenceProof | null, right: ExistenceProof | null): boolean {
  if (left === null) return right !== null && isLeftMost(right.path);
  if (right === null) return isRightMost(left.path);
  let [i, j] = [left.path.length - 1, right.path.length - 1];
  for (; i >= 0 && j >= 0; i--, j--) {
    const [a, b] = [left.path[i] as InnerStep, right.path[j] as InnerStep];
    if (equalBytes(a.prefix, b.prefix) && equalBytes(a.suffix, b.suffix)) continue;
    // The paths part here: one comes up from the left child, the other from the right, and nothing stands between.
    return isLeftStep(a) && isRightStep(b) && isRightMost(left.path.slice(0, i)) && isLeftMost(right.path.slice(0, j));
  }
  return false;
}

// Fields of proofs.proto.
const commitmentFields = { exist: 1, nonexist: 2 } as const;
const existenceFields = { key: 1, value: 2, leaf: 3, path: 4 } as const;
const nonExistenceFields = { key: 1, left: 2, right: 3 } as const;
const leafFields = { hash: 1, prehashKey: 2, prehashValue: 3, prefix: 5 } as const;
const innerFields = { hash: 1, prefix: 2, suffix: 3 } as const;

const leafOperation: Uint8Array = (() => {
  const writer = new ProtobufWriter();
  writer.varint(leafFields.hash, sha256Op);
  writer.varint(leafFields.prehashKey, sha256Op);
  writer.varint(leafFields.prehashValue, sha256Op);
  // `length` is NO_PREFIX, 0: proto3 leaves it out.
  writer.bytes(leafFields.prefix, leafPrefix);
  return writer.finish();
})();

function encodeStep(step: InnerStep): Uint8Array {
  const writer = new ProtobufWriter();
  writer.varint(innerFields.hash, sha256Op);
  writer.bytes(innerFields.prefix, step.prefix);
  writer.bytes(innerFields.suffix, step.suffix);
  return writer.finish();
}

function encodeExistence(proof: ExistenceProof): Uint8Array {
  const writer = new ProtobufWriter();
  writer.bytes(existenceFields.key, proof.key);
  writer.bytes(existenceFields.value, proof.value);
  writer.message(existenceFields.leaf, leafOperation);
  for (const step of proof.path) writer.message(existenceFields.path, encodeStep(step));
  return writer.finish();
}

/** Protobuf bytes of `cosmos.ics23.v1.CommitmentProof`. */
export function encodeCommitmentProof(proof: CommitmentProof): Uint8Array {
  const writer = new ProtobufWriter();
  if (proof.type === 'exist') writer.message(commitmentFields.exist, encodeExistence(proof.proof));
  else {
    const inner = new ProtobufWriter();
    inner.bytes(nonExistenceFields.key, proof.proof.key);
    if (proof.proof.left !== null) inner.message(nonExistenceFields.left, encodeExistence(proof.proof.left));
    if (proof.proof.right !== null) inner.message(nonExistenceFields.right, encodeExistence(proof.proof.right));
    writer.message(commitmentFields.nonexist, inner.finish());
  }
  return writer.finish();
}

const empty: Uint8Array = new Uint8Array(0);

function decodeStep(bytes: Uint8Array): InnerStep {
  let hash = 0;
  let [prefix, suffix] = [empty, empty];
  for (const field of new ProtobufReader(bytes).fields()) {
    if (field.number === innerFields.hash) hash = field.varint();
    else if (field.number === innerFields.prefix) prefix = field.bytes();
    else if (field.number === innerFields.suffix) suffix = field.bytes();
    else throw new Ics23Error('unsupported-operation', `field ${field.number} of an inner operation`);
  }
  if (hash !== sha256Op) throw new Ics23Error('unsupported-operation', `hash ${hash} of an inner operation`);
  return { prefix, suffix };
}

function decodeExistence(bytes: Uint8Array): ExistenceProof {
  let [key, value, leaf] = [empty, empty, empty];
  const path: InnerStep[] = [];
  for (const field of new ProtobufReader(bytes).fields()) {
    if (field.number === existenceFields.key) key = field.bytes();
    else if (field.number === existenceFields.value) value = field.bytes();
    else if (field.number === existenceFields.leaf) leaf = field.bytes();
    else if (field.number === existenceFields.path) path.push(decodeStep(field.bytes()));
    else throw new Ics23Error('malformed', `field ${field.number} of an existence proof`);
  }
  if (!equalBytes(leaf, leafOperation)) {
    throw new Ics23Error('unsupported-operation', 'the leaf operation is not that of a sparse Merkle tree');
  }
  return { key, value, path };
}

function decodeNonExistence(bytes: Uint8Array): NonExistenceProof {
  let key = empty;
  let [left, right]: (ExistenceProof | null)[] = [null, null];
  for (const field of new ProtobufReader(bytes).fields()) {
    if (field.number === nonExistenceFields.key) key = field.bytes();
    else if (field.number === nonExistenceFields.left) left = decodeExistence(field.bytes());
    else if (field.number === nonExistenceFields.right) right = decodeExistence(field.bytes());
    else throw new Ics23Error('malformed', `field ${field.number} of a non-existence proof`);
  }
  return { key, left: left ?? null, right: right ?? null };
}

function decodeAny(bytes: Uint8Array): CommitmentProof {
  let decoded: CommitmentProof | undefined;
  for (const field of new ProtobufReader(bytes).fields()) {
    if (field.number === commitmentFields.exist) decoded = { type: 'exist', proof: decodeExistence(field.bytes()) };
    else if (field.number === commitmentFields.nonexist) {
      decoded = { type: 'nonexist', proof: decodeNonExistence(field.bytes()) };
    } else throw new Ics23Error('malformed', `field ${field.number} of a commitment proof`);
  }
  if (decoded === undefined) throw new Ics23Error('malformed', 'a commitment proof without a proof');
  return decoded;
}

/** The proof in these bytes. Throws {@link Ics23Error}. */
export function decodeCommitmentProof(bytes: Uint8Array): CommitmentProof {
  if (bytes.length > proofBytesMax) throw new Ics23Error('malformed', 'a commitment proof is at most 1 MiB');
  let proof: CommitmentProof;
  try {
    proof = decodeAny(bytes);
  } catch (cause) {
    if (cause instanceof ProtobufError) throw new Ics23Error('malformed', cause.message, { cause });
    throw cause;
  }
  if (!equalBytes(encodeCommitmentProof(proof), bytes)) {
    throw new Ics23Error('not-canonical', 'the proof is not in its canonical encoding');
  }
  return proof;
}

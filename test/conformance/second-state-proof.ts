/** ICS-23 proofs of the sparse Merkle tree as the second verifier reads them. Shares no code with the first. */
import { fromHex, must, refuse, sha256 } from './second-encoding.ts';

const zero = Buffer.alloc(32);

/** Protobuf fields in order: [number, value]. */
function protobuf(bytes: Buffer): [number, Buffer | number][] {
  const found: [number, Buffer | number][] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      must(at < bytes.length && shift < 2 ** 35, 'a number does not end');
      const byte = bytes[at++]!;
      value += (byte % 128) * shift;
      if (byte < 128) {
        must(byte !== 0 || shift === 1, 'a number is not minimal');
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const key = varint();
    must(key % 8 === 0 || key % 8 === 2, 'a wire type of its own');
    const value = varint();
    if (key % 8 === 2) {
      must(at + value <= bytes.length, 'protobuf ends early');
      at += value;
    } else must(value !== 0, 'a default value is written');
    found.push([Math.floor(key / 8), key % 8 === 2 ? bytes.subarray(at - value, at) : value]);
  }
  return found;
}

interface Existence {
  readonly key: Buffer;
  readonly value: Buffer;
  /** From the root down, the sides and siblings. */
  readonly sides: { readonly isLeft: boolean; readonly sibling: Buffer }[];
}

function existenceOf(bytes: Buffer, root: Buffer): Existence {
  const [first, second, third, ...rest] = protobuf(bytes);
  const numbers = [first?.[0], second?.[0], third?.[0], ...rest.map(([number]) => number)];
  must(
    numbers.slice(0, 3).join() === '1,2,3' && numbers.slice(3).every((n) => n === 4),
    'fields of an existence proof',
  );
  const [key, value, leaf] = [first![1] as Buffer, second![1] as Buffer, third![1] as Buffer];
  must(leaf.toString('hex') === '0801100118012a0100', 'another leaf operation');
  must(key.length > 0 && value.length > 0, 'empty');
  let hash = sha256(Buffer.of(0), sha256(key), sha256(value));
  const sides = rest.map(([, step]) => {
    const operation = (step as Buffer).toString('hex');
    const left = /^08011201011a20([0-9a-f]{64})$/.exec(operation);
    const right = /^0801122101([0-9a-f]{64})$/.exec(operation);
    const sibling = fromHex(left?.[1] ?? right?.[1] ?? refuse('another inner operation'));
    hash = left ? sha256(Buffer.of(1), hash, sibling) : sha256(Buffer.of(1), sibling, hash);
    return { isLeft: left !== null, sibling };
  });
  must(hash.equals(root), 'the proof leads to another root');
  // The sides must be the bits of the hashed key: what stands elsewhere is not the leaf of that key.
  const path = sha256(key);
  sides.reverse().forEach(({ isLeft }, depth) => {
    must((((path[depth >> 3]! >> (7 - (depth & 7))) & 1) === 0) === isLeft, 'a leaf away from its path');
  });
  return { key, value, sides };
}

/**
 * Absence by the tree itself: walk the hashed key down the proof of a neighbour until the paths part; there the key
 * would be in the sibling, so that sibling must be empty or, for the nearer neighbour, lead to the other neighbour.
 */
function checkAbsence(key: Buffer, left: Existence | null, right: Existence | null): void {
  const path = sha256(key);
  if (left !== null) must(Buffer.compare(sha256(left.key), path) < 0, 'the left neighbour is not on the left');
  if (right !== null) must(Buffer.compare(path, sha256(right.key)) < 0, 'the right neighbour is not on the right');
  must(left !== null || right !== null, 'no neighbours');
  let shared = 0;
  if (left !== null && right !== null) {
    while (shared < 256 && left.sides[shared]?.isLeft === right.sides[shared]?.isLeft) shared += 1;
    must(left.sides[shared]?.isLeft === true && right.sides[shared]?.isLeft === false, 'the neighbours do not part');
    shared += 1;
  }
  const outermost = (proof: Existence | null, side: boolean): boolean =>
    proof?.sides.slice(shared).every(({ isLeft, sibling }) => isLeft === side || sibling.equals(zero)) ?? true;
  must(outermost(left, false) && outermost(right, true), 'another key may stand between the neighbours');
}

/** Whether the key has the value, or none, under the root by this proof (null: no proof, of an empty state). */
export function checkStateProof(root: Buffer, key: Buffer, value: Buffer | null, proof: Buffer | null): void {
  if (proof === null) {
    must(root.equals(zero) && value === null, 'no proof');
    return;
  }
  const [only, ...more] = protobuf(proof);
  must(only !== undefined && more.length === 0 && only[1] instanceof Buffer, 'one proof expected');
  if (value !== null) {
    must(only[0] === 1, 'a proof of absence');
    const found = existenceOf(only[1], root);
    must(found.key.equals(key) && found.value.equals(value), 'the proof is of something else');
    return;
  }
  must(only[0] === 2, 'a proof of existence');
  const parts = protobuf(only[1]);
  must(/^1(,2)?(,3)?$/.test(parts.map(([number]) => number).join()), 'fields of a proof of absence');
  must((parts[0]![1] as Buffer).equals(key), 'the proof names another key');
  const neighbour = (field: number): Existence | null => {
    const part = parts.find(([number]) => number === field);
    return part === undefined ? null : existenceOf(part[1] as Buffer, root);
  };
  checkAbsence(key, neighbour(2), neighbour(3));
}

/** Deliberately dumb oracles: trees built recursively from everything, in the words of their definitions. */
import { createHash } from 'node:crypto';

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const bitAt = (path: Uint8Array, bit: number): number => ((path[bit >> 3] as number) >> (7 - (bit & 7))) & 1;

interface OracleLeaf {
  readonly path: Uint8Array;
  readonly hash: Uint8Array;
}

/** ICS-23 SmtSpec: 32 zero bytes for nothing, a single leaf stands for its subtree, 0x01 ‖ left ‖ right otherwise. */
function smtRoot(leaves: readonly OracleLeaf[], bit: number): Uint8Array {
  const [first, second] = leaves;
  if (first === undefined) return new Uint8Array(32);
  if (second === undefined) return first.hash;
  const side = (wanted: number): Uint8Array =>
    smtRoot(
      leaves.filter((leaf) => bitAt(leaf.path, bit) === wanted),
      bit + 1,
    );
  return sha256(Uint8Array.of(1), side(0), side(1));
}

/** Root of the sparse Merkle tree of these entries (keys as hex text). */
export function naiveStateRoot(entries: ReadonlyMap<string, Uint8Array>): string {
  const leaves = [...entries].map(([key, value]) => {
    const path = sha256(Buffer.from(key, 'hex'));
    return { path, hash: sha256(Uint8Array.of(0), path, sha256(value)) };
  });
  return Buffer.from(smtRoot(leaves, 0)).toString('hex');
}

/** RFC 6962, section 2.1: MTH. */
export function naiveTreeHead(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0] as Uint8Array);
  const split = splitOf(leaves.length);
  return sha256(Uint8Array.of(1), naiveTreeHead(leaves.slice(0, split)), naiveTreeHead(leaves.slice(split)));
}

/** RFC 6962, section 2.1.1: PATH(m, D[n]). */
export function naivePath(m: number, leaves: readonly Uint8Array[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return m < split
    ? [...naivePath(m, leaves.slice(0, split)), naiveTreeHead(leaves.slice(split))]
    : [...naivePath(m - split, leaves.slice(split)), naiveTreeHead(leaves.slice(0, split))];
}

/** RFC 6962, section 2.1.2: SUBPROOF(m, D[n], b); PROOF(m, D[n]) = SUBPROOF(m, D[n], true). */
export function naiveSubproof(m: number, leaves: readonly Uint8Array[], known: boolean): Buffer[] {
  if (m === leaves.length) return known ? [] : [naiveTreeHead(leaves)];
  const split = splitOf(leaves.length);
  return m <= split
    ? [...naiveSubproof(m, leaves.slice(0, split), known), naiveTreeHead(leaves.slice(split))]
    : [...naiveSubproof(m - split, leaves.slice(split), false), naiveTreeHead(leaves.slice(0, split))];
}

function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** The shape of a key file (see key-files.ts), and reading it from text that may be anything. */
import { isHex64, type PublicKey } from '../../protocols/shared/brands.ts';

export interface EncryptedSeed {
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Hex: 16 to 64 bytes. */
  readonly salt: string;
  readonly cipher: 'xchacha20-poly1305';
  /** Hex: 24 bytes. */
  readonly nonce: string;
  /** Hex: 32 bytes of seed and 16 of authenticator. */
  readonly ciphertext: string;
}

/** Signatures, or proofs of the verifiable random function: one key is never used for both. */
export type KeyKind = 'ed25519' | 'vrf';

export interface KeyFileHead {
  readonly version: 1;
  readonly kind: KeyKind;
  readonly publicKey: PublicKey;
}

export type KeyFile = (KeyFileHead & { readonly seed: string }) | (KeyFileHead & { readonly encrypted: EncryptedSeed });

type Fields = Readonly<Record<string, unknown>>;

/** Memory that a file may ask for: 128·N·r bytes, here at most 1 GiB. */
const scryptMemoryMax = 2 ** 30;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasExactly = (value: Fields, names: readonly string[]): boolean =>
  Object.keys(value).sort().join() === [...names].sort().join();

const isHex = (value: unknown, bytesMin: number, bytesMax = bytesMin): boolean =>
  typeof value === 'string' &&
  /^([0-9a-f]{2})*$/.test(value) &&
  value.length >= 2 * bytesMin &&
  value.length <= 2 * bytesMax;

const isWithin = (value: unknown, minimum: number, maximum: number): value is number =>
  Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum;

function isEncryptedSeed(value: unknown): boolean {
  if (!isFields(value)) return false;
  if (!hasExactly(value, ['kdf', 'N', 'r', 'p', 'salt', 'cipher', 'nonce', 'ciphertext'])) return false;
  const { N, r, p } = value;
  if (!isWithin(N, 2 ** 10, 2 ** 24) || !isWithin(r, 1, 64) || !isWithin(p, 1, 16)) return false;
  return (
    value['kdf'] === 'scrypt' &&
    value['cipher'] === 'xchacha20-poly1305' &&
    Number.isInteger(Math.log2(N)) &&
    128 * N * r <= scryptMemoryMax &&
    isHex(value['salt'], 16, 64) &&
    isHex(value['nonce'], 24) &&
    isHex(value['ciphertext'], 48)
  );
}

/** Null for everything that is not exactly a key file. */
export function parseKeyFile(text: string): KeyFile | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: not a key file.
    return null;
  }
  if (!isFields(value) || value['version'] !== 1) return null;
  if (value['kind'] !== 'ed25519' && value['kind'] !== 'vrf') return null;
  if (typeof value['publicKey'] !== 'string' || !isHex64(value['publicKey'])) return null;
  const head = ['version', 'kind', 'publicKey'];
  const inClear = hasExactly(value, [...head, 'seed']) && isHex(value['seed'], 32);
  const sealed = hasExactly(value, [...head, 'encrypted']) && isEncryptedSeed(value['encrypted']);
  return inClear || sealed ? (value as unknown as KeyFile) : null;
}

/**
 * Keys on disk: one JSON file a key, mode 0600, in clear or under a passphrase (scrypt, then XChaCha20-Poly1305 with
 * kind and public key as associated data). A file is complete or absent, and never overwritten.
 *
 *     { "version": 1, "kind": "ed25519" | "vrf", "publicKey": hex, "seed": hex }
 *     { "version": 1, "kind": "ed25519" | "vrf", "publicKey": hex,
 *       "encrypted": { "kdf": "scrypt", "N": …, "r": …, "p": …, "salt": hex,
 *                      "cipher": "xchacha20-poly1305", "nonce": hex, "ciphertext": hex } }
 */
import { randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { closeSync, fstatSync, linkSync, openSync, readFileSync, readSync, renameSync } from 'node:fs';
import { promisify } from 'node:util';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../../protocols/shared/bytes.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { Signer, VrfSigner } from '../ports/signer.ts';
import { createSigner } from './ed25519.ts';
import { parseKeyFile, type EncryptedSeed, type KeyFile, type KeyFileHead, type KeyKind } from './key-file-format.ts';
import { createPrivateFile, placePrivateFile } from './private-file.ts';
import { createVrfSigner } from './vrf.ts';

export type KeyFileErrorCode =
  | 'missing' // no such file
  | 'exists' // there is one already, and it is not touched
  | 'loose-permissions' // others than the owner may read it
  | 'corrupt' // not a key file
  | 'passphrase-missing' // it is encrypted and no passphrase was given, or the source of the passphrase is empty
  | 'wrong-passphrase'
  | 'wrong-key' // it holds another key than its name or the caller says
  | 'failed'; // the file system refused

export class KeyFileError extends CodedError<KeyFileErrorCode> {
  override readonly name = 'KeyFileError';
}

export interface KeySummary {
  readonly kind: KeyKind;
  readonly publicKey: PublicKey;
  readonly encrypted: boolean;
}

/** 32 MiB and about 0.1 s a guess. */
const scryptCost = { N: 2 ** 15, r: 8, p: 1 };
const passphraseBytesMax = 4096;
const fileBytesMax = 16_384;

/** Where a passphrase comes from: never an argument of a command, which every user of the machine can read. */
export type PassphraseSource = { readonly descriptor: number } | { readonly variable: string };

/** One trailing line break is left out. Throws KeyFileError `passphrase-missing`. */
export function readPassphrase(
  source: PassphraseSource,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const named = 'variable' in source ? `environment variable ${source.variable}` : `descriptor ${source.descriptor}`;
  const text = 'variable' in source ? environment[source.variable] : readDescriptor(source.descriptor, named);
  const passphrase = text?.replace(/\r?\n$/, '') ?? '';
  if (passphrase === '') throw new KeyFileError('passphrase-missing', `no passphrase in ${named}`);
  return passphrase;
}

function readDescriptor(descriptor: number, named: string): string {
  const buffer = Buffer.alloc(passphraseBytesMax + 1);
  let length = 0;
  try {
    for (;;) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0 || length === buffer.length) break;
    }
  } catch (cause) {
    throw new KeyFileError('passphrase-missing', `${named} cannot be read`, { cause });
  }
  if (length > passphraseBytesMax)
    throw new KeyFileError('passphrase-missing', `more than ${passphraseBytesMax} bytes in ${named}`);
  return buffer.toString('utf8', 0, length);
}

/**
 * Makes a key and its file, and the directory where it is missing; in clear where the passphrase is null. Rejects with
 * KeyFileError `exists`, `failed`.
 */
export async function createKeyFile(path: string, kind: KeyKind, passphrase: string | null): Promise<KeySummary> {
  const seed = randomBytes(32);
  try {
    const content = await seal(kind, seed, passphrase);
    createFile(path, content);
    return summaryOf(content);
  } finally {
    seed.fill(0);
  }
}

/** The public part; needs no passphrase. Throws KeyFileError `missing`, `loose-permissions`, `corrupt`. */
export function showKeyFile(path: string): KeySummary {
  return summaryOf(readKeyFile(path));
}

/**
 * Rejects with KeyFileError `missing`, `loose-permissions`, `corrupt`, `passphrase-missing`, `wrong-passphrase`, or
 * `wrong-key`: also where the file holds another key than `expectedKey`, or one of another kind.
 */
export async function readSigner(path: string, passphrase: string | null, expectedKey?: PublicKey): Promise<Signer> {
  return withSeed(await open(path, 'ed25519', passphrase, expectedKey), createSigner);
}

/** As {@link readSigner}, for a VRF key. */
export async function readVrfSigner(
  path: string,
  passphrase: string | null,
  expectedKey?: PublicKey,
): Promise<VrfSigner> {
  return withSeed(await open(path, 'vrf', passphrase, expectedKey), createVrfSigner);
}

/** The 32-byte seed of an ed25519 key, where a signer is not enough (a TLS certificate): wipe it afterwards. */
export async function readSeed(path: string, passphrase: string | null): Promise<Uint8Array> {
  return (await open(path, 'ed25519', passphrase)).seed;
}

export interface Rotation {
  readonly previous: PublicKey;
  readonly current: PublicKey;
  /** Where the file of the previous key is now. */
  readonly kept: string;
}

/**
 * Puts a new key of the same kind, under the same passphrase, in the place of the old one, whose file is kept as
 * `<path>.<first 16 digits of its public key>`. Rejects as {@link readSigner} does, and with `exists`.
 */
export async function rotateKeyFile(path: string, passphrase: string | null): Promise<Rotation> {
  const { kind, encrypted } = showKeyFile(path);
  const old = await open(path, kind, passphrase);
  old.seed.fill(0);
  const kept = `${path}.${old.publicKey.slice(0, 16)}`;
  const seed = randomBytes(32);
  try {
    const content = await seal(kind, seed, encrypted ? passphrase : null);
    guarded(kept, () => linkSync(path, kept));
    guarded(path, () => placePrivateFile(path, fileText(content), (temporary) => renameSync(temporary, path)));
    return { previous: old.publicKey, current: content.publicKey, kept };
  } finally {
    seed.fill(0);
  }
}

/** Where to write a copy of a key, and the passphrase that it is put under: an export is never in clear. */
export interface ExportTarget {
  readonly path: string;
  readonly passphrase: string;
}

/** For a backup, or to move a key. Rejects as {@link readSigner} does, and with `exists`. */
export async function exportKeyFile(path: string, passphrase: string | null, to: ExportTarget): Promise<KeySummary> {
  const { kind } = showKeyFile(path);
  const { seed } = await open(path, kind, passphrase);
  try {
    const content = await seal(kind, seed, to.passphrase);
    createFile(to.path, content);
    return summaryOf(content);
  } finally {
    seed.fill(0);
  }
}

interface OpenedKey {
  readonly publicKey: PublicKey;
  readonly seed: Uint8Array;
}

function withSeed<T>({ seed }: OpenedKey, use: (seed: Uint8Array) => T): T {
  try {
    return use(seed);
  } finally {
    seed.fill(0);
  }
}

async function open(
  path: string,
  kind: KeyKind,
  passphrase: string | null,
  expectedKey?: PublicKey,
): Promise<OpenedKey> {
  const file = readKeyFile(path);
  if (file.kind !== kind) throw new KeyFileError('wrong-key', `${path} holds a key of kind ${file.kind}, not ${kind}`);
  if (expectedKey !== undefined && file.publicKey !== expectedKey)
    throw new KeyFileError('wrong-key', `${path} holds the key ${file.publicKey}, not ${expectedKey}`);
  const seed = 'seed' in file ? fromHex(file.seed) : await decrypt(path, file, file.encrypted, passphrase);
  const { publicKey } = createSigner(seed);
  if (publicKey !== file.publicKey)
    throw new KeyFileError('wrong-key', `${path} names the key ${file.publicKey} and holds the secret of ${publicKey}`);
  return { publicKey, seed };
}

const summaryOf = (file: KeyFile): KeySummary => ({
  kind: file.kind,
  publicKey: file.publicKey,
  encrypted: 'encrypted' in file,
});

const associatedData = ({ kind, publicKey }: KeyFileHead): Uint8Array =>
  toUtf8(`bpci/key-file/v1\0${kind}\0${publicKey}`);

const scryptAsync = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

function derive(
  passphrase: string,
  { N, r, p, salt }: Pick<EncryptedSeed, 'N' | 'r' | 'p' | 'salt'>,
): Promise<Uint8Array> {
  return scryptAsync(passphrase.normalize('NFKC'), fromHex(salt), 32, { N, r, p, maxmem: 256 * N * r });
}

async function seal(kind: KeyKind, seed: Uint8Array, passphrase: string | null): Promise<KeyFile> {
  // A VRF key is an ed25519 key too (RFC 9381, section 5.5).
  const { publicKey } = createSigner(seed);
  const head: KeyFileHead = { version: 1, kind, publicKey };
  if (passphrase === null) return { ...head, seed: toHex(seed) };
  const salt = toHex(randomBytes(16));
  const nonce = randomBytes(24);
  const key = await derive(passphrase, { ...scryptCost, salt });
  const ciphertext = xchacha20poly1305(key, nonce, associatedData(head)).encrypt(seed);
  key.fill(0);
  const cipher = { cipher: 'xchacha20-poly1305', nonce: toHex(nonce), ciphertext: toHex(ciphertext) } as const;
  return { ...head, encrypted: { kdf: 'scrypt', ...scryptCost, salt, ...cipher } };
}

async function decrypt(
  path: string,
  head: KeyFileHead,
  encrypted: EncryptedSeed,
  passphrase: string | null,
): Promise<Uint8Array> {
  if (passphrase === null) throw new KeyFileError('passphrase-missing', `${path} is encrypted: give its passphrase`);
  const key = await derive(passphrase, encrypted);
  try {
    const cipher = xchacha20poly1305(key, fromHex(encrypted.nonce), associatedData(head));
    return cipher.decrypt(fromHex(encrypted.ciphertext));
  } catch (cause) {
    throw new KeyFileError('wrong-passphrase', `the passphrase does not open ${path}`, { cause });
  } finally {
    key.fill(0);
  }
}

function readKeyFile(path: string): KeyFile {
  const descriptor = guarded(path, () => openSync(path, 'r'));
  let text: string;
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile() || status.size > fileBytesMax) throw new KeyFileError('corrupt', `${path} is not a key file`);
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw new KeyFileError('loose-permissions', `${path} has mode ${mode}: others can read the key. chmod 600 it`);
    }
    text = readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  const file = parseKeyFile(text);
  if (file === null) throw new KeyFileError('corrupt', `${path} is not a key file`);
  return file;
}

const fileText = (content: KeyFile): string => `${JSON.stringify(content, null, 2)}\n`;

/** Complete and on stable storage, or not there at all; never over another file. */
const createFile = (path: string, content: KeyFile): void =>
  guarded(path, () => createPrivateFile(path, fileText(content)));

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new KeyFileError('missing', `there is no key file ${path}`, { cause });
    if (code === 'EEXIST') throw new KeyFileError('exists', `${path} is there already and was not touched`, { cause });
    throw new KeyFileError('failed', `${path}: ${message}`, { cause });
  }
}

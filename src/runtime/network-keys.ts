/** Keys that the launcher makes for nodes and accounts, and the public record of a node that other machines need. */
import { existsSync, readFileSync } from 'node:fs';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { isHex64 } from '../protocols/shared/brands.ts';
import { toHex } from '../protocols/shared/bytes.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import { possessionSigningBytes } from '../protocols/ledger/possession.ts';
import { createKeyFile, readPassphrase, readSigner, showKeyFile } from './adapters/key-files.ts';
import type { PlannedNode } from './manifest-expand.ts';
import { ensureCertificateKey } from './network-authority.ts';
import { type NodeDirectory, writeFileAtomically } from './network-directory.ts';

/** Public: what `identity.json` holds. */
export interface NodeIdentity {
  readonly name: string;
  /** The chain that the proof of possession is for. */
  readonly chainName: string;
  readonly publicKey: PublicKey;
  /** Validators only. */
  readonly vrfPublicKey: PublicKey | null;
  /** Signature over both keys and the chain's name, hex; validators only. */
  readonly possession: string | null;
  /** Public half of its TLS key for HTTP (SPKI, base64). */
  readonly certificateKey: string;
}

export class NetworkKeyError extends CodedError<'missing-key' | 'wrong-key' | 'bad-identity'> {
  override readonly name = 'NetworkKeyError';
}

/**
 * The node's keys, made where they are missing and `create` allows it, and its identity file written. Secrets are read
 * only where the identity is not there yet. Rejects with NetworkKeyError, or with KeyFileError where a file cannot be used.
 */
export async function ensureNodeKeys(
  node: PlannedNode,
  directory: NodeDirectory,
  options: { readonly chainName: string; readonly passphrase: string | null; readonly create: boolean },
): Promise<NodeIdentity> {
  const vrfKeyFile = node.roles.includes('validator') ? directory.vrfKeyFile : null;
  for (const path of vrfKeyFile === null ? [directory.keyFile] : [directory.keyFile, vrfKeyFile]) {
    if (existsSync(path)) continue;
    if (!options.create) {
      throw new NetworkKeyError(
        'missing-key',
        `${node.name}: its key file ${path} is missing, and the chain knows the node by that key: restore the file from a backup`,
      );
    }
    await createKeyFile(path, path === vrfKeyFile ? 'vrf' : 'ed25519', options.passphrase);
  }
  const { publicKey } = showKeyFile(directory.keyFile);
  if (node.publicKey !== null && node.publicKey !== publicKey) {
    throw new NetworkKeyError(
      'wrong-key',
      `${node.name}: its key is expected to be ${node.publicKey}, and ${directory.keyFile} holds ${publicKey}`,
    );
  }
  const vrfPublicKey = vrfKeyFile === null ? null : showKeyFile(vrfKeyFile).publicKey;
  const certificateKey = await ensureCertificateKey(directory.certificateKeyFile);
  const known = readNodeIdentity(directory.identityFile, node.name);
  const { chainName } = options;
  if (
    known?.publicKey === publicKey &&
    known.vrfPublicKey === vrfPublicKey &&
    known.certificateKey === certificateKey &&
    known.chainName === chainName
  ) {
    return known;
  }
  const possession = vrfPublicKey === null ? null : await provePossession(directory.keyFile, vrfPublicKey, options);
  const identity: NodeIdentity = { name: node.name, chainName, publicKey, vrfPublicKey, possession, certificateKey };
  writeFileAtomically(directory.identityFile, `${JSON.stringify(identity, null, 2)}\n`, 0o644);
  return identity;
}

async function provePossession(
  path: string,
  vrfPublicKey: PublicKey,
  options: { readonly chainName: string; readonly passphrase: string | null },
): Promise<string> {
  const signer = await readSigner(path, options.passphrase);
  return toHex(signer.sign(possessionSigningBytes(options.chainName, signer.publicKey, vrfPublicKey)));
}

/** Null where the file is not there. Throws NetworkKeyError `bad-identity`. */
export function readNodeIdentity(file: string, name: string): NodeIdentity | null {
  if (!existsSync(file)) return null;
  let identity: Partial<Record<keyof NodeIdentity, unknown>>;
  try {
    identity = JSON.parse(readFileSync(file, 'utf8')) as typeof identity;
  } catch (cause) {
    throw new NetworkKeyError('bad-identity', `${file} is not JSON`, { cause });
  }
  const isKey = (value: unknown): value is PublicKey => typeof value === 'string' && isHex64(value);
  const { chainName, publicKey, vrfPublicKey, possession, certificateKey } = identity;
  const validates = isKey(vrfPublicKey) && typeof possession === 'string' && /^[0-9a-f]{128}$/.test(possession);
  const follows = vrfPublicKey === null && possession === null;
  const hasTexts = typeof certificateKey === 'string' && typeof chainName === 'string';
  if (identity.name !== name || !isKey(publicKey) || !hasTexts || !(validates || follows)) {
    throw new NetworkKeyError('bad-identity', `${file} is not the identity of ${name}`);
  }
  return {
    name,
    chainName,
    publicKey,
    vrfPublicKey: validates ? vrfPublicKey : null,
    possession: validates ? possession : null,
    certificateKey,
  };
}

/** The key of an account whose key file is kept here, made where it is missing. */
export async function ensureAccountKey(path: string, passphrase: string | null): Promise<PublicKey> {
  const summary = existsSync(path) ? showKeyFile(path) : await createKeyFile(path, 'ed25519', passphrase);
  return summary.publicKey;
}

/** The passphrase of the key files, or null where they are not encrypted. Throws KeyFileError `passphrase-missing`. */
export const networkPassphrase = (
  variable: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): string | null => (variable === null ? null : readPassphrase({ variable }, environment));

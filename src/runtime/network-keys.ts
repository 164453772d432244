/** Keys that the launcher makes for nodes and accounts, and the public record of a node that other machines need. */
import { existsSync, readFileSync } from 'node:fs';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { isHex64 } from '../protocols/shared/brands.ts';
import { toHex } from '../protocols/shared/bytes.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import { possessionSigningBytes } from '../protocols/ledger/possession.ts';
import { createKeyFile, readSigner, readVrfSigner } from './adapters/key-files.ts';
import type { PlannedNode } from './manifest-expand.ts';
import { ensureCertificateKey } from './network-authority.ts';
import { type NodeDirectory, writeFileAtomically } from './network-directory.ts';

/** Public: what `identity.json` holds. */
export interface NodeIdentity {
  readonly name: string;
  readonly publicKey: PublicKey;
  /** Validators only. */
  readonly vrfPublicKey: PublicKey | null;
  /** Signature over both keys and the chain's name, hex; validators only. */
  readonly possession: string | null;
  /** Public half of its TLS key for HTTP (SPKI, base64). */
  readonly certificateKey: string;
}

export class NetworkKeyError extends CodedError<'missing-key' | 'wrong-key' | 'missing-passphrase' | 'bad-identity'> {
  override readonly name = 'NetworkKeyError';
}

/**
 * The node's keys, made where they are missing and `create` allows it, and its identity file written. Rejects with
 * NetworkKeyError `missing-key`, or with what the key file says of itself (a wrong passphrase, say).
 */
export async function ensureNodeKeys(
  node: PlannedNode,
  directory: NodeDirectory,
  options: { readonly chainName: string; readonly passphrase: string | null; readonly create: boolean },
): Promise<NodeIdentity> {
  const validates = node.roles.includes('validator');
  const { passphrase } = options;
  for (const file of validates ? [directory.keyFile, directory.vrfKeyFile] : [directory.keyFile]) {
    if (existsSync(file)) continue;
    if (!options.create) {
      throw new NetworkKeyError(
        'missing-key',
        `${node.name}: its key file ${file} is missing, and the chain knows the node by that key: restore the file from a backup`,
      );
    }
    await createKeyFile(file, file === directory.vrfKeyFile ? 'vrf' : 'ed25519', passphrase);
  }
  const signer = await readSigner(directory.keyFile, passphrase);
  const vrf = validates ? await readVrfSigner(directory.vrfKeyFile, passphrase) : null;
  if (node.publicKey !== null && node.publicKey !== signer.publicKey) {
    throw new NetworkKeyError(
      'wrong-key',
      `${node.name}: the manifest pins the key ${node.publicKey}, and ${directory.keyFile} holds ${signer.publicKey}`,
    );
  }
  const identity: NodeIdentity = {
    name: node.name,
    publicKey: signer.publicKey,
    vrfPublicKey: vrf?.publicKey ?? null,
    possession:
      vrf === null
        ? null
        : toHex(signer.sign(possessionSigningBytes(options.chainName, signer.publicKey, vrf.publicKey))),
    certificateKey: await ensureCertificateKey(directory.certificateKeyFile),
  };
  const text = `${JSON.stringify(identity, null, 2)}\n`;
  if (!existsSync(directory.identityFile) || readFileSync(directory.identityFile, 'utf8') !== text) {
    writeFileAtomically(directory.identityFile, text, 0o644);
  }
  return identity;
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
  const { publicKey, vrfPublicKey, possession, certificateKey } = identity;
  const validates = isKey(vrfPublicKey) && typeof possession === 'string' && /^[0-9a-f]{128}$/.test(possession);
  const follows = vrfPublicKey === null && possession === null;
  if (identity.name !== name || !isKey(publicKey) || typeof certificateKey !== 'string' || !(validates || follows)) {
    throw new NetworkKeyError('bad-identity', `${file} is not the identity of ${name}`);
  }
  return {
    name,
    publicKey,
    vrfPublicKey: validates ? vrfPublicKey : null,
    possession: validates ? possession : null,
    certificateKey,
  };
}

/** The key of an account whose key file is kept here, made where it is missing. */
export async function ensureAccountKey(file: string, passphrase: string | null): Promise<PublicKey> {
  if (!existsSync(file)) await createKeyFile(file, 'ed25519', passphrase);
  return (await readSigner(file, passphrase)).publicKey;
}

/** The passphrase of the key files, or null where they are not encrypted. Throws NetworkKeyError `missing-passphrase`. */
export function readPassphrase(
  variable: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  if (variable === null) return null;
  const passphrase = environment[variable];
  if (passphrase !== undefined && passphrase !== '') return passphrase;
  throw new NetworkKeyError(
    'missing-passphrase',
    `the key files' passphrase is expected in ${variable}, which is not set`,
  );
}

/**
 * The self-signed certificate of a node key. Nobody trusts it for what it says: both ends read the raw ed25519 key out of
 * the certificate that the TLS handshake proved, and pin that key.
 */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto, type X509Certificate } from 'node:crypto';
import { X509CertificateGenerator } from '@peculiar/x509';
import { isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';

export interface NodeCertificate {
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** PEM, X.509 v3. The same key always gives the same certificate. */
  readonly certificate: string;
  readonly publicKey: PublicKey;
}

/** RFC 8410: PrivateKeyInfo of an ed25519 key, up to the 32 bytes of the seed. */
const privateKeyPrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** RFC 5280, section 4.1.2.5: a certificate without a well-defined end. It ends when the key is no longer authorized. */
const notBefore = new Date('2000-01-01T00:00:00Z');
const notAfter = new Date('9999-12-31T23:59:59Z');

/** The certificate of the ed25519 key of a 32-byte seed. The seed is not kept. */
export async function createNodeCertificate(seed: Uint8Array): Promise<NodeCertificate> {
  if (seed.length !== 32) throw new InvariantError(`an ed25519 seed is 32 bytes, got ${seed.length}`);
  const der = Buffer.concat([privateKeyPrefix, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKeyObject = createPublicKey(key);
  const publicKey = rawEd25519Key(publicKeyObject);
  if (publicKey === null) throw new InvariantError('the key of a seed is not ed25519');
  const { subtle } = webcrypto;
  const spki = publicKeyObject.export({ format: 'der', type: 'spki' });
  const keys = {
    privateKey: await subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, { name: 'Ed25519' }, true, ['verify']),
  };
  der.fill(0);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: `01${publicKey.slice(0, 30)}`,
      name: `CN=${publicKey}`,
      notBefore,
      notAfter,
      keys,
      signingAlgorithm: { name: 'Ed25519' },
    },
    webcrypto,
  );
  return {
    privateKey: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    certificate: certificate.toString('pem'),
    publicKey,
  };
}

/** The raw ed25519 key that a peer's certificate carries; null for none and for every other kind of key. */
export function certificateKey(certificate: X509Certificate | undefined): PublicKey | null {
  return certificate === undefined ? null : rawEd25519Key(certificate.publicKey);
}

function rawEd25519Key(key: KeyObject): PublicKey | null {
  if (key.asymmetricKeyType !== 'ed25519') return null;
  const { x } = key.export({ format: 'jwk' });
  const hex = Buffer.from(x ?? '', 'base64url').toString('hex');
  return isHex64(hex) ? (hex as PublicKey) : null;
}

/**
 * The network's own certificate authority for HTTP: ECDSA P-256, because browsers and command-line clients know no
 * ed25519 certificates. Links between nodes do not use it; they pin node keys.
 */
import 'reflect-metadata';
import { createHash, createPublicKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  PublicKey as CertificateKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Digest } from '../protocols/shared/brands.ts';
import { writeFileAtomically } from './network-directory.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 3_600_000;
const authorityDays = 3650;
const certificateDays = 397;
/** Certificates are issued anew at a start that finds less than this left. */
const renewalDays = 60;

cryptoProvider.set(webcrypto);

export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

const serialNumber = (): string => `00${randomBytes(15).toString('hex')}`;

const validity = (now: number, days: number): { notBefore: Date; notAfter: Date } => ({
  // Clocks of other machines may be a little behind.
  notBefore: new Date(now - 3_600_000),
  notAfter: new Date(now + days * dayMs),
});

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

/** Makes the authority and writes both its files; the key with mode 0600. */
export async function createAuthority(
  networkName: string,
  files: { readonly certificateFile: string; readonly keyFile: string },
  now: number,
): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [`${networkName} network authority`] }],
      ...validity(now, authorityDays),
      signingAlgorithm: algorithm,
      keys: keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  writeFileAtomically(files.keyFile, await exportKey(keys.privateKey), 0o600);
  writeFileAtomically(files.certificateFile, `${certificate.toString('pem')}\n`, 0o644);
  return { certificate, key: keys.privateKey };
}

/** Null where the key is not on this machine. */
export async function readAuthority(files: {
  readonly certificateFile: string;
  readonly keyFile: string;
}): Promise<Authority | null> {
  if (!existsSync(files.certificateFile) || !existsSync(files.keyFile)) return null;
  const der = PemConverter.decodeFirst(readFileSync(files.keyFile, 'utf8'));
  const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  return {
    certificate: new X509Certificate(readFileSync(files.certificateFile, 'utf8')),
    key: key,
  };
}

/** SHA-256 of the certificate's DER: what the genesis names. */
export const authorityDigest = (certificatePem: string): Digest =>
  createHash('sha256').update(new NodeCertificate(certificatePem).raw).digest('hex') as Digest;

/** Makes a node's TLS key where it is missing. Returns the public half (SPKI, base64), to be certified. */
export async function ensureCertificateKey(keyFile: string): Promise<string> {
  if (existsSync(keyFile)) {
    const key = createPublicKey(readFileSync(keyFile, 'utf8'));
    return key.export({ type: 'spki', format: 'der' }).toString('base64');
  }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  writeFileAtomically(keyFile, await exportKey(keys.privateKey), 0o600);
  return Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey)).toString('base64');
}

/** Certifies a node's TLS key for its address and for loopback. PEM, the authority's certificate after it. */
export async function issueCertificate(
  authority: Authority,
  node: { readonly name: string; readonly addresses: readonly string[]; readonly publicKey: string },
  now: number,
): Promise<string> {
  const publicKey = new CertificateKey(Buffer.from(node.publicKey, 'base64'));
  const names = [...new Set([...node.addresses, 'localhost', '127.0.0.1', '::1'])];
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [node.name] }],
      issuer: authority.certificate.subject,
      ...validity(now, certificateDays),
      signingAlgorithm: algorithm,
      signingKey: authority.key,
      publicKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
        ),
        await AuthorityKeyIdentifierExtension.create(authority.certificate, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return `${certificate.toString('pem')}\n${authority.certificate.toString('pem')}\n`;
}

/** Whether the certificate in this file is missing, near its end, of another authority, or not for this address. */
export function needsCertificate(
  file: string,
  wanted: { readonly address: string; readonly authorityPem: string },
  now: number,
): boolean {
  if (!existsSync(file)) return true;
  const certificate = new NodeCertificate(readFileSync(file, 'utf8'));
  if (Date.parse(certificate.validTo) - now < renewalDays * dayMs) return true;
  if (!certificate.verify(new NodeCertificate(wanted.authorityPem).publicKey)) return true;
  const matches =
    isIP(wanted.address) === 0 ? certificate.checkHost(wanted.address) : certificate.checkIP(wanted.address);
  return matches === undefined;
}

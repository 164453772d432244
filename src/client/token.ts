/** Tokens for endpoints that must know who calls: EdDSA JWTs minted by the account's own key. */
import { randomUUID } from 'node:crypto';
import type { Signer } from '../runtime/ports/signer.ts';

export interface TokenRequest {
  /** Chain that the token is for: from the genesis document, never from the server that asks for it. */
  readonly chainId: string;
  readonly service?: string;
  /** Account; the signer holds the key that signs for it. Default the signer's own key. */
  readonly account?: string;
  /** Seconds, at most 900. Default 60. */
  readonly lifetimeSeconds?: number;
  /** Milliseconds since 1970. */
  readonly now?: number;
}

const encodePart = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

/** A compact JWS (RFC 7515, 7519, 8037). */
export function mintToken(signer: Signer, request: TokenRequest): string {
  const issuedAt = Math.floor((request.now ?? Date.now()) / 1000);
  const content = [
    { alg: 'EdDSA', typ: 'JWT' },
    {
      sub: request.account ?? signer.publicKey,
      aud: `${request.chainId}:${request.service ?? 'bpci'}`,
      iat: issuedAt,
      exp: issuedAt + (request.lifetimeSeconds ?? 60),
      jti: randomUUID(),
    },
  ]
    .map(encodePart)
    .join('.');
  return `${content}.${Buffer.from(signer.sign(Buffer.from(content))).toString('base64url')}`;
}

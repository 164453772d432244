/**
 * Tokens that a caller mints with its own account key: EdDSA JWTs whose `sub` is the account (hex), `aud` is
 * `<chain id>:<service>`, `exp` at most 15 minutes ahead. Writes also need `iat` and a `jti` that was never used. A
 * token says who calls; what the account may do, the chain says.
 */
import { createPublicKey } from 'node:crypto';
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import { isHex64 } from '../../../protocols/shared/brands.ts';

const tokenLifetimeMaxSeconds = 15 * 60;
/** How far a caller's clock may be off. */
const clockToleranceSeconds = 30;
const tokenBytesMax = 2_048;
const tokenIdLengthMax = 128;

export interface Caller {
  /** Account, hex. */
  readonly account: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  readonly issuedAt: number | null;
  readonly tokenId: string | null;
}

export type TokenRefusal =
  | 'malformed'
  | 'bad-signature'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime-too-long'
  | 'wrong-audience'
  | 'token-id-missing'
  | 'issued-before-start'
  | 'replayed'
  | 'replay-memory-full';

export type TokenVerdict =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'refused'; readonly reason: TokenRefusal };

const refused = (reason: TokenRefusal): TokenVerdict => ({ kind: 'refused', reason });

export const audienceOf = (chainId: string, service: string): string => `${chainId}:${service}`;

export interface TokenVerifierOptions {
  readonly audience: string;
  /** The key that signs for an account now (keys rotate), or null for an account that the chain has not. */
  readonly signingKeyOf: (account: string) => string | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Used write tokens remembered at once. */
  readonly replayMax?: number;
}

export class TokenVerifier {
  readonly #audience: string;
  readonly #signingKeyOf: (account: string) => string | null;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #replayMax: number;
  /** Expiry by `account:jti`, oldest use first. */
  readonly #used = new Map<string, number>();

  constructor(options: TokenVerifierOptions) {
    this.#audience = options.audience;
    this.#signingKeyOf = options.signingKeyOf;
    this.#now = options.now;
    this.#startedAt = Math.floor(options.now() / 1000);
    this.#replayMax = options.replayMax ?? 100_000;
  }

  /** Who signed the token, or why it does not hold. Never throws for what a caller sends. */
  async verify(token: string): Promise<TokenVerdict> {
    if (token.length > tokenBytesMax) return refused('malformed');
    const account = subjectOf(token);
    if (account === null) return refused('malformed');
    let payload: JWTPayload;
    try {
      const key = createPublicKey({
        key: {
          kty: 'OKP',
          crv: 'Ed25519',
          x: Buffer.from(this.#signingKeyOf(account) ?? account, 'hex').toString('base64url'),
        },
        format: 'jwk',
      });
      ({ payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        audience: this.#audience,
        requiredClaims: ['sub', 'aud', 'exp'],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(this.#now()),
      }));
    } catch (error) {
      return refused(reasonOf(error));
    }
    const expiresAt = payload.exp ?? 0;
    if (expiresAt > this.#nowSeconds() + tokenLifetimeMaxSeconds + clockToleranceSeconds) {
      return refused('lifetime-too-long');
    }
    return {
      kind: 'caller',
      caller: { account, expiresAt, issuedAt: payload.iat ?? null, tokenId: payload.jti ?? null },
    };
  }

  /**
   * Spends a token on a write; null where it may be. A token from before this process began is refused: its use
   * may have been forgotten.
   */
  spend(caller: Caller): TokenRefusal | null {
    const { tokenId, issuedAt } = caller;
    if (tokenId === null || tokenId.length === 0 || tokenId.length > tokenIdLengthMax || issuedAt === null) {
      return 'token-id-missing';
    }
    if (issuedAt < this.#startedAt) return 'issued-before-start';
    const name = `${caller.account}:${tokenId}`;
    if (this.#used.has(name)) return 'replayed';
    if (this.#used.size >= this.#replayMax) {
      this.#forgetExpired();
      if (this.#used.size >= this.#replayMax) return 'replay-memory-full';
    }
    this.#used.set(name, caller.expiresAt);
    return null;
  }

  #nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  #forgetExpired(): void {
    const before = this.#nowSeconds() - clockToleranceSeconds;
    for (const [name, expiresAt] of this.#used) if (expiresAt < before) this.#used.delete(name);
  }
}

function subjectOf(token: string): string | null {
  try {
    const { sub } = decodeJwt(token);
    return typeof sub === 'string' && isHex64(sub) ? sub : null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

function reasonOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad-signature';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'wrong-audience';
    return error.claim === 'nbf' || error.claim === 'iat' ? 'not-yet-valid' : 'malformed';
  }
  // Whatever else the library or the key import says is about bytes that the caller chose.
  return 'malformed';
}

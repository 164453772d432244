/**
 * Who may call what. Each endpoint declares one level; the level is published in the OpenAPI document as
 * `x-bpci-access` and is what the authorization matrix is generated from.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ChainApi } from '../../ports/chain-api.ts';
import { hostOf, isLoopbackHost } from './addresses.ts';
import { HttpProblem } from './problem.ts';
import type { Caller, TokenRefusal, TokenVerifier } from './tokens.ts';

type Access =
  /** Anyone: the description of the interface itself. */
  | 'public'
  /** Anyone on a loopback listener, an account of the chain elsewhere. */
  | 'read'
  /** Anyone: what is sent carries its own signatures. */
  | 'self-authenticating'
  /** Operators and validators, always; writes spend their token. */
  | 'administration';

const administrationRoles: readonly string[] = ['operator', 'validator'];

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Whose token came with the request and held. */
    caller: Caller | null;
  }
}

export interface Gate {
  readonly api: Pick<ChainApi, 'rolesOf'>;
  readonly tokens: TokenVerifier;
  readonly isLoopback: boolean;
  /** Names beside loopback under which a loopback listener may be addressed. */
  readonly allowedHosts: readonly string[];
}

/**
 * A web page can make a browser resolve its own name to 127.0.0.1; the `Host` header then still carries that name. A
 * loopback listener answers only to loopback names.
 */
export function checkHost(gate: Gate, request: FastifyRequest): void {
  if (!gate.isLoopback) return;
  const host = hostOf(request.headers.host ?? '');
  if (isLoopbackHost(host) || gate.allowedHosts.includes(host)) return;
  throw new HttpProblem('wrong-host', {
    status: 421,
    detail: 'a loopback listener is addressed as 127.0.0.1, localhost or [::1]',
  });
}

/** Reads and checks the token, if one came. A token that does not hold is refused even where none was needed. */
export async function identify(gate: Gate, request: FastifyRequest): Promise<void> {
  const header = request.headers.authorization;
  if (header === undefined) return;
  const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (token === undefined) throw invalidToken('malformed');
  const verdict = await gate.tokens.verify(token);
  if (verdict.kind === 'refused') throw invalidToken(verdict.reason);
  request.caller = verdict.caller;
}

/** Whether the caller may use the endpoint at all. Throws HttpProblem 401 or 403. */
export function authorize(gate: Gate, request: FastifyRequest): void {
  const access = request.routeOptions.config.access ?? 'public';
  if (access === 'public' || access === 'self-authenticating') return;
  if (access === 'read' && gate.isLoopback) return;
  const { caller } = request;
  if (caller === null) {
    throw new HttpProblem('unauthenticated', {
      status: 401,
      detail: 'this endpoint needs a bearer token signed by the key of an account of this chain',
      headers: { 'www-authenticate': 'Bearer realm="bpci"' },
    });
  }
  const roles = gate.api.rolesOf(caller.account);
  const isAllowed = access === 'read' ? roles.length > 0 : roles.some((role) => administrationRoles.includes(role));
  if (!isAllowed) {
    throw new HttpProblem('wrong-role', {
      status: 403,
      detail:
        access === 'read'
          ? 'the key of this token is no account of this chain'
          : `this endpoint is for the roles ${administrationRoles.join(' and ')}`,
    });
  }
  if (access === 'administration' && request.method !== 'GET') {
    const refusal = gate.tokens.spend(caller);
    if (refusal !== null) throw invalidToken(refusal);
  }
}

const tokenDetails: Readonly<Record<TokenRefusal, string>> = {
  malformed: 'the token is not an EdDSA JWT with sub (an account key in hex), aud and exp',
  'bad-signature': 'the signature of the token is not one of the key that its sub names',
  expired: 'the token has expired',
  'not-yet-valid': 'the token is not valid yet: compare the clocks',
  'lifetime-too-long': 'the token lives longer than 15 minutes',
  'wrong-audience': 'the aud of the token does not name this chain and service',
  'token-id-missing': 'a write needs a token with jti (at most 128 characters) and iat',
  'issued-before-start': 'the token was made before this node started: make a new one',
  replayed: 'the token was used before: a write needs one of its own',
  'replay-memory-full': 'too many writes in a short time: try again later',
};

function invalidToken(reason: TokenRefusal): HttpProblem {
  return new HttpProblem('invalid-token', {
    status: 401,
    detail: tokenDetails[reason],
    extensions: { reason },
    headers: { 'www-authenticate': 'Bearer realm="bpci", error="invalid_token"' },
  });
}

/** Who is counted for rate limits: the account whose token held, else the address. */
export const rateKey = (request: FastifyRequest): string => request.caller?.account ?? request.ip;

/** Headers that no answer goes without. */
export function harden(reply: FastifyReply): void {
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
}

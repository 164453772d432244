/** `host:port` addresses and what may be served on them. */
import { CodedError } from '../../../protocols/shared/errors.ts';

export type HttpErrorCode =
  | 'bad-address' // not `host:port`
  | 'plain-not-loopback' // plain HTTP asked for on an address that others can reach
  | 'address-in-use'
  | 'address-not-available'
  | 'port-not-permitted'
  | 'bad-certificate';

/** A listener that cannot be started. */
export class HttpListenError extends CodedError<HttpErrorCode> {
  override readonly name = 'HttpListenError';
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:21001`, `[::1]:21001`, `localhost:0`. Throws HttpListenError `bad-address`. */
export function parseAddress(address: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new HttpListenError('bad-address', `${address} is not host:port`, { details: { address } });
  }
  return { host, port };
}

export const formatAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Whether only this machine can reach the host: 127.0.0.0/8, ::1, localhost. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return (
    name === 'localhost' ||
    name === '::1' ||
    /^127(\.[0-9]{1,3}){3}$/.test(name) ||
    /^::ffff:127(\.[0-9]{1,3}){3}$/.test(name)
  );
}

/** The host part of a `Host` header, without port and brackets. */
export const hostOf = (header: string): string => header.replace(/:[0-9]*$/, '').replace(/^\[|\]$/g, '');

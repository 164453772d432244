/** What every `bpci` command shares: the node that is asked, the form of the output, and errors that say what next. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import { ClientError } from '../../client/client-error.ts';
import { mintToken } from '../../client/token.ts';
import { isHex64 } from '../../protocols/shared/brands.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import type { KeyStore } from './key-store.ts';

export const defaultEndpoint = 'http://127.0.0.1:21001';

export interface GlobalOptions {
  readonly endpoint: string;
  readonly json?: boolean;
  /** PEM file of the authority of the node's certificate. */
  readonly ca?: string;
  /** Name of the key that signs a token for each request. */
  readonly as?: string;
  readonly chain?: string;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly keys: KeyStore;
  readonly options: (command: Command) => GlobalOptions;
  readonly client: (command: Command) => Promise<ChainClient>;
  /** Prints `value` with --json, else what `text` makes of it. */
  readonly print: <T>(command: Command, value: T, text: (value: T) => readonly string[]) => void;
}

export function createContext(terminal: Terminal, keys: KeyStore): CommandContext {
  const options = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>();
  return {
    terminal,
    keys,
    options,
    client: (command) => createClient(options(command), keys),
    print: (command, value, text) => {
      if (options(command).json === true) terminal.json(value);
      else for (const line of text(value)) terminal.out(line);
    },
  };
}

/** The node that the options name; with `as`, every request carries a token. */
export async function createClient(options: GlobalOptions, keys: KeyStore): Promise<ChainClient> {
  if (!/^https?:\/\/[^/]+\/?$/.test(options.endpoint)) {
    throw new CommandError('usage', `${options.endpoint} is no endpoint`, [
      `An endpoint looks like ${defaultEndpoint}.`,
    ]);
  }
  const { as: name, chain } = options;
  const needsToken = name !== undefined;
  if (needsToken && (chain === undefined || !isHex64(chain))) {
    throw new CommandError('usage', '--as needs the chain that the token is for', [
      'Give it with --chain ID or in BPCI_CHAIN (64 hex digits; the chainId of your genesis.json).',
      'It is never taken from the node: another chain could then use your token.',
    ]);
  }
  const signer = needsToken ? await keys.signer(name) : undefined;
  return new ChainClient({
    endpoint: options.endpoint,
    ...(options.ca === undefined ? {} : { certificateAuthority: readText(options.ca, 'certificate authority') }),
    ...(signer === undefined || chain === undefined ? {} : { token: () => mintToken(signer, { chainId: chain }) }),
  });
}

/** Throws CommandError `usage` naming the file. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new CommandError('usage', `${what}: ${file} ${reason}`, [], cause);
  }
}

/** Throws CommandError `usage` naming the file. */
export function readJsonFile(file: string, what: string): unknown {
  const text = readText(file, what);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CommandError('usage', `${what}: ${file} is not JSON`, [], cause);
  }
}

/** A failed request as something that a person can act on. */
export function explain(error: unknown, endpoint: string): unknown {
  if (!(error instanceof ClientError)) return error;
  const { code, reason, message } = error;
  if (code === 'unreachable' || code === 'timeout') {
    return new CommandError(
      'failed',
      message,
      [
        'Start a network on this machine:  npm start',
        'or the chain alone:               npx bpci start --mainnet --consensus ibft --validator-set-size 7 --block-time 2s',
        `or name a node that runs:         npx bpci --endpoint URL … (now ${endpoint}; also BPCI_ENDPOINT)`,
      ],
      error,
    );
  }
  if (reason === 'unauthenticated') {
    return new CommandError('failed', message, ['Sign in with a key of yours: --as NAME --chain ID.'], error);
  }
  const advice = refusalAdvice[reason];
  return new CommandError('failed', reason === '' ? message : `${reason}: ${message}`, advice ?? [], error);
}

const refusalAdvice: Readonly<Record<string, readonly string[]>> = {
  'unknown-account': ['The account does not exist yet: give it something first, e.g.  npx bpci faucet NAME 10'],
  'mempool-full': ['The node has too much waiting: try again in a moment.'],
  'nonce-used': ['Another transaction of this account was faster: try again.'],
};

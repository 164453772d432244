/** What the commands of `docklock` share. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ClientError } from '../../client/client-error.ts';
import { DocklockClient } from '../../client/docklock-client.ts';
import { mintToken } from '../../client/token.ts';
import { chainIdOf } from '../../protocols/ledger/genesis.ts';
import { openSigner } from '../bpci/key-store.ts';
import { networkAccountFiles } from '../bpci/network-accounts.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { CommandError, type Terminal } from '../terminal.ts';

export const defaultEndpoint = 'http://127.0.0.1:21020';

export interface DocklockOptions {
  readonly endpoint: string;
  readonly json?: true;
  /** Key file of an operator's account, and the genesis document of its chain. */
  readonly key?: string;
  readonly genesis?: string;
}

export interface DocklockContext {
  readonly terminal: Terminal;
  readonly options: () => DocklockOptions;
  /** Whether `--json` stands before or after the command's name. */
  readonly wantsJson: () => boolean;
}

/** Every request carries a token of the operator's account, where its key is here: reading on the same machine needs none. */
export async function clientOf({ options }: DocklockContext): Promise<DocklockClient> {
  const { endpoint, key = networkAccountFiles('operator')[0] } = options();
  if (key === undefined) return new DocklockClient({ endpoint });
  const genesisFile = options().genesis ?? join(dirname(dirname(key)), 'genesis.json');
  if (!existsSync(genesisFile)) {
    throw new CommandError('failed', `there is no genesis document at ${genesisFile}`, [
      'Name it with --genesis FILE: a token is for one chain, which is never taken from the service.',
    ]);
  }
  const chainId = chainIdOf(readGenesis(genesisFile));
  const passphrase = process.env['BPCI_PASSPHRASE'] ?? '';
  const signer = await openSigner(key, passphrase === '' ? null : passphrase);
  return new DocklockClient({ endpoint, token: () => mintToken(signer, { chainId, service: 'docklock' }) });
}

/** Prints `value` with --json, else what `text` makes of it. */
export function print<T>(
  { terminal, wantsJson }: DocklockContext,
  value: T,
  text: (value: T) => readonly string[],
): void {
  if (wantsJson()) terminal.json(value);
  else for (const line of text(value)) terminal.out(line);
}

/** What a person can do about the commonest refusals. */
const advice: Readonly<Record<string, string>> = {
  unauthenticated:
    'give the key of an operator of the network with --key FILE, or run this where the network was started',
  'wrong-role': 'the key is of no operator: --key FILE names another',
  'no-such-driver': 'mainnet doctor says what this machine lacks, and how to install it',
  'isolation-unavailable': 'docklock status lists what is here; a weaker class is never taken by itself',
  'unknown-container': 'docklock ps lists the containers',
  'id-reused': 'docklock stop and docklock rm it first, or give the container another name',
  'not-found': 'docklock image ls lists the images',
  'in-use': 'docklock ps lists the containers',
};

/** A failed request as something that a person can act on. */
export function explain(error: unknown, endpoint: string): unknown {
  if (!(error instanceof ClientError)) return error;
  const next =
    error.code === 'unreachable'
      ? [
          'Start one:  npx docklock start --bpci-endpoint URL',
          `or name one that runs with --endpoint (now ${endpoint})`,
        ]
      : [advice[error.reason] ?? []].flat();
  const message = error.reason === '' ? error.message : `${error.message} (${error.reason})`;
  return new CommandError('failed', message, next, error);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.9 MiB`. */
export function formatBytes(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 2 ** (10 * step);
  return `${step === 0 ? value : value.toFixed(1)} ${units[step]}`;
}

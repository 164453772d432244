/** Where the key of a development network's faucet account lies. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainClient } from '../../client/chain-client.ts';
import { ClientError } from '../../client/client-error.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { CommandError } from '../terminal.ts';
import { openSigner } from './key-store.ts';

const dataRoot = 'data';

/** `./data/accounts/faucet.key` and `./data/<network>/accounts/faucet.key`, those that exist. */
function faucetKeyFiles(): readonly string[] {
  const networks = existsSync(dataRoot)
    ? readdirSync(dataRoot, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(dataRoot, entry.name))
        .sort()
    : [];
  return [dataRoot, ...networks].map((root) => join(root, 'accounts', 'faucet.key')).filter((file) => existsSync(file));
}

/**
 * The key of the faucet account of the chain that `client` asks: the first key file whose account exists there.
 * Rejects with CommandError naming where it was looked for.
 */
export async function faucetSigner(client: ChainClient, file: string | undefined): Promise<Signer> {
  const passphrase = process.env['BPCI_PASSPHRASE'] ?? '';
  const files = file === undefined ? faucetKeyFiles() : [file];
  for (const candidate of files) {
    if (!existsSync(candidate)) break;
    const signer = await openSigner(candidate, passphrase === '' ? null : passphrase);
    if (await isAccount(client, signer.publicKey)) return signer;
  }
  const looked = files.length === 0 ? `./${dataRoot}/*/accounts/faucet.key` : files.join(', ');
  throw new CommandError('failed', 'there is no faucet key for this chain', [
    `Looked in ${looked}.`,
    'Only development and local networks have a faucet; its key lies where the network was started.',
    'Give it with --faucet-key FILE, or ask somebody with an account for a transfer.',
  ]);
}

async function isAccount(client: ChainClient, key: string): Promise<boolean> {
  try {
    await client.account(key);
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'not-found') return false;
    throw error;
  }
}

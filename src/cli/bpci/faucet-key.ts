/** Where the key of a development network's faucet account lies. */
import { existsSync } from 'node:fs';
import type { ChainClient } from '../../client/chain-client.ts';
import { ClientError } from '../../client/client-error.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { CommandError } from '../terminal.ts';
import { openSigner } from './key-store.ts';
import { networkAccountFiles } from './network-accounts.ts';

/**
 * The key of the faucet account of the chain that `client` asks: the first key file whose account exists there.
 * Rejects with CommandError naming where it was looked for.
 */
export async function faucetSigner(client: ChainClient, file: string | undefined): Promise<Signer> {
  const passphrase = process.env['BPCI_PASSPHRASE'] ?? '';
  const files = file === undefined ? networkAccountFiles('faucet') : [file];
  for (const candidate of files) {
    if (!existsSync(candidate)) break;
    const signer = await openSigner(candidate, passphrase === '' ? null : passphrase);
    if (await isAccount(client, signer.publicKey)) return signer;
  }
  const looked = files.length === 0 ? './data/*/accounts/faucet.key' : files.join(', ');
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

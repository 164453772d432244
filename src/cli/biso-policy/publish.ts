/** `biso-policy publish`: puts a pack's names on chain, and attests what it compiles to where the key may. */
import type { Command } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import { PolicyClient } from '../../client/policy-client.ts';
import { expiryBlocks, sendTransaction } from '../../client/send-transaction.ts';
import { signTransaction } from '../../client/transactions.ts';
import { publicationId } from '../../protocols/ledger/modules/policies/publication.ts';
import { encodeContent, namesOf } from '../../protocols/policy/content.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { readSigner } from '../../runtime/adapters/key-files.ts';
import { KeyStore } from '../bpci/key-store.ts';
import { CommandError } from '../terminal.ts';
import { loadPack, type PolicyCommandContext } from './command-context.ts';

interface PublishFlags {
  readonly bpciEndpoint: string;
  readonly as?: string;
  readonly key?: string;
  readonly bisoEndpoint: string;
  readonly attest: boolean;
  readonly upload: boolean;
  readonly json?: true;
}

/** Evaluators are named, and do it; or they have done it. */
const othersAttest = ['already-active', 'not-an-evaluator', 'not-permitted'];

export function registerPublish(program: Command, { terminal, wantsJson }: PolicyCommandContext): void {
  program
    .command('publish <pack>')
    .description('publish a pack on chain; a governor also attests it, unless evaluators are named')
    .option('--bpci-endpoint <url>', 'node of the chain', 'http://127.0.0.1:21001')
    .option('--as <name>', 'key of yours that signs')
    .option('--key <file>', 'key file that signs')
    .option('--biso-endpoint <url>', 'policy engine that relays it and keeps its bytes', 'http://127.0.0.1:21003')
    .option('--no-upload', 'put the names on chain only: whoever follows them gets the bytes elsewhere')
    .option('--no-attest', 'publish only')
    .option('--json', 'print JSON')
    .action(async (directory: string, flags: PublishFlags) => {
      const { pack, compiled } = loadPack(directory);
      const signer = await signerOf(flags);
      const client = new ChainClient({ endpoint: flags.bpciEndpoint });
      const { chainId, height } = await client.network();
      const bytes = encodeContent(pack);
      const publication = { ...namesOf(pack, bytes), tenant: null };
      const id = publicationId(publication);
      const send = async (kind: string, body: unknown, fine: readonly string[]): Promise<string> => {
        const { code } = await sendTransaction(client, signer, { chainId, height, kind, body });
        if (code !== 'ok' && !fine.includes(code)) throw new CommandError('failed', `${kind} was refused: ${code}`);
        return code;
      };
      const upload = async (): Promise<string> => {
        const { nextNonce: nonce } = await client.account(signer.publicKey);
        const order = {
          chainId,
          nonce,
          expiryHeight: height + expiryBlocks,
          kind: 'policies.publish',
          body: publication,
        };
        const engine = new PolicyClient({ endpoint: flags.bisoEndpoint });
        const signed = signTransaction(signer, order).bytes;
        return (await engine.publish(new TextDecoder().decode(bytes), toHex(signed))).code;
      };
      const published = flags.upload
        ? await upload()
        : await send('policies.publish', publication, ['already-published']);
      const attestation = { publication: id, compiled: compiled.compiledHash };
      const attested = flags.attest ? await send('policies.attest', attestation, othersAttest) : 'no';
      const told = { publication: id, ...publication, compiled: compiled.compiledHash, published, attested };
      if (wantsJson() || flags.json === true) terminal.json(told);
      else for (const [name, value] of Object.entries(told)) terminal.out(`${name.padEnd(12)} ${value ?? '-'}`);
    });
}

function signerOf({ as: name, key }: PublishFlags): ReturnType<typeof readSigner> {
  if (key !== undefined) {
    const passphrase = process.env['BPCI_PASSPHRASE'] ?? '';
    return readSigner(key, passphrase === '' ? null : passphrase);
  }
  if (name === undefined)
    throw new CommandError('usage', 'a key is needed', ['--key data/<network>/accounts/operator.key, or --as NAME']);
  return new KeyStore(process.env).signer(name);
}

/** `biso-policy publish`: puts a pack's names on chain, attests what it compiles to where the key may, and waits until it is in force. */
import { setTimeout as after } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
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
  readonly wait: number | false;
  readonly json?: true;
}

/** Evaluators are named, and do it; or they have done it. */
const othersAttest = ['already-active', 'not-an-evaluator', 'not-permitted'];
const waitSecondsDefault = 180;
const askAgainMs = 500;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds) || seconds < 1) throw new InvalidArgumentError('a number of seconds, 1 or more');
  return seconds;
}

export function registerPublish(program: Command, context: PolicyCommandContext): void {
  program
    .command('publish <pack>')
    .description('publish a pack on chain; a governor also attests it, unless evaluators are named')
    .option('--bpci-endpoint <url>', 'node of the chain', 'http://127.0.0.1:21001')
    .option('--as <name>', 'key of yours that signs')
    .option('--key <file>', 'key file that signs')
    .option('--biso-endpoint <url>', 'policy engine that relays it and keeps its bytes', 'http://127.0.0.1:21003')
    .option('--no-upload', 'put the names on chain only: whoever follows them gets the bytes elsewhere')
    .option('--no-attest', 'publish only')
    .option('--wait <seconds>', 'until it is in force', parseSeconds, waitSecondsDefault)
    .option('--no-wait', 'leave when it is published')
    .option('--json', 'print JSON')
    .action((directory: string, flags: PublishFlags) => publish(directory, flags, context));
}

async function publish(directory: string, flags: PublishFlags, context: PolicyCommandContext): Promise<void> {
  const { terminal, wantsJson } = context;
  const { pack, compiled } = loadPack(directory);
  const signer = await signerOf(flags);
  const client = new ChainClient({ endpoint: flags.bpciEndpoint });
  const engine = new PolicyClient({ endpoint: flags.bisoEndpoint });
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
    const expiryHeight = height + expiryBlocks;
    const order = { chainId, nonce, expiryHeight, kind: 'policies.publish', body: publication };
    const signed = signTransaction(signer, order).bytes;
    return (await engine.publish(new TextDecoder().decode(bytes), toHex(signed))).code;
  };
  const published = flags.upload ? await upload() : await send('policies.publish', publication, ['already-published']);
  const attestation = { publication: id, compiled: compiled.compiledHash };
  const attested = flags.attest ? await send('policies.attest', attestation, othersAttest) : 'no';
  const activeFrom = flags.wait === false || !flags.upload ? null : await untilActive(engine, id, flags.wait, context);
  const told = { publication: id, ...publication, compiled: compiled.compiledHash, published, attested, activeFrom };
  if (wantsJson() || flags.json === true) {
    terminal.json(told);
    return;
  }
  const inWords = {
    ...told,
    attested: attested === 'not-an-evaluator' || attested === 'no' ? 'by the evaluators' : attested,
    activeFrom: activeFrom === null ? 'when enough evaluators attested it' : `height ${activeFrom}`,
  };
  for (const [name, value] of Object.entries(inWords)) terminal.out(`${name.padEnd(12)} ${value ?? '-'}`);
}

/** The height from which it decides. */
async function untilActive(
  engine: PolicyClient,
  publication: string,
  seconds: number,
  { terminal }: PolicyCommandContext,
): Promise<number> {
  const until = AbortSignal.timeout(seconds * 1000);
  for (let isTold = false; ; isTold = true) {
    const found = (await engine.sets()).find(({ id }) => id === publication);
    if (found !== undefined && found.activeFrom !== null) return found.activeFrom;
    const refusal = (await engine.status()).refused.find((refused) => refused.publication === publication);
    if (refusal !== undefined) throw new CommandError('failed', `the engine does not attest it: ${refusal.problem}`);
    if (!isTold) terminal.err('published; evaluators compile it and compare it with Cedar');
    await after(askAgainMs, undefined, { signal: until }).catch((cause: unknown) => {
      const next = ['GET /v1/policies of the policy engine tells when it is active', '--wait SECONDS waits longer'];
      throw new CommandError('failed', `published, and not in force after ${seconds} s`, next, cause);
    });
  }
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

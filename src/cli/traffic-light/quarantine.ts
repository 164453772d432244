/** `traffic-light quarantine list|discharge|release|reject`: proofs are signed here, by a key of the person's own. */
import { setTimeout as after } from 'node:timers/promises';
import type { Command } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import { sendTransaction } from '../../client/send-transaction.ts';
import type { TrafficClient } from '../../client/traffic-client.ts';
import type { Obligation } from '../../protocols/policy/evaluate.ts';
import { chainId as toChainId, type Digest } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { dischargeSigningBytes, reviewSigningBytes } from '../../protocols/traffic/quarantine.ts';
import type { TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { wholeNumber } from '../bpci/chain-commands.ts';
import { KeyStore } from '../bpci/key-store.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { clientOf, print, type TrafficContext } from './command-context.ts';

interface Item {
  readonly decision: Digest;
  readonly request: Digest;
  readonly policySetHash: Digest;
  readonly releasedAt: number | null;
  readonly discharged: readonly string[];
  readonly awaited: readonly (Obligation & { readonly due: number })[];
}

interface ReviewFlags {
  readonly as: string;
  readonly obligation?: string;
  readonly bpciEndpoint: string;
  readonly onChain?: true;
  /** Seconds. */
  readonly wait: number;
}

const waitSecondsDefault = 30;
const askAgainMs = 250;

type How = 'discharge' | 'release' | 'reject';

export function registerQuarantine(program: Command, context: TrafficContext): void {
  const quarantine = program.command('quarantine').description('Held flows');
  quarantine
    .command('list')
    .description('What is held, and what is awaited after release')
    .action(async () => {
      const items = (await clientOf(context).quarantine()) as readonly Item[];
      print(context, items, (all) =>
        formatTable([
          ['decision', 'is', 'awaits', 'of', 'until'],
          ...all.flatMap(({ decision, releasedAt, awaited }) =>
            awaited.map(({ id, proofBy, due }) => [
              ...[decision, releasedAt === null ? 'held' : 'released', id, proofBy ?? ''],
              new Date(due).toISOString(),
            ]),
          ),
        ]),
      );
    });
  const texts: readonly (readonly [How, string])[] = [
    ['discharge', 'Prove one obligation; the last proof before release releases'],
    ['release', 'Prove the human review'],
    ['reject', 'Refuse a held flow for good'],
  ];
  for (const [how, text] of texts) {
    const command = quarantine
      .command(how)
      .description(text)
      .argument('<decision>', 'id of the decision that is held')
      .requiredOption('--as <name>', 'key of yours that has the role')
      .option('--bpci-endpoint <url>', 'node of the chain', 'http://127.0.0.1:21001')
      .option('--on-chain', 'say it in a transaction, for everybody to see; the light takes it from the chain')
      .option('--wait <seconds>', 'with --on-chain: until the light has taken it', wholeNumber, waitSecondsDefault)
      .action(async (decision: string, flags: ReviewFlags) => review(context, how, decision, flags));
    if (how === 'discharge') command.requiredOption('--obligation <id>', 'as quarantine list prints it');
  }
}

/** What a review is about, and who says it. */
interface Said {
  readonly how: How;
  readonly item: Item;
  readonly obligation: string;
  readonly signer: Signer;
}

async function review(context: TrafficContext, how: How, decision: string, flags: ReviewFlags): Promise<void> {
  const item = await heldItem(clientOf(context), decision);
  if (item === undefined)
    throw new CommandError('failed', `nothing is held under ${decision}`, ['See: traffic-light quarantine list']);
  const signer = await new KeyStore(process.env).signer(flags.as);
  const said: Said = { how, item, obligation: flags.obligation ?? '', signer };
  const chain = new ChainClient({ endpoint: flags.bpciEndpoint });
  if (flags.onChain === true) await sayOnChain(context, said, chain, flags.wait);
  else await sayToLight(context, said, chain);
}

const heldItem = async (client: TrafficClient, decision: string): Promise<Item | undefined> =>
  ((await client.quarantine()) as readonly Item[]).find((candidate) => candidate.decision === decision);

/** The proof is a signature that the light takes at once. */
async function sayToLight(
  context: TrafficContext,
  { how, item, obligation, signer }: Said,
  chain: ChainClient,
): Promise<void> {
  const chainId = toChainId((await chain.network()).chainId);
  const { decision, request, policySetHash } = item;
  const claim = { decision, request, policySetHash };
  const message =
    how === 'discharge'
      ? dischargeSigningBytes(chainId, { ...claim, obligation })
      : reviewSigningBytes(chainId, { ...claim, verdict: how });
  const proof = { by: signer.publicKey, signature: toHex(signer.sign(message)) };
  const answer = await clientOf(context).review(decision, how, how === 'discharge' ? { ...proof, obligation } : proof);
  print(
    context,
    answer as { readonly release: { readonly decision: { readonly state: string } } | null },
    ({ release }) => [release === null ? 'taken' : `taken, and decided anew: ${release.decision.state}`],
  );
}

const kinds: Readonly<Record<How, string>> = {
  discharge: 'traffic.discharge',
  release: 'traffic.quarantine-release',
  reject: 'traffic.quarantine-reject',
};

/** The proof is a transaction, which the light takes from the chain, also where it is away now. */
async function sayOnChain(context: TrafficContext, said: Said, chain: ChainClient, seconds: number): Promise<void> {
  const { how, item, obligation, signer } = said;
  const { decision, request, policySetHash } = item;
  const client = clientOf(context);
  const { light } = (await client.status()) as { readonly light: string };
  const { chainId, height } = await chain.network();
  const body = { light, decision, ...(how === 'discharge' ? { request, obligation, policySetHash } : {}) };
  const kind = kinds[how];
  const { hash, code } = await sendTransaction(chain, signer, { chainId, height, kind, body });
  if (code === 'not-permitted')
    throw new CommandError('failed', `${kind} was refused: this key is no reviewer of the light`, [`Light: ${light}`]);
  if (code !== 'ok') throw new CommandError('failed', `${kind} was refused: ${code}`, [`Transaction: ${hash}`]);
  const release = await untilHeard(client, said, hash, seconds);
  print(context, { transaction: hash, release }, () => [
    `on chain     ${hash}`,
    release === null ? 'taken by the light' : `taken by the light, and decided anew: ${release.state}`,
  ]);
}

/** The decision that was made once nothing was left to prove, or null. Rejects where the light has not taken it in time. */
async function untilHeard(
  client: TrafficClient,
  { item }: Said,
  hash: string,
  seconds: number,
): Promise<TrafficDecision | null> {
  const until = AbortSignal.timeout(seconds * 1000);
  for (;;) {
    const now = await heldItem(client, item.decision);
    const isOpen = now?.releasedAt === item.releasedAt && now.discharged.length === item.discharged.length;
    if (!isOpen) {
      const decisions = (await client.decisions({ limit: '500' })) as readonly TrafficDecision[];
      return decisions.find(({ releases }) => releases === item.decision) ?? null;
    }
    await after(askAgainMs, undefined, { signal: until }).catch((cause: unknown) => {
      const next = [
        `It stands on chain in ${hash}: a light that is away takes it when it is back.`,
        'One that is there and refuses it says why in its log: mainnet logs',
      ];
      throw new CommandError('failed', `the light has not taken it in ${seconds} s`, next, cause);
    });
  }
}

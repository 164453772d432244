/** `traffic-light quarantine list|discharge|release|reject`: proofs are signed here, by a key of the person's own. */
import type { Command } from 'commander';
import { ChainClient } from '../../client/chain-client.ts';
import type { Obligation } from '../../protocols/policy/evaluate.ts';
import { chainId as toChainId, type Digest } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { dischargeSigningBytes, reviewSigningBytes } from '../../protocols/traffic/quarantine.ts';
import { KeyStore } from '../bpci/key-store.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { clientOf, print, type TrafficContext } from './command-context.ts';

interface Item {
  readonly decision: Digest;
  readonly request: Digest;
  readonly policySetHash: Digest;
  readonly releasedAt: number | null;
  readonly awaited: readonly (Obligation & { readonly due: number })[];
}

interface ReviewFlags {
  readonly as: string;
  readonly obligation?: string;
  readonly bpciEndpoint: string;
}

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
      .action(async (decision: string, flags: ReviewFlags) => review(context, how, decision, flags));
    if (how === 'discharge') command.requiredOption('--obligation <id>', 'as quarantine list prints it');
  }
}

async function review(context: TrafficContext, how: How, decision: string, flags: ReviewFlags): Promise<void> {
  const client = clientOf(context);
  const item = ((await client.quarantine()) as readonly Item[]).find((candidate) => candidate.decision === decision);
  if (item === undefined)
    throw new CommandError('failed', `nothing is held under ${decision}`, ['See: traffic-light quarantine list']);
  const signer = await new KeyStore(process.env).signer(flags.as);
  const { chainId } = await new ChainClient({ endpoint: flags.bpciEndpoint }).network();
  const chain = toChainId(chainId);
  const { request, policySetHash } = item;
  const obligation = flags.obligation ?? '';
  const claim = { decision: item.decision, request, policySetHash };
  const message =
    how === 'discharge'
      ? dischargeSigningBytes(chain, { ...claim, obligation })
      : reviewSigningBytes(chain, { ...claim, verdict: how });
  const proof = { by: signer.publicKey, signature: toHex(signer.sign(message)) };
  const answer = await client.review(decision, how, how === 'discharge' ? { ...proof, obligation } : proof);
  print(
    context,
    answer as { readonly release: { readonly decision: { readonly state: string } } | null },
    ({ release }) => [release === null ? 'taken' : `taken, and decided anew: ${release.decision.state}`],
  );
}

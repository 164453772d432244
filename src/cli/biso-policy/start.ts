/** `biso-policy start`: runs a policy engine in the foreground against a running network. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { ServedDomain } from '../../actors/policy/served-domain.ts';
import { ChainClient } from '../../client/chain-client.ts';
import { type Region, regions } from '../../protocols/policy/request.ts';
import { classifications } from '../../protocols/policy/vocabulary.ts';
import { contentSource } from '../../runtime/shipped-pack.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { untilEnded } from '../service-process.ts';
import type { PolicyCommandContext } from './command-context.ts';

interface StartFlags {
  readonly bpciEndpoint: string;
  readonly courtEndpoint?: string;
  readonly geographicRegions: readonly Region[];
  readonly dataClassifications: readonly string[];
  readonly policyApiPort: number;
  readonly contentsFrom: readonly string[];
  readonly dataDir: string;
  readonly genesis?: string;
  readonly json?: true;
}

/** Words of a closed list, each once, separated by commas. */
const wordsOf =
  <Word extends string>(known: readonly Word[]) =>
  (text: string): readonly Word[] => {
    const words = [...new Set(text.split(',').map((word) => word.trim()))];
    const strange = words.find((word) => !(known as readonly string[]).includes(word));
    if (strange !== undefined) throw new InvalidArgumentError(`${strange} is none of ${known.join(', ')}.`);
    return words as readonly string[] as readonly Word[];
  };

const port = (text: string): number => {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('A whole number from 0 to 65535.');
};

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

export function registerStart(program: Command, context: PolicyCommandContext): void {
  program
    .command('start')
    .description('Run a policy engine in the foreground')
    .requiredOption('--bpci-endpoint <url>', 'node of the chain: where everything is discovered')
    .option('--court-endpoint <url>', 'court; its orders reach this service by the chain')
    .option('--geographic-regions <list>', 'regions that are answered for', wordsOf(regions), regions)
    .option('--data-classifications <list>', 'classes that are answered for', wordsOf(classifications), classifications)
    .option('--policy-api-port <port>', 'HTTP API', port, 21003)
    .option('--contents-from <url>', 'another policy service that has published sets; may be given again', collect, [])
    .option('--data-dir <path>', 'where key and contents are kept', join('.', 'data', 'biso-policy'))
    .option('--genesis <file>', 'what the chain is proved from; else what the node says it is, on the first start')
    .option('--json', 'print JSON')
    .action(async (flags: StartFlags) => {
      await run(flags, context);
    });
}

async function run(flags: StartFlags, { terminal, wantsJson }: PolicyCommandContext): Promise<void> {
  // Loaded here, so that the other commands need not wait for all that a service is made of.
  const { policyKind, startPolicyService } = await import('../../runtime/policy-service.ts');
  const { startByHand } = await import('../../runtime/audited-service.ts');
  const domain: ServedDomain = { regions: flags.geographicRegions, classifications: flags.dataClassifications };
  const running = await startByHand({
    ...{ kind: policyKind, start: startPolicyService, startedWith: flags },
    options: {
      client: new ChainClient({ endpoint: flags.bpciEndpoint }),
      address: `127.0.0.1:${flags.policyApiPort}`,
      dataDir: flags.dataDir,
      source: contentSource(flags.contentsFrom),
      domain,
      genesis: flags.genesis === undefined ? undefined : readGenesis(flags.genesis),
      logTo: 'file',
    },
  });
  const service = running.node;
  const { address, publicKey } = service;
  const { problem } = await service.api.status();
  if (wantsJson() || flags.json === true) terminal.json({ address, account: publicKey, problem });
  else {
    terminal.out(`policy engine on http://${address}, account ${publicKey}`);
    if (problem !== null) terminal.out(`not ready yet: ${problem}`);
  }
  await untilEnded(running, 'the policy engine');
}

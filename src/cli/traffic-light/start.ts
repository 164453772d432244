/** `traffic-light start`: runs a traffic light in the foreground against a running network. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { pipelineLimits, type PipelineMode } from '../../actors/traffic/following.ts';
import { ChainClient } from '../../client/chain-client.ts';
import type { ReviewerRole } from '../../protocols/ledger/modules/traffic/bodies.ts';
import { isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { contentSource } from '../../runtime/shipped-pack.ts';
import { readGenesis } from '../bpci/verify-commands.ts';
import { untilEnded } from '../service-process.ts';
import type { TrafficContext } from './command-context.ts';

interface StartFlags {
  readonly bpciEndpoint: string;
  readonly bisoEndpoint?: string;
  readonly courtEndpoint?: string;
  readonly pipelineMode: PipelineMode;
  readonly stateMaxAgeMs: number;
  readonly decisionLatencyMs: number;
  readonly dashboardPort: number;
  readonly dataDir: string;
  readonly genesis?: string;
  readonly reviewer: readonly ReviewerRole[];
}

const wholeFrom =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max}.`);
  };

const reviewer = (text: string, before: readonly ReviewerRole[]): readonly ReviewerRole[] => {
  const [role = '', key = ''] = text.split('=');
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(role) || !isHex64(key))
    throw new InvalidArgumentError('ROLE=PUBLIC_KEY is needed.');
  return [...before, { role, key: key as PublicKey }];
};

export function registerStart(program: Command, context: TrafficContext): void {
  program
    .command('start')
    .description('Run a traffic light in the foreground')
    .requiredOption('--bpci-endpoint <url>', 'node of the chain: where everything is discovered')
    .option('--biso-endpoint <url>', 'policy service that serves published sets')
    .option('--court-endpoint <url>', 'court')
    .addOption(
      new Option('--pipeline-mode <mode>', 'how decisions are grouped')
        .choices(['real-time', 'batch'])
        .default('real-time'),
    )
    .option('--decision-latency-ms <ms>', 'budget of a decision up to its place in the log', wholeFrom(1, 60_000), 10)
    .option(
      '--state-max-age-ms <ms>',
      'how long decisions go on from the last state where the chain stands still',
      wholeFrom(1000, 3_600_000),
      30_000,
    )
    .option('--dashboard-port <port>', 'HTTP API', wholeFrom(0, 65_535), 21004)
    .option('--data-dir <path>', 'where key and log are kept', join('.', 'data', 'traffic-light'))
    .option('--genesis <file>', 'what the chain is proved from; else what the node says it is, on the first start')
    .option(
      '--reviewer <role=key>',
      'who may sign proofs of a role; may be given again',
      reviewer,
      [] as readonly ReviewerRole[],
    )
    .action(async (flags: StartFlags) => {
      await run(flags, context);
    });
}

async function run(flags: StartFlags, { terminal }: TrafficContext): Promise<void> {
  // Loaded here, so that the other commands need not wait for all that a service is made of.
  const { startTrafficService, trafficKind } = await import('../../runtime/traffic-service.ts');
  const { startByHand } = await import('../../runtime/audited-service.ts');
  const running = await startByHand({
    ...{ kind: trafficKind, start: startTrafficService, startedWith: flags },
    options: {
      client: new ChainClient({ endpoint: flags.bpciEndpoint }),
      source: contentSource(flags.bisoEndpoint === undefined ? [] : [flags.bisoEndpoint]),
      address: `127.0.0.1:${flags.dashboardPort}`,
      dataDir: flags.dataDir,
      reviewers: flags.reviewer,
      genesis: flags.genesis === undefined ? undefined : readGenesis(flags.genesis),
      limits: {
        ...pipelineLimits(flags.pipelineMode, flags.decisionLatencyMs),
        stateAgeMsMax: flags.stateMaxAgeMs,
      },
      otlpEndpoint: process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? null,
      logTo: 'file',
    },
  });
  const service = running.node;
  terminal.out(`traffic light on http://${service.address}, account ${service.publicKey}`);
  const { problem } = await service.api.status();
  if (problem !== null) {
    terminal.out(`not ready yet: ${problem}`);
    terminal.out(`its account must exist on the chain to register: npx bpci tx transfer --to ${service.publicKey} …`);
  }
  await untilEnded(running, 'the traffic light');
}

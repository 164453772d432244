/** `bpci start`: launches a chain alone from flags. It writes the manifest that the flags describe in memory and starts that. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';
import { type LoadedManifest, readManifest } from '../runtime/manifest.ts';
import { formatDuration, parseDuration } from '../runtime/manifest-shape.ts';
import { runForeground } from './mainnet/up.ts';
import type { Terminal } from './terminal.ts';

export interface StartFlags {
  readonly mainnet?: true;
  readonly consensus: string;
  readonly validatorSetSize: number;
  /** Milliseconds. */
  readonly blockTime: number;
  readonly finalityThreshold: number;
  readonly apiPort: number;
  readonly metricsPort: number;
  readonly linkPort: number;
  readonly dataDir: string;
}

/** What reports name as the file: the flags have no lines, the manifest made of them has. */
const source = 'bpci start (manifest made from its flags)';

const hints = [
  'Try, in another terminal:',
  '  npx bpci status',
  '  npx bpci keys generate alice && npx bpci faucet alice 1000',
];

const duration = (text: string): number => {
  const milliseconds = parseDuration(text === '0' ? 0 : text);
  if (milliseconds === null)
    throw new InvalidArgumentError('A duration such as 2s or 200ms, or 0 for blocks on demand.');
  return milliseconds;
};

const wholeFrom =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max}.`);
  };

/** The manifest that the flags stand for. Throws ManifestError. */
export function manifestOfFlags(flags: StartFlags, environment: NodeJS.ProcessEnv): LoadedManifest {
  const document = {
    apiVersion: 'bpci/v1',
    kind: 'Network',
    metadata: { name: 'bpci' },
    spec: {
      chain: {
        consensus: flags.consensus,
        profile: flags.mainnet === true ? 'mainnet' : 'devnet',
        blockTime: flags.blockTime === 0 ? 0 : formatDuration(flags.blockTime),
        finalityThreshold: flags.finalityThreshold,
        genesis: { faucet: '1000000000000000' },
      },
      defaults: { dataDir: flags.dataDir },
      nodes: [
        {
          name: 'validator',
          replicas: flags.validatorSetSize,
          roles: ['validator'],
          ports: { link: flags.linkPort, api: flags.apiPort, metrics: flags.metricsPort },
        },
      ],
    },
  };
  return readManifest(stringify(document), source, environment);
}

/** Adds the command to `bpci`. Its exit code goes to `process.exitCode`. */
export function registerStart(program: Command, terminal: Terminal): void {
  const port = wholeFrom(1, 65535);
  program
    .command('start')
    .description('Launch a chain on this machine, in the foreground')
    .option('--mainnet', 'at least 4 validators; without it a development chain of any size')
    .addOption(new Option('--consensus <protocol>', 'consensus protocol').choices(['ibft']).default('ibft'))
    .option('--validator-set-size <count>', 'validators, each a process', wholeFrom(1, 64), 7)
    .option('--block-time <duration>', 'least time between blocks; 0 makes blocks on demand', duration, 2000)
    .option('--finality-threshold <percent>', 'validators whose seals decide', wholeFrom(1, 100), 67)
    .option('--api-port <port>', 'HTTP API of the first validator', port, 21001)
    .option('--metrics-port <port>', 'metrics of the first validator, consecutive for the others', port, 21101)
    .option('--link-port <port>', 'links of the first validator, consecutive for the others', port, 22001)
    .option('--data-dir <path>', 'where keys and chain are kept', './data/bpci')
    .addHelpText(
      'after',
      '\nExample:\n  $ bpci start --mainnet --consensus ibft --validator-set-size 7 --block-time 2s \\\n      --finality-threshold 67 --api-port 21001 --metrics-port 21101',
    )
    .action(async (flags: StartFlags) => {
      const loaded = manifestOfFlags(flags, process.env);
      process.exitCode = await runForeground({ loaded, host: null, timeoutMs: 0, hints, terminal });
    });
}

/** `mainnet`: the command line of people who run a network. Parses, calls, prints. */
import { existsSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { parseDuration } from '../runtime/manifest-shape.ts';
import { type LoadedManifest, loadManifest } from '../runtime/manifest.ts';
import { HostError, selectNodes } from '../runtime/network-supervisor.ts';
import { LauncherError } from '../runtime/launcher-state.ts';
import { registerCompletion } from './bpci/completion.ts';
import { exportTenant, verifyDirectory } from './mainnet/audit.ts';
import { printConfig } from './mainnet/config.ts';
import { runDoctor } from './mainnet/doctor.ts';
import { stopNetwork } from './mainnet/down.ts';
import {
  exportNodeKey,
  generateNodeKeys,
  makeGenesisFiles,
  rotateNodeKeys,
  showGenesis,
  showNodeKeys,
} from './mainnet/keys.ts';
import { defaultManifest } from './mainnet/locate.ts';
import { showLogs } from './mainnet/logs.ts';
import { registerSimulate } from './mainnet/simulate/register.ts';
import { showStatus } from './mainnet/status.ts';
import { refuseToParent, runDetached, runDetachedChild, runForeground } from './mainnet/up.ts';
import { CommandError, exitCodes, processTerminal, reportFailure, type Terminal } from './terminal.ts';

const examples = `
Exit codes: 0 done, 1 it failed, 2 the command or the manifest was wrong.

Examples:
  $ mainnet up nodes/mainnet.yaml            # in the foreground, Ctrl-C ends it
  $ mainnet up nodes/mainnet.yaml --detach   # returns when everything is ready
  $ mainnet status
  $ mainnet logs validator-3 -f
  $ mainnet down
  $ mainnet config print nodes/mainnet.yaml  # what is in force, and where each value comes from`;

/** What to try next, of what this network runs. */
function hintsFor({ nodes }: LoadedManifest): readonly string[] {
  const roles = new Set(nodes.flatMap(({ service }) => (service === null ? [] : [service.role])));
  return [
    'Try, in another terminal:',
    '  npx bpci status',
    '  npx bpci keys generate alice && npx bpci faucet alice 1000',
    ...(roles.has('traffic') ? ['  npx traffic-light decide examples/request.json'] : []),
    '  npx mainnet status                 npx mainnet logs validator-1 -f',
    ...(roles.size > 0 ? ['  docs/walkthrough.md goes through it all: agreement, breach, panel, ruling, proof.'] : []),
  ];
}

const durationOption = (text: string): number => {
  const milliseconds = parseDuration(text);
  if (milliseconds === null) throw new InvalidArgumentError('A duration such as 500ms, 30s or 2m.');
  return milliseconds;
};
const countOption = (text: string): number => {
  if (!/^[0-9]{1,6}$/.test(text)) throw new InvalidArgumentError('A whole number.');
  return Number(text);
};

interface CommonOptions {
  readonly json?: true;
  readonly host?: string;
}

/** Sets the exit code of what a command resolves with. */
type Action = (run: () => number | Promise<number>) => Promise<void>;
const settle: Action = async (run) => {
  process.exitCode = await run();
};

/** A command on a manifest; `--host` narrows it to one machine's nodes. */
function manifestCommand(parent: Command, name: string, about: string, example: string): Command {
  return parent
    .command(name)
    .description(about)
    .argument('[manifest]', 'network manifest', defaultManifest)
    .option('--host <name>', 'only what belongs to this host of the manifest')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

const scopeOf = (file: string, options: CommonOptions, terminal: Terminal) => {
  const loaded = loadManifest(file, process.env);
  const nodes = options.host === undefined ? loaded.nodes : selectNodes(loaded, options.host);
  return { loaded, nodes, json: options.json === true, terminal };
};

function registerUp(program: Command, terminal: Terminal): void {
  interface UpFlags extends CommonOptions {
    readonly detach?: true;
    readonly supervise?: true;
    readonly timeout: number;
  }
  manifestCommand(program, 'up', 'Start a network and keep it running', 'mainnet up nodes/mainnet.yaml --detach')
    .option('-d, --detach', 'return when everything is ready, and leave it running')
    .option('--timeout <duration>', 'with --detach: how long to wait', durationOption, 60_000)
    .option('--supervise', 'what --detach starts')
    .action((file: string, flags: UpFlags, command: Command) =>
      settle(() => {
        const loaded = loadManifest(file, process.env);
        const host = flags.host ?? null;
        const options = { loaded, host, timeoutMs: flags.timeout, hints: hintsFor(loaded), terminal };
        selectNodes(loaded, host);
        if (flags.supervise === true) return runDetachedChild(options);
        if (flags.detach !== true) return runForeground(options);
        const [script = ''] = process.argv.slice(1);
        const again = [script, command.name(), file, '--supervise', ...(host === null ? [] : ['--host', host])];
        return runDetached(options, again, flags.json === true);
      }),
    )
    .options.find((option) => option.long === '--supervise')
    ?.hideHelp();
}

function registerRunning(program: Command, terminal: Terminal): void {
  program
    .command('down')
    .description('Stop a running network: drain, flush, end')
    .argument('[manifest]', 'network manifest; not needed where one network runs')
    .option('--host <name>', 'host of the manifest')
    .option('--timeout <duration>', 'then the launcher is killed', durationOption, 45_000)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ mainnet down')
    .action((file: string | undefined, flags: CommonOptions & { timeout: number }) =>
      settle(() =>
        stopNetwork({ file, host: flags.host, timeoutMs: flags.timeout, json: flags.json === true }, terminal),
      ),
    );
  program
    .command('status')
    .description('Processes, nodes and heights of a running network')
    .argument('[manifest]', 'network manifest; not needed where one network runs')
    .option('--host <name>', 'host of the manifest')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit code 1 where not every node is ready.\n\nExample:\n  $ mainnet status --json')
    .action((file: string | undefined, flags: CommonOptions) =>
      settle(() => showStatus({ file, host: flags.host, json: flags.json === true }, terminal)),
    );
  program
    .command('logs')
    .description('The newest lines of the nodes’ logs')
    .argument('[nodes...]', 'node names or roles; all where none is named')
    .option('-m, --manifest <file>', 'network manifest', defaultManifest)
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --lines <count>', 'how many lines', countOption, 50)
    .option('--output', 'what the processes wrote beside their logs, crashes for example')
    .option('--json', 'print the JSON lines as they are')
    .addHelpText('after', '\nExample:\n  $ mainnet logs validator-1 validator-2 -f')
    .action(
      (
        names: readonly string[],
        flags: { manifest: string; follow?: true; lines: number; output?: true; json?: true },
      ) =>
        settle(() =>
          showLogs(
            {
              loaded: loadManifest(flags.manifest, process.env),
              names,
              lines: flags.lines,
              follow: flags.follow === true,
              json: flags.json === true,
              output: flags.output === true,
            },
            terminal,
          ),
        ),
    );
}

function registerKeys(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('Keys of nodes');
  manifestCommand(
    keys,
    'generate',
    'Make the keys of nodes, where they are missing',
    'mainnet keys generate nodes/three-hosts.yaml --host alpha',
  ).action((file: string, flags: CommonOptions) => settle(() => generateNodeKeys(scopeOf(file, flags, terminal))));
  manifestCommand(keys, 'show', 'Public keys of nodes', 'mainnet keys show nodes/mainnet.yaml').action(
    (file: string, flags: CommonOptions) => settle(() => showNodeKeys(scopeOf(file, flags, terminal))),
  );
  keys
    .command('rotate')
    .description('New keys for a node that is stopped; the old ones are set aside')
    .argument('<manifest>', 'network manifest')
    .argument('<node>', 'node name')
    .option('--tls', 'only the key of its HTTP certificate')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ mainnet keys rotate nodes/mainnet.yaml validator-1 --tls')
    .action((file: string, node: string, flags: { tls?: true; json?: true }) =>
      settle(() => rotateNodeKeys(scopeOf(file, flags, terminal), node, flags.tls === true)),
    );
  keys
    .command('export')
    .description('The public identity of a node, or its private key to a file')
    .argument('<manifest>', 'network manifest')
    .argument('<node>', 'node name')
    .option('--private <file>', 'write the private key to this new file, encrypted')
    .option('--passphrase-variable <name>', 'environment variable with the passphrase for it', 'BPCI_EXPORT_PASSPHRASE')
    .addHelpText(
      'after',
      '\nExample:\n  $ mainnet keys export nodes/three-hosts.yaml alpha-validator-1 > identity.json',
    )
    .action((file: string, node: string, flags: { private?: string; passphraseVariable: string }) =>
      settle(() => {
        const { private: to, passphraseVariable: variable } = flags;
        return exportNodeKey(scopeOf(file, {}, terminal), node, to === undefined ? null : { to, variable });
      }),
    );
}

function registerFiles(program: Command, terminal: Terminal): void {
  const config = program.command('config').description('Configuration');
  manifestCommand(
    config,
    'print',
    'The values in force and where each comes from: file and line, environment, default',
    'BPCI_CHAIN_BLOCK_TIME=500ms mainnet config print nodes/devnet.yaml',
  ).action((file: string, flags: CommonOptions) =>
    settle(() => printConfig(loadManifest(file, process.env), flags.json === true, terminal)),
  );
  const genesis = program.command('genesis').description('The document that a chain starts from');
  manifestCommand(
    genesis,
    'create',
    'Make the genesis out of the identities of every node',
    'mainnet genesis create nodes/three-hosts.yaml',
  ).action((file: string, flags: CommonOptions) => settle(() => makeGenesisFiles(scopeOf(file, flags, terminal))));
  manifestCommand(genesis, 'show', 'The genesis of a network', 'mainnet genesis show nodes/mainnet.yaml').action(
    (file: string, flags: CommonOptions) => settle(() => showGenesis(scopeOf(file, flags, terminal))),
  );
  program
    .command('doctor')
    .description('What this machine has and lacks')
    .argument('[manifest]', `network manifest whose ports and disk are checked (default: "${defaultManifest}")`)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ mainnet doctor')
    .action((file: string | undefined, flags: CommonOptions) =>
      settle(() => {
        const chosen = file ?? (existsSync(defaultManifest) ? defaultManifest : null);
        const loaded: LoadedManifest | null = chosen === null ? null : loadManifest(chosen, process.env);
        return runDoctor(loaded, flags.json === true, terminal);
      }),
    );
  registerCompletion(program);
}

function registerAudit(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('What the data of a network can be proved to be');
  manifestCommand(
    audit,
    'verify',
    'Check everything that the data directory holds on this machine: it may be running',
    'mainnet audit verify --since 50000',
  )
    .option('--since <height>', 'verify seals from this height on only', countOption)
    .action((file: string, flags: CommonOptions & { since?: number }) =>
      settle(() => {
        const { loaded, json } = scopeOf(file, flags, terminal);
        return verifyDirectory({ loaded, json, since: flags.since ?? null }, terminal);
      }),
    );
  audit
    .command('export')
    .description('One archive of a tenant: agreements, policy sets, decisions, rulings, each with its proof')
    .requiredOption('--tenant <account>', 'the tenant, or the name of a key of yours')
    .option('--endpoint <url>', 'node of the chain', 'http://127.0.0.1:21001')
    .option('--traffic-endpoint <url>', 'traffic light', 'http://127.0.0.1:21004')
    .option('--no-decisions', 'without the decisions of the light')
    .option('--out <file>', 'where it is written; standard output where absent')
    .addHelpText(
      'after',
      '\nExample:\n  $ mainnet audit export --tenant acme --out acme.json && bpci verify acme.json --genesis genesis.json',
    )
    .action((flags: { tenant: string; endpoint: string; trafficEndpoint: string; decisions: boolean; out?: string }) =>
      settle(() => {
        const { tenant, endpoint, trafficEndpoint, decisions, out } = flags;
        return exportTenant({ tenant, endpoint, light: decisions ? trafficEndpoint : null, to: out ?? null }, terminal);
      }),
    );
}

/** Failures of the runtime as something that a person can act on. */
function explain(error: unknown): unknown {
  if (error instanceof HostError) {
    return new CommandError('usage', error.message, ['name this machine: --host NAME'], error);
  }
  if (!(error instanceof LauncherError)) return error;
  const next: Readonly<Record<LauncherError['code'], readonly string[]>> = {
    'already-running': ['see it: mainnet status', 'stop it: mainnet down'],
    'ports-in-use': ['stop what holds them, or choose other ports in the manifest'],
    'not-running': ['start it: mainnet up'],
    'no-answer': ['it may be starting or ending: try again; see the launcher.log in its data directory'],
  };
  return new CommandError('failed', error.message, next[error.code], error);
}

const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];

async function main(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal();
  const program = new Command('mainnet')
    .description('Run a network from a manifest, on one machine or many')
    .showHelpAfterError('(--help shows the options and examples)')
    .addHelpText('after', examples);
  registerUp(program, terminal);
  registerRunning(program, terminal);
  registerFiles(program, terminal);
  registerKeys(program, terminal);
  registerAudit(program, terminal);
  registerSimulate(program, terminal);
  for (const command of withChildren(program)) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    if (process.connected) refuseToParent(error instanceof Error ? error.message : String(error));
    process.exitCode = reportFailure(terminal, explain(error), argv.includes('--json'));
  }
  // A detached child's channel to its parent, where it is still open, must not keep it alive.
  if (process.connected) process.disconnect();
}

await main(process.argv);

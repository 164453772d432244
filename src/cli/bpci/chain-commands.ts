/** `bpci status|validators|block|account|services|permissions|genesis`: what a node knows, read. */
import type { Command } from 'commander';
import { formatAmount } from '../../client/amounts.ts';
import type { BlockView, ConsensusView, NetworkView } from '../../runtime/ports/chain-api.ts';
import { CommandError, exitCodes, formatElapsed, formatTable, type Terminal } from '../terminal.ts';
import type { CommandContext } from './command-context.ts';

/** `validator-2` before `validator-10`. */
const byName = new Intl.Collator('en', { numeric: true });

const shortKey = (key: string): string => (key.length <= 12 ? key : `${key.slice(0, 12)}…`);
const dash = (value: number | string | null): string => (value === null || value === '' ? '-' : String(value));
const utc = (time: number): string => new Date(time).toISOString().replace('T', ' ').replace('Z', ' UTC');

export function registerChainCommands(program: Command, context: CommandContext): void {
  registerStatus(program, context);
  program
    .command('validators')
    .description('List the validators that decide the next block')
    .option('--height <height>', 'the set that decided that height', wholeNumber)
    .action(async (options: { height?: number }, command: Command) => {
      const validators = await (await context.client(command)).validators(options.height);
      context.print(command, { validators }, () =>
        formatTable([
          ['NAME', 'KEY', 'BOND', 'STANDING'],
          ...validators.map(({ name, publicKey, bond, jailed }) => [
            name ?? '-',
            publicKey,
            bond === null ? '-' : formatAmount(BigInt(bond)),
            jailed === null ? '-' : jailed ? 'jailed' : 'active',
          ]),
        ]),
      );
    });
  program
    .command('block')
    .description('Show a block')
    .argument('[height]', 'a height, or latest', 'latest')
    .action(async (text: string, _options: object, command: Command) => {
      const height = text === 'latest' ? text : wholeNumber(text);
      const block = await (await context.client(command)).block(height);
      context.print(command, block, blockLines);
    });
  program
    .command('account')
    .description('Show balance, bond and next nonce of an account')
    .argument('<account>', 'name of a key of yours, or a public key')
    .action(async (text: string, _options: object, command: Command) => {
      const account = await (await context.client(command)).account(context.keys.resolve(text));
      context.print(command, account, ({ publicKey, signingKey, balance, bond, nextNonce }) => [
        `account     ${publicKey}`,
        ...(signingKey === publicKey ? [] : [`signs with  ${signingKey}`]),
        `balance     ${formatAmount(BigInt(balance))}`,
        `bond        ${formatAmount(BigInt(bond))}`,
        `next nonce  ${nextNonce}`,
      ]);
    });
  program
    .command('services')
    .description('List services and clusters that registered, with their leases')
    .action(async (_options: object, command: Command) => {
      const services = await (await context.client(command)).services();
      context.print(command, { services }, () =>
        services.length === 0
          ? ['no service is registered']
          : formatTable([
              ['ID', 'KIND', 'LEASE UNTIL', 'ENDPOINT', 'OWNER'],
              ...services.map(({ id, kind, leaseUntil, endpoint, owner }) => {
                const until = new Date(leaseUntil).toISOString();
                return [id, kind, until, endpoint, shortKey(owner)];
              }),
            ]),
      );
    });
  program
    .command('permissions')
    .description('Print who may send which kind of transaction (role × kind)')
    .action(async (_options: object, command: Command) => {
      const table = await (await context.client(command)).permissions();
      context.print(command, table, ({ roles, kinds }) =>
        formatTable([
          ['KIND', ...roles],
          ...kinds.map(({ kind, roles: held }) => [kind, ...roles.map((role) => (held.includes(role) ? 'yes' : '-'))]),
        ]),
      );
    });
  program
    .command('genesis')
    .description('Print the genesis document (keep it: it verifies every proof)')
    .addHelpText('after', '\nExample:\n  $ bpci genesis > genesis.json')
    .action(async (_options: object, command: Command) => {
      context.terminal.json(await (await context.client(command)).genesis());
    });
}

/** Throws CommandError `usage`. */
export function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new CommandError('usage', `${text} is not a whole number`);
  return Number(text);
}

function registerStatus(program: Command, context: CommandContext): void {
  program
    .command('status')
    .description('Show the chain, its validators, and why it may stand still')
    .addHelpText(
      'after',
      '\nExit code 1 where a problem is shown.\n\nExamples:\n  $ bpci status\n  $ bpci status --json | jq .consensus.problems',
    )
    .action(async (_options: object, command: Command) => {
      const client = await context.client(command);
      const [network, consensus, mempool] = await Promise.all([client.network(), client.consensus(), client.mempool()]);
      context.print(command, { network, consensus, mempool }, () => [
        ...networkLines(context.terminal, network, consensus, mempool.count),
        '',
        ...peerLines(context.terminal, consensus),
        ...problemLines(context.terminal, consensus),
      ]);
      if (consensus.problems.length > 0) process.exitCode = exitCodes.failed;
    });
}

function networkLines(
  terminal: Terminal,
  network: NetworkView,
  consensus: ConsensusView,
  waiting: number,
): readonly string[] {
  const { height, round, step, quorum, validators, faultyMax, proposer } = consensus;
  const proposerName = consensus.peers.find(({ publicKey }) => publicKey === proposer)?.name ?? shortKey(proposer);
  const last = consensus.lastBlockTime === 0 ? 'none yet' : `${formatElapsed(consensus.lastBlockAgeMs)} ago`;
  return [
    `${terminal.paint('bold', network.chainName)}  chain ${shortKey(network.chainId)}  protocol ${network.protocolVersion}`,
    `height ${network.height}, last block ${last}; ${waiting} transactions waiting`,
    `deciding height ${height}, round ${round}, step ${step}, proposer ${proposerName}; ${consensus.waitingFor}`,
    `${validators} validators, ${quorum} decide, ${faultyMax} may fail`,
  ];
}

function peerLines(terminal: Terminal, consensus: ConsensusView): readonly string[] {
  const peers = [...consensus.peers].sort((a, b) => byName.compare(a.name, b.name));
  const rows = peers.map((peer) => [
    peer.name === '' ? shortKey(peer.publicKey) : peer.name,
    peer.self
      ? 'this node'
      : peer.link === 'up'
        ? terminal.paint('green', peer.link)
        : terminal.paint('yellow', peer.link),
    dash(peer.height),
    dash(peer.round),
    dash(peer.step),
    dash(peer.lag),
    peer.rttMs === null ? '-' : `${peer.rttMs.toFixed(1)} ms`,
    peer.clockOffsetMs === null ? '-' : `${peer.clockOffsetMs > 0 ? '+' : ''}${Math.round(peer.clockOffsetMs)} ms`,
    peer.lastError,
  ]);
  return formatTable([['VALIDATOR', 'LINK', 'HEIGHT', 'ROUND', 'STEP', 'LAG', 'RTT', 'CLOCK', 'LAST ERROR'], ...rows]);
}

function problemLines(terminal: Terminal, { problems, missing, peers }: ConsensusView): readonly string[] {
  if (problems.length === 0) return [];
  const nameOf = (key: string): string => peers.find(({ publicKey }) => publicKey === key)?.name ?? shortKey(key);
  return [
    '',
    ...problems.map(
      ({ code, message, validator }) =>
        `${terminal.paint('red', 'problem')} ${code}: ${message}${validator === null ? '' : ` (${nameOf(validator)})`}`,
    ),
    ...missing.map(
      ({ kind, needed, from }) => `  ${needed} more ${kind} needed; not heard from ${from.map(nameOf).join(', ')}`,
    ),
  ];
}

function blockLines({ height, digest, header, transactions, commit }: BlockView): readonly string[] {
  const time = header['time'];
  return [
    `block               ${height}`,
    `digest              ${digest}`,
    ...(typeof time === 'number' ? [`time                ${utc(time)}`] : []),
    ...Object.entries(header)
      .filter(([name, value]) => name !== 'time' && name !== 'height' && typeof value !== 'object')
      .map(([name, value]) => `${name.padEnd(18)}  ${String(value)}`),
    `decided             in round ${commit.round} by ${commit.seals.length} seals`,
    `transactions        ${transactions.length}`,
    ...transactions.map((hash) => `  ${hash}`),
  ];
}

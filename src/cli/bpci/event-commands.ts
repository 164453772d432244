/** `bpci events`: what happened on the chain, and with `-f` what happens. */
import type { Command } from 'commander';
import type { EventView } from '../../runtime/ports/chain-api.ts';
import { type CommandContext } from './command-context.ts';
import { wholeNumber } from './chain-commands.ts';

interface EventOptions {
  readonly follow?: boolean;
  readonly module?: string;
  readonly kind?: string;
  readonly after?: string;
  readonly limit: number;
}

export function registerEvents(program: Command, context: CommandContext): void {
  program
    .command('events')
    .description('Print events of final blocks')
    .option('-f, --follow', 'go on with what happens next, until interrupted')
    .option('--module <name>', 'only of this module (accounts, validators, …)')
    .option('--kind <kind>', 'only of this kind (transferred, …)')
    .option('--after <id>', 'after this event (height-index), or start')
    .option('--limit <count>', 'events of the page without --follow', wholeNumber, 100)
    .addHelpText(
      'after',
      '\nExamples:\n  $ bpci events --module accounts\n  $ bpci events -f --kind transferred\n  $ bpci events -f --after 120-0 --json   # one JSON document a line',
    )
    .action(async (options: EventOptions, command: Command) => {
      const client = await context.client(command);
      const asJson = context.options(command).json === true;
      const filter = {
        ...(options.module === undefined ? {} : { module: options.module }),
        ...(options.kind === undefined ? {} : { kind: options.kind }),
      };
      const after = options.after === 'start' ? null : options.after;
      if (options.follow !== true) {
        const page = await client.eventPage({ ...filter, after: after ?? null, limit: options.limit });
        context.print(command, page, ({ events }) => events.map(eventLine));
        return;
      }
      const stop = new AbortController();
      const onInterrupt = (): void => stop.abort();
      process.once('SIGINT', onInterrupt);
      process.once('SIGTERM', onInterrupt);
      const signal = AbortSignal.any([stop.signal, context.terminal.readerGone]);
      const events = client.events({ ...filter, ...(after === undefined ? {} : { after }), signal });
      for await (const event of events) {
        context.terminal.out(asJson ? JSON.stringify(event) : eventLine(event));
      }
    });
}

const eventLine = ({ id, module, kind, attributes }: EventView): string =>
  `${id}  ${module}.${kind}  ${Object.entries(attributes)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')}`;

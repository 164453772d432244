/** `mainnet simulate` without a process of its own: the command as the program makes it, its output kept. */
import { Command, CommanderError } from 'commander';
import { registerSimulate } from '../../src/cli/mainnet/simulate/register.ts';
import { reportFailure, type Terminal } from '../../src/cli/terminal.ts';

export interface CommandOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];

/** One at a time: simulations shut the real world out of their whole process. */
export async function simulateCommand(...given: readonly string[]): Promise<CommandOutcome> {
  const out: string[] = [];
  const err: string[] = [];
  const terminal: Terminal = {
    readerGone: new AbortController().signal,
    out: (line = '') => out.push(line),
    err: (line = '') => err.push(line),
    json: (value) => out.push(JSON.stringify(value)),
    paint: (_style, text) => text,
  };
  const program = new Command('mainnet');
  registerSimulate(program, terminal);
  for (const command of withChildren(program)) {
    command.exitOverride().configureOutput({ writeOut: (text) => out.push(text), writeErr: (text) => err.push(text) });
  }
  const before = process.exitCode;
  const code = await program.parseAsync(['simulate', ...given], { from: 'user' }).then(
    () => Number(process.exitCode ?? 0),
    (error: unknown) => (error instanceof CommanderError ? 2 : reportFailure(terminal, error, false)),
  );
  process.exitCode = before;
  return { code, out: out.join('\n'), err: err.join('\n') };
}

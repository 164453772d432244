/** What the commands of `traffic-light` share. */
import { ClientError } from '../../client/client-error.ts';
import { TrafficClient } from '../../client/traffic-client.ts';
import { CommandError, type Terminal } from '../terminal.ts';

export const defaultEndpoint = 'http://127.0.0.1:21004';

export interface TrafficOptions {
  readonly endpoint: string;
  readonly json?: true;
}

export interface TrafficContext {
  readonly terminal: Terminal;
  readonly options: () => TrafficOptions;
}

export const clientOf = ({ options }: TrafficContext): TrafficClient =>
  new TrafficClient({ endpoint: options().endpoint });

/** Prints `value` with --json, else what `text` makes of it. */
export function print<T>({ terminal, options }: TrafficContext, value: T, text: (value: T) => readonly string[]): void {
  if (options().json === true) terminal.json(value);
  else for (const line of text(value)) terminal.out(line);
}

/** A failed request as something that a person can act on. */
export function explain(error: unknown, endpoint: string): unknown {
  if (!(error instanceof ClientError)) return error;
  const next =
    error.code === 'unreachable'
      ? [
          'Start one:  npx traffic-light start --bpci-endpoint URL',
          `or name one that runs with --endpoint (now ${endpoint})`,
        ]
      : [];
  return new CommandError(
    'failed',
    error.reason === '' ? error.message : `${error.reason}: ${error.message}`,
    next,
    error,
  );
}

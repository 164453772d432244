/** What the commands of `enc-cluster` share. */
import { ClientError } from '../../client/client-error.ts';
import { askService } from '../../client/service-request.ts';
import { CommandError, type Terminal } from '../terminal.ts';

export const defaultEndpoint = 'http://127.0.0.1:21010';

export interface EncOptions {
  readonly endpoint: string;
  readonly json?: true;
}

export interface EncContext {
  readonly terminal: Terminal;
  readonly options: () => EncOptions;
}

/** A POST where there is a body. */
export const ask = (context: EncContext, path: string, body?: unknown): Promise<unknown> =>
  askService({ endpoint: context.options().endpoint }, path, body);

/** Prints `value` with --json, else what `text` makes of it. */
export function print<T>({ terminal, options }: EncContext, value: T, text: (value: T) => readonly string[]): void {
  if (options().json === true) terminal.json(value);
  else for (const line of text(value)) terminal.out(line);
}

/** A failed request as something that a person can act on. */
export function explain(error: unknown, endpoint: string): unknown {
  if (!(error instanceof ClientError)) return error;
  const next =
    error.code === 'unreachable'
      ? [
          'Start them:  npx enc-cluster deploy --cluster-count 3 --bpci-endpoint URL …',
          `or name those that run with --endpoint (now ${endpoint})`,
        ]
      : [];
  const text = error.reason === '' ? error.message : `${error.reason}: ${error.message}`;
  return new CommandError('failed', text, next, error);
}

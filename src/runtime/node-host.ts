/** Runs the nodes of one process and tells the launcher about them. Free of `process`: the entry point passes the wires in. */
import { CodedError } from '../protocols/shared/errors.ts';
import type { NodeAddresses } from './launcher-process.ts';
import type { HostedConfig } from './service-config.ts';

/** What a process needs of a running node. */
export interface HostedNode {
  readonly name: string;
  readonly addresses: NodeAddresses;
  /** Linked to a quorum and following the chain. */
  readonly ready: Promise<void>;
  /** Resolves with the cause when the node cannot go on. */
  readonly failed: Promise<unknown>;
  stop(): Promise<void>;
}

export type HostMessage =
  | { readonly type: 'ready'; readonly node: string; readonly addresses: NodeAddresses }
  | { readonly type: 'failed'; readonly node: string; readonly message: string; readonly permanent: boolean };

export interface NodeHost {
  /** Resolves with the exit code: 0 after `stop`, 1 when a node could not start or go on. */
  readonly ended: Promise<number>;
  /** Stops every node. Idempotent. */
  stop(): void;
}

/** Failures that another start would only repeat: the data, keys or genesis are not what this node needs. */
const permanentCodes: ReadonlySet<string> = new Set([
  'schema-newer',
  'schema-foreign',
  'corrupt',
  'invalid-genesis',
  'genesis-missing',
  'wrong-genesis',
  'wrong-key',
  'missing-key',
  'wrong-passphrase',
  'passphrase-missing',
  'loose-permissions',
  'missing',
]);

export function isPermanent(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code: unknown = cause instanceof CodedError ? cause.code : null;
  return (typeof code === 'string' && permanentCodes.has(code)) || isPermanent(cause.cause);
}

/** One line for a person: the message, and those of its causes that say more. */
export function describeFailure(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const inner = cause.cause === undefined ? '' : describeFailure(cause.cause);
  return inner === '' || cause.message.includes(inner) ? cause.message : `${cause.message}: ${inner}`;
}

export function hostNodes(
  configs: readonly HostedConfig[],
  create: (config: HostedConfig) => Promise<HostedNode>,
  send: (message: HostMessage) => void,
  /** Told of every failure in full. */
  onCause: (cause: unknown) => void = () => undefined,
): NodeHost {
  const running: HostedNode[] = [];
  let requestStop: (exitCode: number) => void = () => undefined;
  const stopRequested = new Promise<number>((resolve) => (requestStop = resolve));
  let stopping = false;
  const onFailure = (node: string, cause: unknown): void => {
    // What a stop interrupts is not a failure.
    if (stopping) return;
    stopping = true;
    onCause(cause);
    send({ type: 'failed', node, message: describeFailure(cause), permanent: isPermanent(cause) });
    requestStop(1);
  };
  const starting = configs.map(async (config) => {
    try {
      const node = await create(config);
      running.push(node);
      node.ready.then(
        () => send({ type: 'ready', node: node.name, addresses: node.addresses }),
        (cause: unknown) => onFailure(config.name, cause),
      );
      node.failed.then(
        (cause) => onFailure(config.name, cause),
        (cause: unknown) => onFailure(config.name, cause),
      );
    } catch (cause) {
      onFailure(config.name, cause);
    }
  });
  const ended = stopRequested.then(async (exitCode) => {
    // A node that is still being created is let finish, so that it can be stopped whole.
    await Promise.all(starting);
    const outcomes = await Promise.allSettled(running.map((node) => node.stop()));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    for (const cause of failures) {
      onCause(cause);
      send({
        type: 'failed',
        node: 'process',
        message: `not stopped cleanly: ${describeFailure(cause)}`,
        permanent: false,
      });
    }
    return failures.length > 0 ? 1 : exitCode;
  });
  const stop = (): void => {
    stopping = true;
    requestStop(0);
  };
  return { ended, stop };
}

/** A service that a person starts by hand, with an audit log beside what it keeps, as a launcher's have. */
import { join } from 'node:path';
import { chainIdOf } from '../protocols/ledger/genesis.ts';
import { chainId as toChainId } from '../protocols/shared/brands.ts';
import { anchorKind, NodeAudit, type RunningAudited } from './node-audit.ts';
import type { RunningService, ServiceKind, ServiceOptions } from './service-frame.ts';
import { serviceSigner } from './service-key.ts';

export interface ByHandOptions<Options extends ServiceOptions, Api> {
  readonly kind: ServiceKind;
  readonly options: Options;
  /** Everything that the person said, as JSON has it. */
  readonly startedWith: unknown;
  readonly start: (options: Options) => Promise<RunningService<Api>>;
}

type Service<Api> = Omit<RunningService<Api>, 'stop'>;

/** Rejects with what the service's start rejects with, and with AuditLogError. */
export async function startByHand<Options extends ServiceOptions, Api>({
  kind,
  options,
  startedWith,
  start,
}: ByHandOptions<Options, Api>): Promise<RunningAudited<Service<Api>>> {
  const { dataDir, client, genesis } = options;
  const signer = options.signer ?? (await serviceSigner(join(dataDir, 'keys'), kind.keyName));
  const { publicKey: node } = signer;
  const chainId = genesis === undefined ? toChainId((await client.network()).chainId) : chainIdOf(genesis);
  const audit = new NodeAudit({
    ...{ dataDir, chainId, node, startedWith, anchorsEnd: true },
    keys: [{ key: node, for: 'identity' }],
  });
  return audit.over(
    async () => {
      const service = await start({ ...options, signer, onRefused: audit.onRefused });
      return {
        ...service,
        // Its log can be anchored as soon as it follows the chain, which it does from its start on.
        ready: Promise.resolve(),
        failed: new Promise<never>(() => undefined),
      };
    },
    async ({ send }, body) => (await send(anchorKind, body)).code === 'ok',
  );
}

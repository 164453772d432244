/** The `ChainApi` of a node in this process: its wiring, its chain and its links put together. */
import type { Chain } from '../../actors/chain/chain.ts';
import { proveState, proveTransaction } from '../../actors/chain/proofs.ts';
import { readCheckpoint } from '../../actors/checkpoint-cosigner.ts';
import type { MempoolMessage } from '../../actors/mempool.ts';
import { proofBundleCodec } from '../../protocols/ledger/proof-bundle.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { ActorSystem } from '../ports/actors.ts';
import type { ChainApi, HealthView, SubmitOutcome } from '../ports/chain-api.ts';
import type { Clock } from '../ports/clock.ts';
import type { Links } from '../ports/links.ts';
import { createChainApi } from './chain-api.ts';
import { readStatus } from '../../actors/node/peer-status.ts';
import { consensusView } from './consensus-view.ts';
import { readinessOf } from './readiness.ts';
import type { Wiring } from '../../actors/node/wiring.ts';

export interface LocalApiParts {
  readonly chain: Chain;
  readonly wiring: Wiring;
  readonly links: Links;
  readonly system: ActorSystem;
  readonly clock: Clock;
  /** Names and link addresses of nodes for people, this one included. */
  readonly nodes: ReadonlyMap<PublicKey, { readonly name: string; readonly addresses: readonly string[] }>;
}

const submitTimeoutMs = 30_000;

export function localChainApi(parts: LocalApiParts): ChainApi {
  const { chain, wiring, links, system, clock, nodes } = parts;
  const { reader, pool, mempool, finality } = wiring;
  const names = new Map([...nodes].map(([key, { name }]) => [key, name]));
  const bundleJson = (bundle: ReturnType<typeof proveTransaction>): unknown =>
    bundle === null ? null : proofBundleCodec.toJson(bundle);
  return createChainApi({
    chain,
    reader,
    finality,
    clock,
    pool: {
      submit: async (transactions, options) =>
        wiring.trouble() === 'importing-snapshot'
          ? transactions.map(notReady)
          : system.ask<MempoolMessage, readonly SubmitOutcome[]>(
              mempool,
              (replyTo) => ({ type: 'submit', transactions, replyTo }),
              { timeoutMs: submitTimeoutMs, traceparent: options?.traceparent },
            ),
      pending: (hash) => pool.pending(hash),
      nextNonce: (account) => pool.nextNonce(account),
      size: () => pool.size(),
    },
    consensus: () =>
      consensusView({
        self: links.self,
        tip: chain.tip,
        now: clock.now(),
        machine: wiring.machine(),
        trouble: wiring.trouble(),
        peers: links.peers(),
        names,
      }),
    checkpoint: () => readCheckpoint(chain.store)?.note ?? null,
    transactionProof: (hash, options) =>
      bundleJson(proveTransaction(chain, reader, readCheckpoint(chain.store), hash, options)),
    stateProof: (height, key, options) => bundleJson(proveState(chain, reader, height, key, options)),
    health: () => healthOf(wiring),
    readiness: () => readinessNow(parts),
    validatorAddresses: nodes,
  });
}

/** While a snapshot is imported there is no state to check a transaction against. */
const notReady = (): SubmitOutcome => ({
  outcome: 'rejected',
  hash: null,
  reason: 'not-ready',
  detail: 'the node is importing a snapshot; try again, or another node',
});

function healthOf(wiring: Wiring): HealthView {
  const ok = wiring.trouble() !== 'disk-full';
  return { ok, checks: [{ name: 'storage', ok, detail: ok ? 'writing' : 'the disk is full' }] };
}

function readinessNow({ chain, links, wiring }: LocalApiParts): HealthView {
  const members = new Set<PublicKey>(chain.tip.set.validators.map(({ publicKey }) => publicKey));
  const linked = wiring.livePeers().filter((key) => members.has(key));
  const statuses = links
    .peers()
    .filter(({ key }) => linked.includes(key))
    .flatMap((peer) => readStatus(peer) ?? []);
  return readinessOf({
    linkedValidators: linked.length + (members.has(links.self) ? 1 : 0),
    quorum: chain.tip.set.quorum,
    finalHeight: chain.tip.height,
    statuses,
    trouble: wiring.trouble(),
  });
}

export interface Readiness {
  /** Resolves when the node is ready; rejects where it was abandoned before. Nobody has to look at it. */
  readonly ready: Promise<void>;
  abandon(): void;
}

export class NotReadyError extends CodedError<'stopped'> {
  override readonly name = 'NotReadyError';
}

/** Looks again at every change of a link and at every block. */
export function awaitReadiness(name: string, api: ChainApi, links: Links): Readiness {
  let abandon = (): void => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    const leave: (() => void)[] = [];
    const end = (settle: () => void): void => {
      for (const left of leave.splice(0)) left();
      settle();
    };
    const look = (): void => {
      if (api.readiness().ok) end(resolve);
    };
    leave.push(links.onPeer(look), api.onBlock(look));
    abandon = () => end(() => reject(new NotReadyError('stopped', `${name} was stopped before it was ready`)));
    look();
  });
  // A node that is stopped early must not end a program that never asked whether it was ready.
  ready.catch(() => undefined);
  return { ready, abandon };
}

/**
 * A validator, or a follower, in somebody else's actor system: one actor with its companions (mempool, block sync,
 * snapshots, checkpoints) below it, over ports that the caller owns. Nothing is opened here and nothing closed: stores,
 * links and the system are the caller's.
 *
 * ```ts
 * const validator = await spawnValidator(system, ports, { genesis });
 * await links.start();
 * await validator.ready;
 * await validator.stop(); // the system goes on
 * ```
 *
 * One to a system: its actors are exported to peers under fixed names. What its supervision cannot mend stops it, not
 * the system; `ended` tells.
 */
import { Chain } from '../../actors/chain/chain.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { genesisProblems } from '../../protocols/ledger/genesis-state.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorContext, ActorRef, ActorSystem } from '../ports/actors.ts';
import type { ChainApi } from '../ports/chain-api.ts';
import type { Clock } from '../ports/clock.ts';
import type { Links } from '../ports/links.ts';
import type { Signer, Verifier, VrfSigner } from '../ports/signer.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { awaitReadiness, localChainApi } from './local-api.ts';
import { NodeError } from './open-chain.ts';
import { type Wiring, wireNode, type WiringOptions } from '../../actors/node/wiring.ts';

export interface FollowerPorts {
  /** The chain's. Empty, or of this chain. */
  readonly store: Store;
  /** Those that `system` was made with. Started by the caller, who also names its peers. */
  readonly links: Links;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly verifier: Verifier;
  /** Of the key that `links` proves to peers. */
  readonly signer: Signer;
}

export interface ValidatorPorts extends FollowerPorts {
  /**
   * Guard and consensus journal, apart from the chain's store: what keeps this validator from signing twice. Never
   * restored from a copy, never empty for a key that has signed before.
   */
  readonly records: Store;
  /** Of the key that the genesis, or a later vote, names beside the signer's. */
  readonly vrf: VrfSigner;
}

export interface SpawnOptions {
  readonly genesis: Genesis;
  /** Of the actor. Default `validator-node` and `follower-node`. */
  readonly name?: string;
  /** Heights of state history kept for proofs of older states. Default 1,000. */
  readonly historyBlocks?: number;
  /** Names and link addresses of nodes, for reports. */
  readonly nodes?: ReadonlyMap<PublicKey, { readonly name: string; readonly addresses: readonly string[] }>;
}

export interface SpawnValidatorOptions extends SpawnOptions {
  /** Signs without hearing from a quorum after a restart. Only when the whole network was restored from backups. */
  readonly restoredWholeNetwork?: boolean;
  /** Told of every consensus signature before it leaves. */
  readonly onSigned?: WiringOptions['onSigned'];
}

export interface SpawnedNode {
  readonly api: ChainApi;
  /** Linked to a quorum and following the chain. Rejects where it has ended before. */
  readonly ready: Promise<void>;
  /** `stopped`: by `stop` or with its system. `failed`: it could not go on; the cause is in the log. */
  readonly ended: Promise<'stopped' | 'failed'>;
  /** Idempotent. What it committed is durable then; stores, links and system are the caller's to close. */
  stop(): Promise<void>;
}

const historyBlocksDefault = 1000;

/** Rejects with NodeError `invalid-genesis`, or StoreError `schema-foreign` where the store holds another chain. */
export function spawnValidator(
  system: ActorSystem,
  ports: ValidatorPorts,
  options: SpawnValidatorOptions,
): Promise<SpawnedNode> {
  const { records, vrf } = ports;
  const { onSigned, restoredWholeNetwork = false, name = 'validator-node' } = options;
  return spawnNode(system, ports, {
    ...{ ...options, name, records, vrf, restoredWholeNetwork },
    ...(onSigned === undefined ? {} : { onSigned }),
  });
}

/** Checks seals and executes every block, and signs nothing. Rejects as `spawnValidator` does. */
export function spawnFollower(system: ActorSystem, ports: FollowerPorts, options: SpawnOptions): Promise<SpawnedNode> {
  const { name = 'follower-node' } = options;
  // A follower records nothing: it promises nothing to anybody.
  return spawnNode(system, ports, { ...options, name, records: ports.store, vrf: null, restoredWholeNetwork: false });
}

type Outcome = Awaited<SpawnedNode['ended']>;

type NodeParts = SpawnOptions &
  Pick<WiringOptions, 'records' | 'vrf' | 'restoredWholeNetwork' | 'onSigned'> & { readonly name: string };

async function spawnNode(system: ActorSystem, ports: FollowerPorts, parts: NodeParts): Promise<SpawnedNode> {
  const { store, links, clock, verifier } = ports;
  const { genesis, name, historyBlocks = historyBlocksDefault } = parts;
  const problems = genesisProblems(genesis, verifier, { devnet: true });
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
    throw new NodeError('invalid-genesis', `the genesis is not acceptable:\n${lines.join('\n')}`);
  }
  const chain = new Chain({ store, genesis, signatures: verifier, historyBlocks });
  await store.durable();

  const { group, wiring, ended, stop } = spawnGroup(system, ports, { ...parts, chain });
  const nodes = parts.nodes ?? new Map<PublicKey, { name: string; addresses: readonly string[] }>();
  const api = localChainApi({ chain, wiring, links, system, clock, nodes });
  const readiness = awaitReadiness(name, api, links);
  void ended.then(() => readiness.abandon());
  return {
    api,
    ready: readiness.ready,
    ended,
    stop: async () => {
      stop();
      await system.stop(group);
      await Promise.all([store.durable(), parts.records.durable()]);
    },
  };
}

/** The actor that has the node's own below it: they stop with it, and their failures end here. */
function spawnGroup(
  system: ActorSystem,
  ports: FollowerPorts,
  parts: NodeParts & { readonly chain: Chain },
): { group: ActorRef<never>; wiring: Wiring; ended: SpawnedNode['ended']; stop: () => void } {
  const { links, clock, telemetry, verifier, signer } = ports;
  const { chain, records, vrf, restoredWholeNetwork, onSigned } = parts;
  let outcome: Outcome = 'failed';
  let wired: Wiring | { readonly failure: unknown } | undefined;
  let end: (how: Outcome) => void = () => undefined;
  const ended = new Promise<Outcome>((resolve) => (end = resolve));
  const group = system.spawn<undefined, never>(
    {
      name: parts.name,
      initial: (context) => {
        try {
          wired = wireNode({
            ...{ chain, records, links, clock, telemetry, verifier, signer, vrf, restoredWholeNetwork },
            system: below(system, context),
            ...(onSigned === undefined ? {} : { onSigned }),
          });
        } catch (failure) {
          wired = { failure };
          throw failure;
        }
        return undefined;
      },
      receive: (state) => state,
      onStop: () => {
        if (wired !== undefined && 'detach' in wired) wired.detach();
        end(outcome);
      },
    },
    { name: parts.name, supervision: { strategy: 'stop' } },
  );
  if (wired === undefined || 'failure' in wired) throw wired?.failure;
  const wiring = wired;
  const stop = (): void => {
    outcome = 'stopped';
    wiring.detach();
  };
  return { group, wiring, ended, stop };
}

/** The caller's system, as those see it who are spawned below an actor of it. */
function below(system: ActorSystem, context: ActorContext<never>): ActorSystem {
  return {
    spawn: (definition, options) => context.spawn(definition, options),
    tell: (ref, message) => system.tell(ref, message),
    tellWhenRoom: (ref, message) => system.tellWhenRoom(ref, message),
    ask: (ref, make, options) => system.ask(ref, make, options),
    reply: (replyTo, reply) => system.reply(replyTo, reply),
    stop: (ref) => system.stop(ref),
    export: (name, ref, protocol) => system.export(name, ref, protocol),
    remote: (peer, name, protocol, options) => system.remote(peer, name, protocol, options),
    onDeadLetter: (listener) => system.onDeadLetter(listener),
    onFatal: (listener) => system.onFatal(listener),
    stats: () => system.stats(),
    terminate: () => system.terminate(),
  };
}

/**
 * The public API of the package: whole nodes, single actors over your ports, the substrate below them, a client, and the
 * pure protocols. docs/embedding.md shows each part in a program that runs.
 *
 * Importing it does nothing. No global state, no signal handlers, no `process.exit`, no output; what is started has a
 * `stop`, `terminate` or `close` after which no handle is left.
 */
export * from './protocols.ts';

// --- a whole node in one call
export { createNode, type NodeOptions, type RunningNode } from './runtime/node.ts';
export type { NodeConfig, NodePeer, Role } from './runtime/node-config.ts';
export { NodeError, type NodeErrorCode } from './runtime/node/open-chain.ts';
export { NotReadyError } from './runtime/node/local-api.ts';
export type {
  AccountView,
  BlockView,
  ChainApi,
  ConsensusView,
  EventFilter,
  EventView,
  HealthView,
  NetworkView,
  ServiceView,
  StateView,
  SubmitOutcome,
  TransactionView,
  ValidatorView,
} from './runtime/ports/chain-api.ts';

// --- a validator or a follower in your actor system, over your ports
export {
  type FollowerPorts,
  type SpawnedNode,
  spawnFollower,
  type SpawnOptions,
  spawnValidator,
  type SpawnValidatorOptions,
  type ValidatorPorts,
} from './runtime/node/spawn-validator.ts';

// --- networks from manifests
export { loadManifest, type LoadedManifest, readManifest } from './runtime/manifest.ts';
export { ManifestError } from './runtime/manifest-problems.ts';
export { prepareNetwork, type PreparedNetwork } from './runtime/network-prepare.ts';

// --- actors
export { type ActorSystemOptions, createActorSystem, defineActor } from './runtime/actor-system.ts';
export { JournalError, type JournalErrorCode, openJournal } from './runtime/actors/journal.ts';
export {
  type ActorContext,
  type ActorDefinition,
  ActorError,
  type ActorErrorCode,
  type ActorRef,
  type ActorSystem,
  type DeadLetter,
  type Lane,
  type MailboxOptions,
  type RemoteOptions,
  type ReplyTo,
  type SpawnOptions as ActorSpawnOptions,
  type SupervisionOptions,
  type Terminated,
  type WireProtocol,
} from './runtime/ports/actors.ts';

// --- links between nodes
export { createLinks, type LinksOptions, type LocalLinks } from './runtime/links/create-links.ts';
export type { Links, PeerAddress, PeerState } from './runtime/ports/links.ts';
export { createWsTransport, type WsTransport } from './runtime/adapters/ws-transport.ts';
export { type Pipe, type Transport, TransportError } from './runtime/ports/transport.ts';

// --- the other ports and what production puts into them
export type { Clock, TimerHandle } from './runtime/ports/clock.ts';
export { createSystemClock } from './runtime/adapters/system-clock.ts';
export type { Random } from './runtime/ports/random.ts';
export { createSystemRandom } from './runtime/adapters/system-random.ts';
export { type Store, StoreError, type StoreErrorCode, type StoreSchema, type Write } from './runtime/ports/store.ts';
export { openLmdbStore } from './runtime/adapters/lmdb-store.ts';
export type { SignedItem, Signer, Verifier, VrfSigner } from './runtime/ports/signer.ts';
export { createSigner, createVerifier } from './runtime/adapters/ed25519.ts';
export { createVrfSigner } from './runtime/adapters/vrf.ts';
export {
  createKeyFile,
  KeyFileError,
  type KeySummary,
  readSeed,
  readSigner,
  readVrfSigner,
} from './runtime/adapters/key-files.ts';
export type { Log, Span, Telemetry } from './runtime/ports/telemetry.ts';
export { noTelemetry } from './runtime/ports/no-telemetry.ts';
export { createTelemetry, type RunningTelemetry, type TelemetryOptions } from './runtime/adapters/telemetry.ts';

// --- a node from outside, through its HTTP interface
export {
  type BatchEntry,
  ChainClient,
  type ChainClientOptions,
  type Submission,
  type TransactionStatus,
} from './client/chain-client.ts';
export { ClientError, type ClientErrorCode } from './client/client-error.ts';
export { type LogAudit, verifyServedLog } from './client/log-audit.ts';
export { formatAmount, parseAmount } from './client/amounts.ts';
export { mintToken, type TokenRequest } from './client/token.ts';
export { signTransaction, TransactionError, type TransactionRequest } from './client/transactions.ts';

// --- containers: an interface for drivers of your own
export { type ContainerExit, type ContainerSpec, isolationClasses } from './protocols/shared/containers.ts';
export {
  type ContainerDriver,
  ContainerError,
  type ContainerErrorCode,
  type ContainerState,
} from './runtime/ports/container-driver.ts';

/** Everything that one service needs to run: what the launcher makes of a manifest. Written as JSON for the child process. */
import type { ChainClient } from '../client/chain-client.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import type { ServiceRole, ServiceSettings } from './manifest-services.ts';
import type { NodeConfig } from './node-config.ts';
import type { Signer } from './ports/signer.ts';

/** Where the other services of the network are, `http://host:port`. */
export interface ServiceEndpoints {
  /** The node of the chain that it follows. */
  readonly bpci: string;
  /** By role, those that the network has. */
  readonly services: Readonly<Record<string, string>>;
}

export interface ServiceConfig<R extends ServiceRole = ServiceRole> {
  readonly kind: 'service';
  /** `traffic`. Unique in the network. */
  readonly name: string;
  readonly role: R;
  readonly settings: ServiceSettings<R>;
  /** Holds `keys/`, `logs/`, and what the service keeps. */
  readonly dataDir: string;
  /** Its ed25519 key: its account on chain. */
  readonly keyFile: string;
  /** Environment variable that holds the key files' passphrase, or null where they are not encrypted. */
  readonly passphraseVariable: string | null;
  readonly chainId: string;
  /** What it is proved from; null: what the node says, on the first start. */
  readonly genesisFile: string | null;
  /** `host:port`. */
  readonly apiAddress: string;
  /** PEM files; null makes plain HTTP, allowed on loopback only. */
  readonly http: { readonly certificateFile: string; readonly keyFile: string } | null;
  /** PEM file that the certificates of the network are checked against, or null. */
  readonly authorityFile: string | null;
  /** Base URL of an OTLP/HTTP collector for traces, or null. */
  readonly otlpEndpoint: string | null;
  readonly endpoints: ServiceEndpoints;
}

export type HostedConfig = NodeConfig | ServiceConfig;

export const isServiceConfig = (config: HostedConfig): config is ServiceConfig => 'kind' in config;

/** What a service is started with beside its configuration. */
export interface ServiceContext {
  /** Opens the service's key. */
  readonly signer: Signer;
  /** Asks the node of the chain that it follows. */
  readonly client: ChainClient;
  /** What the chain is proved from, where it is known. */
  readonly genesis: Genesis | undefined;
  /** PEM texts of the listener's certificate, or null. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused: ((reason: string) => void) | undefined;
}

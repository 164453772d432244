/** Everything that one node needs to run: what the launcher makes of a manifest, or an embedder writes by hand. */

/** What a node is on the chain itself. Services are in service-config.ts. */
export const chainRoles = ['validator', 'follower'] as const;
export type Role = (typeof chainRoles)[number];

export interface NodePeer {
  readonly name: string;
  /** ed25519, hex. */
  readonly publicKey: string;
  /** Link addresses, `host:port`. */
  readonly addresses: readonly string[];
}

export interface NodeConfig {
  /** `validator-1`. Unique in the network. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Made when absent, mode 0700. Holds `keys/`, `chain/`, `guard/`, `logs/`. */
  readonly dataDir: string;
  /** Path of genesis.json. */
  readonly genesisFile: string;
  /** Path of the node's ed25519 key file, and of its VRF key file where it validates. */
  readonly keyFile: string;
  readonly vrfKeyFile: string | null;
  /** Environment variable that holds the key files' passphrase, or null where they are not encrypted. */
  readonly passphraseVariable: string | null;
  /** `host:port`. */
  readonly linkAddress: string;
  /** `host:port`, or null where this node has no API. */
  readonly apiAddress: string | null;
  readonly metricsAddress: string | null;
  /** TLS of the HTTP listeners: PEM files; null makes plain HTTP, allowed on loopback only. */
  readonly http: { readonly certificateFile: string; readonly keyFile: string } | null;
  /** Every other node that this one links to. */
  readonly peers: readonly NodePeer[];
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** `file`: JSON lines in dataDir/logs, rotated. `stdout`: JSON lines. `silent`: none (embedding). */
  readonly logTo: 'file' | 'stdout' | 'silent';
  /** Heights of state history kept for proofs of older states. */
  readonly historyBlocks: number;
  /** Signs without hearing from a quorum after a restart. Only when the whole network was restored from backups. */
  readonly restoredWholeNetwork: boolean;
  /** OTLP endpoint for traces, or null. */
  readonly otlpEndpoint: string | null;
  /** File that gets every consensus signature before it leaves (adapters/signature-log.ts). Absent or null: none. */
  readonly signatureLog?: string | null;
}

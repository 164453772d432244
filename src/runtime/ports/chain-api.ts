/**
 * What a node offers to its HTTP interface and to embedders. Shapes are JSON-ready: keys, hashes and byte strings are
 * lower-case hex, amounts are decimal strings in minor units, times are milliseconds since 1970.
 */

export type SubmitOutcome =
  /** Stored durably by this node and offered to the validators. */
  | { readonly outcome: 'accepted'; readonly hash: string }
  /** Already waiting or already final. */
  | { readonly outcome: 'known'; readonly hash: string }
  /** `reason` is a code (`bad-signature`, `unknown-account`, `nonce-used`, `expired`, `mempool-full`, …). */
  | { readonly outcome: 'rejected'; readonly hash: string | null; readonly reason: string; readonly detail: string };

export interface TransactionView {
  readonly hash: string;
  readonly status: 'pending' | 'final';
  /** Null while pending. */
  readonly height: number | null;
  readonly index: number | null;
  /** Null while pending. `code` is `ok` or the module's error code. */
  readonly result: { readonly code: string; readonly events: readonly EventView[] } | null;
  readonly transaction: {
    readonly sender: string;
    readonly nonce: number;
    readonly expiryHeight: number;
    readonly kind: string;
    /** The decoded body where the kind is known. */
    readonly body: unknown;
    readonly bytes: string;
  };
}

export interface EventView {
  /** `<height>-<index>`: the SSE id, resumable. */
  readonly id: string;
  readonly height: number;
  readonly index: number;
  readonly module: string;
  readonly kind: string;
  readonly transaction: string | null;
  readonly attributes: Readonly<Record<string, string | number | boolean | null>>;
}

export interface BlockView {
  readonly height: number;
  readonly digest: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly transactions: readonly string[];
  /** Round and seals that made it final; validators in key order. */
  readonly commit: {
    readonly round: number;
    readonly seals: readonly { readonly validator: string; readonly signature: string }[];
  };
  /** When this node stored it, ms since 1970 (not part of the chain). */
  readonly storedAt: number | null;
}

/** Name, bond and standing are those of now: null in the set of a height that is already decided. */
export interface ValidatorView {
  readonly publicKey: string;
  readonly vrfPublicKey: string;
  readonly name: string | null;
  readonly bond: string | null;
  readonly jailed: boolean | null;
}

/** Why the chain moves or does not. One row a validator, as this node sees it. */
export interface ConsensusView {
  readonly height: number;
  readonly round: number;
  readonly step: string;
  readonly validators: number;
  readonly quorum: number;
  readonly faultyMax: number;
  readonly proposer: string;
  /** Votes still needed, by kind, and who has not voted. */
  readonly missing: readonly { readonly kind: string; readonly needed: number; readonly from: readonly string[] }[];
  /** What happens next: `round timer in 800 ms`, `waits for a quorum of links`, … */
  readonly waitingFor: string;
  readonly nextTimeoutMs: number | null;
  readonly lastBlockTime: number;
  readonly lastBlockAgeMs: number;
  /** Named causes of a stall, most important first; empty while blocks are made. */
  readonly problems: readonly { readonly code: string; readonly message: string; readonly validator: string | null }[];
  readonly peers: readonly {
    readonly publicKey: string;
    readonly name: string;
    readonly self: boolean;
    readonly link: string;
    readonly height: number | null;
    readonly round: number | null;
    readonly step: string | null;
    readonly lag: number | null;
    readonly rttMs: number | null;
    readonly clockOffsetMs: number | null;
    readonly lastError: string;
  }[];
}

export interface NetworkView {
  readonly chainId: string;
  readonly chainName: string;
  readonly genesisHash: string;
  readonly protocolVersion: number;
  readonly height: number;
  readonly parameters: Readonly<Record<string, number>>;
  readonly validators: readonly {
    readonly publicKey: string;
    readonly name: string;
    readonly addresses: readonly string[];
  }[];
}

export interface AccountView {
  /** The account's name: its first key. */
  readonly publicKey: string;
  /** The key that signs for it now; another one than its name after a rotation. */
  readonly signingKey: string;
  readonly balance: string;
  readonly bond: string;
  /** Lowest nonce that is free now, pending transactions of this node counted. */
  readonly nextNonce: number;
}

export interface StateView {
  readonly module: string;
  readonly key: string;
  /** Height at which it was read; its root is in that height's header. */
  readonly height: number;
  readonly value: string | null;
  /** The value as JSON where the module knows it. */
  readonly decoded: unknown;
  /** ICS-23 CommitmentProof (protobuf, hex) and a proof bundle of the header, when asked for. */
  readonly proof: { readonly commitment: string; readonly root: string; readonly bundle: unknown } | null;
}

/** Part of a module's state at the tip. */
export interface StatePage {
  readonly height: number;
  /** Header time of that block, ms since 1970. */
  readonly time: number;
  /** Ascending by key; keys without the module's name, values in hex. */
  readonly entries: readonly { readonly key: string; readonly value: string }[];
  /** Whether there are more, after the last. */
  readonly more: boolean;
}

/** What of the state differs between two heights, with what proves the later one. */
export interface StateChangesView {
  /** Height whose state is reached. Not above `from`: nothing is new, and nothing else is said. */
  readonly height: number;
  /** Header and commit of `height` (as in a proof bundle); null where nothing is new. */
  readonly sealed: unknown;
  /** As in a proof bundle: changes of the validator set above the trusted height. */
  readonly setChanges: readonly unknown[];
  /** By the SHA-256 of their keys. Keys with their module's name, values in hex; null: deleted. */
  readonly entries: readonly { readonly key: string; readonly value: string | null }[];
  /** Where to go on, given back as `after`; null: that was all. */
  readonly next: string | null;
}

export interface StateChangesQuery {
  /** Height whose state is known; null: none. */
  readonly from: number | null;
  /** Height to reach; null: the tip. */
  readonly to: number | null;
  readonly after: string | null;
  /** Height up to which the validator sets are known. */
  readonly trusted: number;
  readonly limit: number;
}

export interface ServiceView {
  readonly id: string;
  readonly kind: string;
  readonly owner: string;
  readonly endpoint: string;
  readonly leaseUntil: number;
}

export interface ProofOptions {
  /** Height of a header that the bundle is to pass through, for a reader who trusts it. No bundle where there is none. */
  readonly through?: number;
}

export interface StateOptions extends ProofOptions {
  readonly proof: boolean;
  /** The tip where it is absent. */
  readonly height?: number;
}

export interface EventFilter {
  readonly module?: string;
  readonly kind?: string;
}

export interface HealthView {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** Everything but `submit` only reads. Unknown things are null, never a throw. */
export interface ChainApi {
  network(): NetworkView;
  /** The genesis document (genesis.json). */
  genesis(): unknown;
  /** `traceparent` (W3C): the work that they are part of; its trace follows them through the network. */
  submit(
    transactions: readonly Uint8Array[],
    options?: { readonly traceparent?: string | undefined },
  ): Promise<readonly SubmitOutcome[]>;
  transaction(hash: string): TransactionView | null;
  /** Resolves when the transaction is final, or with null after `timeoutMs` or when `signal` aborts. */
  whenFinal(hash: string, timeoutMs: number, signal?: AbortSignal): Promise<TransactionView | null>;
  /** A proof bundle (docs/formats/proof-bundle.md) of a final transaction. */
  transactionProof(hash: string, options?: ProofOptions): unknown;
  block(height: number | 'latest'): BlockView | null;
  account(publicKey: string): AccountView | null;
  state(module: string, key: string, options: StateOptions): StateView | null;
  /** At most `limit` entries of a module after a key (exclusive; null: from the first); null for what is no module. */
  stateEntries(module: string, after: string | null, limit: number): StatePage | null;
  /** null where the state of one of the heights is not kept. */
  stateChanges(query: StateChangesQuery): StateChangesView | null;
  /** The set that decides the next block, or decided the one at `height`; null for heights beyond, and for genesis. */
  validators(height?: number): readonly ValidatorView[] | null;
  consensus(): ConsensusView;
  services(): readonly ServiceView[];
  /** A file of the transparency log by its tlog-tiles path (`checkpoint`, `tile/0/000`, `tile/entries/000.p/5`, …). */
  logFile(path: string): { readonly bytes: Uint8Array; readonly immutable: boolean } | null;
  /** Stored events after `afterId` (exclusive), oldest first, at most `limit`. */
  eventsAfter(afterId: string | null, filter: EventFilter, limit: number): readonly EventView[];
  /** Id of the newest event. */
  lastEventId(): string | null;
  /** Called after every stored block. Returns the unsubscribe function. */
  onBlock(listener: (height: number) => void): () => void;
  mempool(): { readonly count: number; readonly bytes: number };
  health(): HealthView;
  readiness(): HealthView;
  /** Roles that the chain gives to an account (`member`, `validator`, `governor`, `operator`, …); empty for strangers. */
  rolesOf(publicKey: string): readonly string[];
}

/**
 * The environment of the server under test: a chain of one process that decodes, checks and executes real signed
 * transfers, seals real headers with four real validator keys, and keeps a real transparency log. What it leaves out is
 * what the interface cannot see: consensus, a store, a state tree.
 */
import { createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import type {
  AccountView,
  BlockView,
  ChainApi,
  ConsensusView,
  EventFilter,
  EventView,
  HealthView,
  ProofOptions,
  StateChangesQuery,
  StateChangesView,
  StateOptions,
  StatePage,
  StateView,
  SubmitOutcome,
  TransactionView,
} from '../../../src/runtime/ports/chain-api.ts';
import { bodyCodec } from '../../../src/protocols/ledger/application.ts';
import { blockDigest, type BlockHeader, type Commit, commitSigningBytes } from '../../../src/protocols/ledger/block.ts';
import { genesisToJson } from '../../../src/protocols/ledger/genesis-json.ts';
import { chainIdOf } from '../../../src/protocols/ledger/genesis.ts';
import { proofBundleCodec, proofBundleFormat } from '../../../src/protocols/ledger/proof-bundle.ts';
import { encodeResult } from '../../../src/protocols/ledger/results.ts';
import {
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
} from '../../../src/protocols/ledger/transaction.ts';
import { validatorSetHash } from '../../../src/protocols/ledger/validator-set.ts';
import { digest, height, round } from '../../../src/protocols/shared/brands.ts';
import { toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { decode, tryDecode } from '../../../src/protocols/shared/codec.ts';
import { aliceKey, chainIdHex, faucetKey, genesis, set, validatorKeys } from './fake-genesis.ts';
import { FakeLog } from './fake-log.ts';
import { consensusView, fakeServices } from './fake-views.ts';

interface Account {
  balance: bigint;
  nextNonce: number;
  signingKey: string;
}

interface Executed {
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly code: string;
  readonly height: number;
  readonly index: number;
  readonly logIndex: number;
  readonly events: readonly EventView[];
}

interface Sealed {
  readonly header: BlockHeader;
  readonly commit: Commit;
  readonly hashes: readonly string[];
}

export class FakeChain implements ChainApi {
  /** Seals a block as soon as something was submitted. */
  isAutomatic = true;
  isHealthy = true;
  /** The next read throws: a bug of ours, as the outside must not see it. */
  isBroken = false;
  mempoolMax = 10_000;
  isDiskBroken = false;
  readonly extraRoles = new Map<string, readonly string[]>();
  readonly accounts = new Map<string, Account>();
  readonly #verifier = createVerifier();
  readonly #pending = new Map<string, Uint8Array>();
  readonly #executed = new Map<string, Executed>();
  readonly #blocks: Sealed[] = [];
  readonly #events: EventView[] = [];
  readonly #log = new FakeLog();
  readonly #listeners = new Set<(height: number) => void>();

  constructor() {
    for (const key of [faucetKey, aliceKey, ...validatorKeys]) {
      this.accounts.set(key.publicKey, { balance: 10_000_000_000n, nextNonce: 0, signingKey: key.publicKey });
    }
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  get height(): number {
    return this.#blocks.length;
  }

  network(): ReturnType<ChainApi['network']> {
    if (this.isBroken) throw new TypeError('secret internals at /srv/node/ledger.ts');
    return {
      chainId: chainIdHex,
      chainName: genesis.chainName,
      genesisHash: chainIdHex,
      protocolVersion: 1,
      height: this.height,
      parameters: { ...genesis.parameters },
      validators: genesis.validators.map(({ publicKey, name }, i) => ({
        publicKey,
        name,
        addresses: [`127.0.0.1:${22_001 + i}`],
      })),
    };
  }

  genesis(): unknown {
    return genesisToJson(genesis);
  }

  submit(transactions: readonly Uint8Array[]): Promise<readonly SubmitOutcome[]> {
    const outcomes = transactions.map((bytes) => this.#admit(bytes));
    if (this.isAutomatic && this.#pending.size > 0) setImmediate(() => this.seal());
    return Promise.resolve(outcomes);
  }

  #admit(bytes: Uint8Array): SubmitOutcome {
    const decoded = tryDecode(transactionCodec, bytes);
    const rejected = (hash: string | null, reason: string, detail: string): SubmitOutcome => ({
      outcome: 'rejected',
      hash,
      reason,
      detail,
    });
    if ('error' in decoded) return rejected(null, 'malformed', 'not the canonical bytes of a transaction');
    const hash = transactionHash(bytes);
    const { value } = decoded;
    if (this.#pending.has(hash) || this.#executed.has(hash)) return { outcome: 'known', hash };
    if (value.chainId !== chainIdHex) return rejected(hash, 'wrong-chain', 'signed for another chain');
    const account = this.accounts.get(value.sender);
    if (account === undefined) return rejected(hash, 'unknown-account', 'the sender has no account');
    const message = transactionSigningBytes(value);
    if (!this.#verifier.verify(account.signingKey as typeof value.sender, message, value.signature)) {
      return rejected(hash, 'bad-signature', 'the signature does not hold');
    }
    if (value.nonce < account.nextNonce) return rejected(hash, 'nonce-used', 'the nonce was used before');
    if (this.#pending.size >= this.mempoolMax) return rejected(hash, 'mempool-full', 'too much is waiting');
    if (this.isDiskBroken) return rejected(hash, 'store-failed', 'the node could not store it');
    account.nextNonce = value.nonce + 1;
    this.#pending.set(hash, bytes);
    return { outcome: 'accepted', hash };
  }

  /** Makes everything that waits final. */
  seal(): void {
    const at = this.height + 1;
    const executed = [...this.#pending].map(([hash, bytes], index) => this.#execute(hash, bytes, at, index));
    this.#pending.clear();
    const leaves = executed.map(({ bytes, code, index }) => ({
      height: height(at),
      index,
      transaction: bytes,
      result: encodeResult({ code, events: code === 'ok' ? 1 : 0 }),
    }));
    const log = this.#log.append(leaves);
    const parent = this.#blocks.at(-1);
    const header: BlockHeader = {
      chainId: chainIdOf(genesis),
      protocolVersion: 1,
      height: height(at),
      parent: parent === undefined ? digest(chainIdHex) : blockDigest(parent.header),
      time: genesis.time + 200 * at,
      proposer: validatorKeys[at % validatorKeys.length]!.publicKey,
      transactionsRoot: digest('01'.repeat(32)),
      stateRoot: digest('02'.repeat(32)),
      eventsRoot: digest('03'.repeat(32)),
      logSize: log.size,
      logRoot: log.root,
      validatorsHash: validatorSetHash(set),
      nextValidatorsHash: validatorSetHash(set),
      lastCommitHash: digest('04'.repeat(32)),
      beacon: { output: new Uint8Array(64), proof: new Uint8Array(80) },
    };
    const message = commitSigningBytes(header.chainId, header.height, round(0), blockDigest(header));
    const seals = validatorKeys.map((key) => ({ validator: key.publicKey, signature: key.sign(message) }));
    this.#blocks.push({
      header,
      commit: { round: round(0), seals: seals.slice(0, set.quorum) },
      hashes: executed.map(({ hash }) => hash),
    });
    for (const listener of [...this.#listeners]) listener(at);
  }

  #execute(hash: string, bytes: Uint8Array, at: number, index: number): Executed {
    const { kind, sender, body } = decode(transactionCodec, bytes);
    const transfer = decode(bodyCodec('accounts.transfer')!, body) as { to: string; amount: bigint };
    const from = this.accounts.get(sender)!;
    const isCovered = kind === 'accounts.transfer' && from.balance >= transfer.amount;
    const events: EventView[] = [];
    if (isCovered) {
      from.balance -= transfer.amount;
      const to = this.accounts.get(transfer.to) ?? { balance: 0n, nextNonce: 0, signingKey: transfer.to };
      to.balance += transfer.amount;
      this.accounts.set(transfer.to, to);
      events.push(this.#emit(at, index, 'accounts', 'transferred', hash, { to: transfer.to }));
    }
    const executed: Executed = {
      hash,
      bytes,
      code: isCovered ? 'ok' : 'insufficient-balance',
      height: at,
      index,
      logIndex: this.#log.size + index,
      events,
    };
    this.#executed.set(hash, executed);
    return executed;
  }

  #emit(
    at: number,
    index: number,
    module: string,
    kind: string,
    transaction: string | null,
    attributes: EventView['attributes'],
  ): EventView {
    const event = { id: `${at}-${index}`, height: at, index, module, kind, transaction, attributes };
    this.#events.push(event);
    return event;
  }

  /** A block that only carries these events. */
  sealEvents(...events: readonly (readonly [module: string, kind: string])[]): void {
    events.forEach(([module, kind], index) =>
      this.#emit(this.height + 1, index, module, kind, null, { serial: this.#events.length }),
    );
    this.seal();
  }

  transaction(hash: string): TransactionView | null {
    const executed = this.#executed.get(hash);
    const bytes = executed?.bytes ?? this.#pending.get(hash);
    if (bytes === undefined) return null;
    const { sender, nonce, expiryHeight, kind, body } = decode(transactionCodec, bytes);
    const codec = bodyCodec(kind)!;
    return {
      hash,
      status: executed === undefined ? 'pending' : 'final',
      height: executed?.height ?? null,
      index: executed?.index ?? null,
      result: executed === undefined ? null : { code: executed.code, events: executed.events },
      transaction: {
        sender,
        nonce,
        expiryHeight,
        kind,
        body: codec.toJson(decode(codec, body)),
        bytes: toHex(bytes),
      },
    };
  }

  whenFinal(hash: string, timeoutMs: number, signal?: AbortSignal): Promise<TransactionView | null> {
    const now = this.transaction(hash);
    if (now?.status === 'final') return Promise.resolve(now);
    return new Promise((resolve) => {
      const finish = (view: TransactionView | null): void => {
        clearTimeout(timer);
        unsubscribe();
        signal?.removeEventListener('abort', onAbort);
        resolve(view);
      };
      const onAbort = (): void => finish(null);
      const timer = setTimeout(onAbort, timeoutMs);
      const unsubscribe = this.onBlock(() => {
        const view = this.transaction(hash);
        if (view?.status === 'final') finish(view);
      });
      signal?.addEventListener('abort', onAbort);
    });
  }

  transactionProof(hash: string, { through }: ProofOptions = {}): unknown {
    const executed = this.#executed.get(hash);
    const block = this.#blocks[Math.max(executed?.height ?? 0, through ?? 0) - 1];
    if (executed === undefined || block === undefined) return null;
    const { header, commit } = block;
    const waypoint = through === undefined || through === header.height ? undefined : this.#blocks[through - 1];
    const { logIndex } = executed;
    const { leaf, inclusion } = this.#log.prove(logIndex, header.logSize);
    const signer = decode(transactionCodec, leaf.transaction).sender;
    return proofBundleCodec.toJson({
      format: proofBundleFormat,
      chainId: header.chainId,
      subject: { type: 'transaction', ...leaf, signer, logIndex, inclusion },
      header,
      commit,
      setChanges:
        waypoint === undefined ? [] : [{ header: waypoint.header, commit: waypoint.commit, nextValidators: set }],
      tlogProof: null,
    });
  }

  block(at: number | 'latest'): BlockView | null {
    const index = at === 'latest' ? this.height : at;
    const block = this.#blocks[index - 1];
    if (block === undefined) return null;
    const { beacon, ...header } = block.header;
    return {
      height: index,
      digest: blockDigest(block.header),
      header: { ...header, beacon: toHex(beacon.output) },
      transactions: block.hashes,
      commit: {
        round: block.commit.round,
        seals: block.commit.seals.map(({ validator, signature }) => ({ validator, signature: toHex(signature) })),
      },
      storedAt: 1_700_000_000_000 + index,
    };
  }

  account(publicKey: string): AccountView | null {
    const account = this.accounts.get(publicKey);
    if (account === undefined) return null;
    const { balance, nextNonce, signingKey } = account;
    return { publicKey, signingKey, balance: String(balance), bond: '0', nextNonce };
  }

  stateEntries(module: string, after: string | null, limit: number): StatePage | null {
    if (module !== 'accounts') return null;
    const keys = [...this.accounts.keys()].sort().filter((key) => after === null || key > after);
    const entries = keys
      .slice(0, limit)
      .map((key) => ({ key, value: toHex(toUtf8(String(this.accounts.get(key)?.balance))) }));
    return { height: this.height, time: 1_700_000_000_000, entries, more: keys.length > limit };
  }

  stateChanges({ from, limit, after }: StateChangesQuery): StateChangesView | null {
    const height = this.height;
    if ((from ?? 0) >= height) return { height, sealed: null, setChanges: [], entries: [], next: null };
    const keys = [...this.accounts.keys()].sort().filter((key) => after === null || key > after);
    const entries = keys.slice(0, limit).map((key) => ({ key: `accounts/account/${key}`, value: '01' }));
    return {
      height,
      sealed: {},
      setChanges: [],
      entries,
      next: keys.length > limit ? (keys[limit - 1] ?? null) : null,
    };
  }

  state(module: string, key: string, options: StateOptions): StateView | null {
    if (module !== 'accounts' || (options.height ?? 0) > this.height) return null;
    const account = this.accounts.get(key);
    const value = account === undefined ? null : toHex(toUtf8(String(account.balance)));
    return {
      module,
      key,
      height: options.height ?? this.height,
      value,
      decoded: account === undefined ? null : { balance: String(account.balance) },
      proof: options.proof
        ? { commitment: '0a', root: '02'.repeat(32), bundle: { through: options.through ?? null } }
        : null,
    };
  }

  validators(at?: number): ReturnType<ChainApi['validators']> {
    if (at !== undefined && (at < 1 || at > this.height + 1)) return null;
    const isPast = at !== undefined && at <= this.height;
    return genesis.validators.map(({ publicKey, vrfPublicKey, name, bond }) => ({
      publicKey,
      vrfPublicKey,
      ...(isPast ? { name: null, bond: null, jailed: null } : { name, bond: String(bond), jailed: false }),
    }));
  }

  problems: ConsensusView['problems'] = [];

  consensus(): ConsensusView {
    return consensusView(this.height, this.problems);
  }

  services(): ReturnType<ChainApi['services']> {
    return fakeServices;
  }

  logFile(path: string): { readonly bytes: Uint8Array; readonly immutable: boolean } | null {
    return this.#log.file(path);
  }

  eventsAfter(afterId: string | null, filter: EventFilter, limit: number): readonly EventView[] {
    const [afterHeight, afterIndex] =
      afterId === null ? [-1, -1] : (afterId.split('-').map(Number) as [number, number]);
    return this.#events
      .filter(
        (event) =>
          (event.height > afterHeight || (event.height === afterHeight && event.index > afterIndex)) &&
          (filter.module === undefined || filter.module === event.module) &&
          (filter.kind === undefined || filter.kind === event.kind),
      )
      .slice(0, limit);
  }

  lastEventId(): string | null {
    return this.#events.at(-1)?.id ?? null;
  }

  onBlock(listener: (height: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  mempool(): { readonly count: number; readonly bytes: number } {
    return { count: this.#pending.size, bytes: [...this.#pending.values()].reduce((sum, tx) => sum + tx.length, 0) };
  }

  health(): HealthView {
    return {
      ok: this.isHealthy,
      checks: [{ name: 'store', ok: this.isHealthy, detail: this.isHealthy ? '' : 'the device is full' }],
    };
  }

  readiness(): HealthView {
    return this.health();
  }

  rolesOf(publicKey: string): readonly string[] {
    if (!this.accounts.has(publicKey)) return [];
    const isValidator = validatorKeys.some((key) => key.publicKey === publicKey);
    return ['member', ...(isValidator ? ['validator'] : []), ...(this.extraRoles.get(publicKey) ?? [])];
  }
}

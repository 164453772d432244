/** A chain in memory for the tests of this folder: genesis, accounts, blocks, with signatures that cost nothing. */
import { application, encodeBody } from '../../../src/protocols/ledger/application.ts';
import type { SignedTransaction } from '../../../src/protocols/ledger/admission.ts';
import type { Block, Commit } from '../../../src/protocols/ledger/block.ts';
import {
  type BlockChoice,
  type BuiltBlock,
  buildBlock,
  type ExecutedBlock,
  genesisParent,
  type LedgerState,
  type ParentBlock,
  parentOf,
} from '../../../src/protocols/ledger/executor.ts';
import { chainIdOf, type ChainParameters, type Genesis } from '../../../src/protocols/ledger/genesis.ts';
import { genesisState } from '../../../src/protocols/ledger/genesis-state.ts';
import type { SignatureRule } from '../../../src/protocols/ledger/module.ts';
import { possessionSigningBytes } from '../../../src/protocols/ledger/possession.ts';
import type { RootRef, TreeReader, TreeUpdate } from '../../../src/protocols/ledger/state-tree.ts';
import {
  type Transaction,
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
  type UnsignedTransaction,
} from '../../../src/protocols/ledger/transaction.ts';
import type { LogEdge } from '../../../src/protocols/ledger/transparency-log.ts';
import type { ValidatorSet } from '../../../src/protocols/ledger/validator-set.ts';
import { type StateReader, type StateWrite, View } from '../../../src/protocols/ledger/view.ts';
import type { ChainId, PublicKey } from '../../../src/protocols/shared/brands.ts';
import { height, publicKey, round } from '../../../src/protocols/shared/brands.ts';
import { concatBytes, equalBytes, fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { encode } from '../../../src/protocols/shared/codec.ts';
import { sha256 } from '../../../src/protocols/shared/hash.ts';

/** A key that is the same in every run. */
export const keyOf = (name: string): PublicKey => publicKey(toHex(sha256(toUtf8(`test key ${name}`))));

/** The signature that {@link signatures} accepts: a hash of key and message, 64 bytes. */
export function signWith(key: PublicKey, message: Uint8Array): Uint8Array {
  const half = sha256(concatBytes(fromHex(key), message));
  return concatBytes(half, sha256(half));
}

/** A key that the rule refuses, whatever it signs. */
export const inadmissibleKey = publicKey('00'.repeat(32));

/** Stands for ed25519: deterministic, bound to key and message. Not under test here. */
export const signatures: SignatureRule = {
  isAdmissible: (key) => key !== inadmissibleKey,
  verify: (key, message, signature) => key !== inadmissibleKey && equalBytes(signWith(key, message), signature),
};

export const testParameters: ChainParameters = {
  blockTimeMs: 1000,
  emptyBlockPeriodMs: 5000,
  finalityThreshold: 67,
  roundTimeoutBaseMs: 1000,
  roundTimeoutMaxMs: 60_000,
  voteLapseBlocks: 5,
  evidenceAgeBlocks: 20,
  unbondingBlocks: 20,
  trustPeriodBlocks: 10,
  checkpointIntervalBlocks: 1,
};

export const validatorKey = (index: number): PublicKey => keyOf(`validator ${index}`);

export function candidateOf(
  name: string,
  bond: bigint,
): {
  publicKey: PublicKey;
  vrfPublicKey: PublicKey;
  name: string;
  possession: Uint8Array;
  bond: bigint;
} {
  const key = keyOf(name);
  const vrfPublicKey = keyOf(`${name} vrf`);
  const possession = signWith(key, possessionSigningBytes('test-chain', key, vrfPublicKey));
  return { publicKey: key, vrfPublicKey, name, possession, bond };
}

export function genesisOf(options: {
  readonly validators?: number;
  readonly accounts?: readonly string[];
  readonly balance?: bigint;
  readonly parameters?: Partial<ChainParameters>;
}): Genesis {
  const byKey = (a: { publicKey: PublicKey }, b: { publicKey: PublicKey }): number =>
    a.publicKey < b.publicKey ? -1 : 1;
  return {
    chainName: 'test-chain',
    time: 1_700_000_000_000,
    protocolVersion: 1,
    parameters: { ...testParameters, ...options.parameters },
    validators: Array.from({ length: options.validators ?? 4 }, (_, index) =>
      candidateOf(`validator ${index}`, 1000n),
    ).sort(byKey),
    accounts: (options.accounts ?? ['alice', 'bob', 'carol'])
      .map((name) => ({ publicKey: keyOf(name), balance: options.balance ?? 10_000n }))
      .sort(byKey),
    governors: [keyOf('governor')],
    networkAuthority: null,
    previous: null,
  };
}

/** Committed state and tree of a chain, all in memory. */
export class MemoryState implements StateReader, TreeReader {
  readonly entries = new Map<string, Uint8Array>();
  readonly nodes = new Map<string, Uint8Array>();
  rootRef: RootRef = null;
  /** Gives ranges lazily in order, whatever the insertion order was. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.entries.get(toHex(key));
  }
  *range(prefix: Uint8Array): Generator<readonly [Uint8Array, Uint8Array]> {
    const start = toHex(prefix);
    for (const key of [...this.entries.keys()].filter((candidate) => candidate.startsWith(start)).sort()) {
      yield [fromHex(key), this.entries.get(key)!];
    }
  }
  node(key: Uint8Array): Uint8Array | undefined {
    return this.nodes.get(toHex(key));
  }
  apply(writes: readonly StateWrite[], tree: TreeUpdate): void {
    for (const { key, value } of writes) {
      if (value === null) this.entries.delete(toHex(key));
      else this.entries.set(toHex(key), value);
    }
    for (const { key, value } of tree.nodeWrites) this.nodes.set(toHex(key), value);
    this.rootRef = tree.rootRef;
  }
}

export interface TransactionInput {
  readonly from: PublicKey;
  readonly kind: string;
  readonly body: unknown;
  readonly nonce?: number;
  readonly expiry?: number;
  /** Signs in the place of the sender's own key. */
  readonly signer?: PublicKey;
  readonly chainId?: ChainId;
  readonly rawBody?: Uint8Array;
}

export class World {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly state = new MemoryState();
  readonly blocks: ExecutedBlock[] = [];
  #parent: ParentBlock;
  #logEdge: LogEdge;
  #deciding: ValidatorSet;
  readonly #nonces = new Map<PublicKey, number>();

  constructor(genesis: Genesis = genesisOf({})) {
    this.genesis = genesis;
    this.chainId = chainIdOf(genesis);
    const first = genesisState(application, genesis);
    this.state.apply(first.stateWrites, first.tree);
    this.#parent = genesisParent(this.chainId, genesis);
    this.#logEdge = first.logEdge;
    this.#deciding = first.validators;
  }

  get view(): View {
    return new View(this.state);
  }

  get height(): number {
    return this.#parent.height;
  }

  get parent(): ParentBlock {
    return this.#parent;
  }

  /** The set that decides the next block. */
  get deciding(): ValidatorSet {
    return this.#deciding;
  }

  ledger(overrides: Partial<LedgerState> = {}): LedgerState {
    return {
      application,
      chainId: this.chainId,
      parent: this.#parent,
      reader: this.state,
      tree: this.state,
      rootRef: this.state.rootRef,
      logEdge: this.#logEdge,
      signatures,
      ...overrides,
    };
  }

  transaction(input: TransactionInput): SignedTransaction {
    const nonce = input.nonce ?? this.#nonces.get(input.from) ?? 0;
    if (input.nonce === undefined) this.#nonces.set(input.from, nonce + 1);
    const signer = input.signer ?? input.from;
    const unsigned: UnsignedTransaction = {
      chainId: input.chainId ?? this.chainId,
      sender: input.from,
      nonce,
      expiryHeight: height(input.expiry ?? this.height + 100),
      kind: input.kind,
      body: input.rawBody ?? encodeBody(input.kind, input.body),
    };
    const value: Transaction = { ...unsigned, signature: signWith(signer, transactionSigningBytes(unsigned)) };
    const bytes = encode(transactionCodec, value);
    return { bytes, hash: transactionHash(bytes), value, signer };
  }

  choice(time?: number): BlockChoice {
    const last = this.blocks.at(-1);
    return {
      time: time ?? this.#parent.time + 1000,
      proposer: this.#deciding.validators[0]!.publicKey,
      beacon: { output: new Uint8Array(64), proof: new Uint8Array(80) },
      lastCommit: last === undefined ? null : sealsOf(last.validators),
    };
  }

  build(transactions: readonly SignedTransaction[], time?: number): BuiltBlock {
    return buildBlock(this.ledger(), this.choice(time), transactions);
  }

  /** Makes the block of exactly these transactions final. */
  commit(transactions: readonly SignedTransaction[] = [], time?: number): ExecutedBlock {
    const { executed, refused } = this.build(transactions, time);
    if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused)}`);
    this.adopt(executed);
    return executed;
  }

  adopt(executed: ExecutedBlock): void {
    this.state.apply(executed.stateWrites, executed.tree);
    this.#parent = parentOf(executed.block.header);
    this.#logEdge = executed.log.edge;
    this.#deciding = executed.nextValidators;
    this.blocks.push(executed);
  }

  /** Makes one block of one transaction final; its result's code. */
  run(input: TransactionInput): string {
    return this.commit([this.transaction(input)]).results[0]!.code;
  }

  /** Empty blocks up to and with this height. */
  advanceTo(target: number): void {
    while (this.height < target) this.commit();
  }
}

/** A commit by everyone in the set. Its signatures are the caller's to check, not the ledger's. */
export const sealsOf = (set: ValidatorSet, count: number = set.validators.length): Commit => ({
  round: round(0),
  seals: set.validators
    .slice(0, count)
    .map(({ publicKey: validator }) => ({ validator, signature: new Uint8Array(64) })),
});

/** A block with another header or body. */
export const altered = (
  block: Block,
  header: Partial<Block['header']>,
  body: Partial<Omit<Block, 'header'>> = {},
): Block => ({
  ...block,
  ...body,
  header: { ...block.header, ...header },
});

/** A chain in memory with real keys: blocks of given transactions, each sealed by a quorum of its set. No network, no clock. */
import { Chain } from '../../src/actors/chain/chain.ts';
import { ChainReader } from '../../src/actors/chain/chain-reader.ts';
import { decodeTransaction, type SignedTransaction } from '../../src/protocols/ledger/admission.ts';
import { encodeBody } from '../../src/protocols/ledger/application.ts';
import { commitSigningBytes } from '../../src/protocols/ledger/block.ts';
import { chainIdOf, type Genesis } from '../../src/protocols/ledger/genesis.ts';
import type { GenesisCourt } from '../../src/protocols/ledger/modules/court/genesis-court.ts';
import { rotationSigningBytes } from '../../src/protocols/ledger/modules/accounts.ts';
import { possessionSigningBytes } from '../../src/protocols/ledger/possession.ts';
import { transactionHash } from '../../src/protocols/ledger/transaction.ts';
import { type Digest, height, type PublicKey, round } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { createVrfSigner } from '../../src/runtime/adapters/vrf.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { sign, type SignedBytes } from './transactions.ts';

const verifier = createVerifier();
const seed = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** The same in every run. */
export const signerOf = (value: number): Signer => createSigner(seed(value));

const chainName = 'in-memory';
const accountBalance = 1_000_000_000n;

export interface MemoryChainOptions {
  readonly validators: number;
  readonly accounts: readonly PublicKey[];
  readonly trustPeriodBlocks?: number;
  readonly governors?: readonly PublicKey[];
  readonly court?: GenesisCourt;
  /** Heights whose state is kept. */
  readonly historyBlocks?: number;
}

function genesisOf(
  validators: readonly Signer[],
  { accounts, trustPeriodBlocks = 1000, governors = [], court }: MemoryChainOptions,
): Genesis {
  return {
    chainName,
    time: 1_700_000_000_000,
    protocolVersion: 1,
    parameters: {
      blockTimeMs: 1000,
      emptyBlockPeriodMs: 0,
      finalityThreshold: 67,
      roundTimeoutBaseMs: 1000,
      roundTimeoutMaxMs: 60_000,
      voteLapseBlocks: 100,
      evidenceAgeBlocks: 1000,
      unbondingBlocks: 1000,
      trustPeriodBlocks,
      checkpointIntervalBlocks: 1,
    },
    validators: validators.map((signer, i) => {
      const vrfPublicKey = createVrfSigner(seed(100 + i)).publicKey;
      const { publicKey } = signer;
      const possession = signer.sign(possessionSigningBytes(chainName, publicKey, vrfPublicKey));
      return { publicKey, vrfPublicKey, name: `validator-${i + 1}`, possession, bond: 1_000_000n };
    }),
    accounts: [...accounts].sort(compareText).map((publicKey) => ({ publicKey, balance: accountBalance })),
    governors,
    networkAuthority: null,
    previous: null,
    ...(court === undefined ? {} : { court }),
  };
}

export class MemoryChain {
  readonly genesis: Genesis;
  readonly chain: Chain;
  readonly reader: ChainReader;
  /** Of genesis, in the order of their keys. */
  readonly validators: readonly Signer[];
  readonly #historyBlocks: number;

  constructor(options: MemoryChainOptions) {
    this.validators = Array.from({ length: options.validators }, (_, i) => signerOf(10 + i)).sort((a, b) =>
      compareText(a.publicKey, b.publicKey),
    );
    this.genesis = genesisOf(this.validators, options);
    this.#historyBlocks = options.historyBlocks ?? 100;
    this.chain = this.emptyCopy();
    this.reader = new ChainReader(this.chain.store);
  }

  /** A chain of the same genesis that has nothing else. */
  emptyCopy(): Chain {
    const store = new MemoryDisk().open({ kind: 'chain', version: 1, chainId: chainIdOf(this.genesis) });
    return new Chain({ store, genesis: this.genesis, signatures: verifier, historyBlocks: this.#historyBlocks });
  }

  /** Appends a block of these transactions, every one of which must be admitted. Returns its height. */
  block(...transactions: readonly SignedBytes[]): number {
    const { chain } = this;
    const { tip } = chain;
    const decoded = transactions.map(({ bytes }) => decodeTransaction(bytes)!);
    const signers = chain.signersOf(decoded);
    const candidates = decoded.map((value, i): SignedTransaction => ({ ...value, signer: signers[i]! }));
    const choice = {
      time: tip.time + 1000,
      proposer: tip.set.validators[0]!.publicKey,
      beacon: { output: new Uint8Array(64), proof: new Uint8Array(80) },
      lastCommit: tip.commit,
    };
    const { executed, refused } = chain.build(choice, candidates);
    if (refused.length > 0) throw new Error(`refused: ${refused.map(({ reason }) => reason).join()}`);
    const { header } = executed.block;
    const message = commitSigningBytes(chain.chainId, header.height, round(0), executed.digest);
    const seals = executed.validators.validators.slice(0, executed.validators.quorum).map(({ publicKey }) => ({
      validator: publicKey,
      signature: this.validators.find((signer) => signer.publicKey === publicKey)!.sign(message),
    }));
    chain.append(executed, { round: round(0), seals }, header.time);
    return header.height;
  }

  /** Appends empty blocks up to a height. */
  growTo(to: number): void {
    while (this.chain.tip.height < to) this.block();
  }

  /** A transaction of the account `sender`, under its first key or the one given. */
  transaction(sender: Signer, nonce: number, kind: string, body: unknown, signer = sender): SignedBytes {
    const content = { chainId: this.chain.chainId, nonce, expiryHeight: height(1_000_000), kind };
    return sign(signer, { ...content, body: encodeBody(kind, body) }, sender.publicKey);
  }

  rotation(account: Signer, nonce: number, to: Signer): SignedBytes {
    const possession = to.sign(rotationSigningBytes(this.chain.chainId, account.publicKey, to.publicKey));
    return this.transaction(account, nonce, 'accounts.rotate-key', { newKey: to.publicKey, possession });
  }

  /** Blocks in which every other validator votes one out of the set. Returns the height that changes the set. */
  removeValidator(leaver: PublicKey): number {
    const members = this.chain.tip.set.validators.map(({ publicKey }) => publicKey);
    const voters = this.validators.filter(({ publicKey }) => publicKey !== leaver && members.includes(publicKey));
    const [first, ...others] = voters;
    const nonce = this.chain.tip.height;
    const proposal = this.transaction(first!, nonce, 'validators.propose', { type: 'remove', publicKey: leaver });
    this.block(proposal);
    const vote = { proposal: transactionHash(proposal.bytes) satisfies Digest, approve: true };
    this.block(...others.map((voter) => this.transaction(voter, nonce, 'validators.vote', vote)));
    const before = this.chain.tip.set;
    while (this.chain.tip.set.validators.length === before.validators.length) this.block();
    return this.chain.tip.height;
  }
}

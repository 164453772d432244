/** Long chains made without a network: production execution, real signatures, seals and beacons of every validator. */
import { join } from 'node:path';
import { Chain } from '../../src/actors/chain/chain.ts';
import { decodeTransaction } from '../../src/protocols/ledger/admission.ts';
import type { Application } from '../../src/protocols/ledger/application.ts';
import { beaconInput } from '../../src/protocols/ledger/beacon.ts';
import { commitSigningBytes } from '../../src/protocols/ledger/block.ts';
import { chainIdOf, type Genesis } from '../../src/protocols/ledger/genesis.ts';
import { height as toHeight, round as toRound } from '../../src/protocols/shared/brands.ts';
import { compareText } from '../../src/protocols/shared/bytes.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { readSigner, readVrfSigner } from '../../src/runtime/adapters/key-files.ts';
import { openLmdbStore } from '../../src/runtime/adapters/lmdb-store.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import type { Signer, VrfSigner } from '../../src/runtime/ports/signer.ts';
import type { Store } from '../../src/runtime/ports/store.ts';

interface Validator {
  readonly signer: Signer;
  readonly vrf: VrfSigner;
}

export class ChainBuilder {
  readonly #store: Store;
  readonly #chain: Chain;
  readonly #validators: readonly Validator[];

  private constructor(store: Store, chain: Chain, validators: readonly Validator[]) {
    this.#store = store;
    this.#chain = chain;
    this.#validators = validators;
  }

  /** On the data directory of the first of these nodes; the others lend their keys. */
  static async open(
    genesis: Genesis,
    configs: readonly NodeConfig[],
    options: { readonly application?: Application } = {},
  ): Promise<ChainBuilder> {
    const [first] = configs;
    if (first === undefined) throw new Error('there is no node');
    const validators: Validator[] = [];
    for (const { keyFile, vrfKeyFile } of configs) {
      if (vrfKeyFile === null) throw new Error('not a validator');
      validators.push({ signer: await readSigner(keyFile, null), vrf: await readVrfSigner(vrfKeyFile, null) });
    }
    validators.sort((a, b) => compareText(a.signer.publicKey, b.signer.publicKey));
    const directory = join(first.dataDir, 'chain');
    const store = openLmdbStore({ directory, schema: { kind: 'chain', version: 1, chainId: chainIdOf(genesis) } });
    const { historyBlocks } = first;
    const chain = new Chain({ store, genesis, signatures: createVerifier(), historyBlocks, ...options });
    return new ChainBuilder(store, chain, validators);
  }

  get height(): number {
    return this.#chain.tip.height;
  }

  /** One more block; returns how many of the transactions, whose signatures are trusted, are in it. */
  async append(transactions: readonly Uint8Array[]): Promise<number> {
    const chain = this.#chain;
    const { tip, chainId } = chain;
    const at = toHeight(tip.height + 1);
    const proposer = this.#validators[tip.height % this.#validators.length] as Validator;
    const beacon = await proposer.vrf.prove(beaconInput(chainId, at, tip.beaconOutput));
    const time = tip.time + Math.max(1, tip.parameters.blockTimeMs);
    const candidates = transactions.flatMap((bytes) => {
      const decoded = decodeTransaction(bytes);
      return decoded === undefined ? [] : [{ ...decoded, signer: decoded.value.sender }];
    });
    const choice = { time, proposer: proposer.signer.publicKey, beacon, lastCommit: tip.commit };
    const { executed } = chain.build(choice, candidates);
    const message = commitSigningBytes(chainId, at, toRound(0), executed.digest);
    const seals = this.#validators.map(({ signer }) => ({
      validator: signer.publicKey,
      signature: signer.sign(message),
    }));
    chain.append(executed, { round: toRound(0), seals }, time);
    // What is committed waits in memory for the disk: not too much of it.
    await this.#store.durable();
    return executed.transactions.length;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

/**
 * Proofs: at the end of a run every correct node is asked, as strangers ask it, to prove some of its transactions and of
 * its state, under its newest checkpoint and through a header that somebody trusts; whoever has nothing but the genesis
 * document finds that they hold, and that what a proof does not say does not. The tiles of the log lead to its head.
 */
import { proveState, proveTransaction } from '../../../actors/chain/proofs.ts';
import { tables } from '../../../actors/chain/tables.ts';
import { readCheckpoint } from '../../../actors/checkpoint-cosigner.ts';
import { blockDigest } from '../../../protocols/ledger/block.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import { genesisFromJson, genesisToJson } from '../../../protocols/ledger/genesis-json.ts';
import { genesisProblems } from '../../../protocols/ledger/genesis-state.ts';
import { readJson } from '../../../protocols/ledger/json-codec.ts';
import {
  decodeEntryBundle,
  entryBundlePath,
  hashTilePath,
  tileWidth,
  widthAt,
} from '../../../protocols/ledger/log-tiles.ts';
import { hashLeaf } from '../../../protocols/ledger/merkle-hash.ts';
import { rootOfHashes } from '../../../protocols/ledger/merkle-log.ts';
import { type ProofBundle, proofBundleCodec } from '../../../protocols/ledger/proof-bundle.ts';
import { verifyBundle, type VerifyBundleOptions } from '../../../protocols/ledger/verify-bundle.ts';
import { digest } from '../../../protocols/shared/brands.ts';
import { concatBytes, equalBytes, toHex, toUtf8 } from '../../../protocols/shared/bytes.ts';
import { invariant } from '../../../protocols/shared/errors.ts';
import type { CheckedRun, Checker, FinalNode, RunEnd } from './checker.ts';

/** Of each node, spread over what it has. */
const askedOfEach = 3;

export class Proofs implements Checker {
  readonly name = 'proofs' as const;
  readonly #run: Pick<CheckedRun, 'genesis' | 'verifier'>;

  constructor(run: Pick<CheckedRun, 'genesis' | 'verifier'>) {
    this.#run = run;
  }

  onEnd({ nodes }: Pick<RunEnd, 'nodes'>): string | null {
    // As it is handed to strangers.
    const read = genesisFromJson(carried(genesisToJson(this.#run.genesis)));
    if ('problems' in read) return `the genesis document cannot be read: ${JSON.stringify(read.problems)}`;
    const genesis = read.value;
    const [wrong] = genesisProblems(genesis, this.#run.verifier, { devnet: false });
    if (wrong !== undefined) return `the genesis document is not sound: ${wrong.path}: ${wrong.message}`;
    for (const node of nodes) {
      const problem = this.problemOf(node, genesis);
      if (problem !== null) return `validator ${node.node}: ${problem}`;
    }
    return null;
  }

  /** What does not hold of what the node proves; null where all does. */
  problemOf(node: FinalNode, genesis: Genesis): string | null {
    return this.#transactions(node, genesis) ?? this.#state(node, genesis) ?? problemOfLog(node);
  }

  #transactions({ chain, reader }: FinalNode, genesis: Genesis): string | null {
    const hashes = [...chain.store.range(tables.transactions)].map(([hash]) => digest(toHex(hash)));
    const checkpoint = readCheckpoint(chain.store);
    for (const hash of spread(hashes)) {
      const height = reader.place(hash)?.height ?? 0;
      // One that began with a snapshot may not have the header of what is older.
      if (reader.block(height) === undefined) continue;
      for (const from of [checkpoint, null]) {
        const problem = this.#problemOfBundle(proveTransaction(chain, reader, from, hash), genesis, {});
        if (problem !== null) return `its proof of transaction ${hash}: ${problem}`;
      }
    }
    return null;
  }

  #state({ chain, reader }: FinalNode, genesis: Genesis): string | null {
    const { height, digest: tip } = chain.tip;
    if (height === 0) return null;
    const keys = [...chain.store.range(tables.state)].map(([key]) => key.slice());
    const absent = spread(keys).map((key) => concatBytes(key, toUtf8('/nobody')));
    const trusted = { height: Math.max(1, height - 3), digest: tip };
    const header = reader.block(trusted.height)?.header;
    if (header === undefined) return `it does not have block ${trusted.height}`;
    for (const key of [...spread(keys), ...absent]) {
      const bundle = proveState(chain, reader, height, key, { through: trusted.height });
      const options = { currentHeight: height, trusted: { ...trusted, digest: blockDigest(header) } };
      const problem = this.#problemOfBundle(bundle, genesis, options);
      if (problem !== null) return `its proof of state key ${toHex(key)}: ${problem}`;
    }
    return null;
  }

  #problemOfBundle(
    bundle: ProofBundle | null,
    genesis: Genesis,
    options: Omit<VerifyBundleOptions, 'verifySignature'>,
  ): string | null {
    if (bundle === null) return 'it gives none';
    const read = readJson(proofBundleCodec, carried(proofBundleCodec.toJson(bundle)));
    if ('problems' in read) return `cannot be read: ${JSON.stringify(read.problems)}`;
    const { verifier } = this.#run;
    const verify = (given: ProofBundle): ReturnType<typeof verifyBundle> =>
      verifyBundle(given, genesis, {
        ...options,
        verifySignature: (key, message, signature) => verifier.verify(key, message, signature),
      });
    const { verdict, checks } = verify(read.value);
    if (verdict !== 'valid') {
      return checks.flatMap(({ check, ok, detail }) => (ok ? [] : [`${check}: ${detail}`])).join('; ');
    }
    return verify(altered(read.value)).verdict === 'invalid' ? null : 'it holds for another content too';
  }
}

/** The same claim with one bit of it turned. */
function altered({ subject, ...bundle }: ProofBundle): ProofBundle {
  if (subject.type === 'transaction') return { ...bundle, subject: { ...subject, result: turned(subject.result) } };
  const value = subject.value === null ? new Uint8Array(1) : turned(subject.value);
  return { ...bundle, subject: { ...subject, value } };
}

function turned(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  other[0] = (other[0] ?? 0) ^ 1;
  return other.length === 0 ? new Uint8Array(1) : other;
}

/** Entry bundles and hash tiles, by their names, lead to the root that the last header names. */
function problemOfLog({ chain, reader }: FinalNode): string | null {
  const header = reader.block(chain.tip.height)?.header;
  if (header === undefined || header.logSize === 0) return null;
  const { logSize, logRoot } = header;
  const hashes: Uint8Array[] = [];
  for (let index = 0; index * tileWidth < logSize; index++) {
    const width = widthAt(logSize, 0, index);
    const tile = reader.logTile(hashTilePath(0, index, width), logSize);
    if (tile === null) return `tile ${index} of its log is missing`;
    hashes.push(...Array.from({ length: width }, (_, at) => tile.bytes.subarray(32 * at, 32 * (at + 1))));
    const bundle = reader.logTile(entryBundlePath(index, width), logSize);
    // One that began with a snapshot has the hashes of older entries, not the entries.
    if (bundle === null) continue;
    const other = decodeEntryBundle(bundle.bytes, width).findIndex(
      (entry, at) => !equalBytes(hashLeaf(entry), hashes[index * tileWidth + at] as Uint8Array),
    );
    if (other >= 0) return `entry ${index * tileWidth + other} of its log has another hash than its tile`;
  }
  return toHex(rootOfHashes(hashes)) === logRoot ? null : 'the tiles of its log do not lead to its head';
}

/** First, last and between. */
function spread<T>(all: readonly T[]): readonly T[] {
  if (all.length <= askedOfEach) return all;
  return Array.from({ length: askedOfEach }, (_, at) => {
    const one = all[Math.floor((at * (all.length - 1)) / (askedOfEach - 1))];
    invariant(one !== undefined, 'within the list');
    return one;
  });
}

/** As JSON text carries it. */
const carried = (json: unknown): unknown => JSON.parse(JSON.stringify(json));

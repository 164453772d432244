/**
 * Checkpoints of the transparency log, cosigned by the validators: each validator signs the log's head of every N-th
 * block once that block is final and stored, unless it would contradict a head that it cosigned before; everybody
 * gathers the cosignatures, and a quorum of them makes the checkpoint that is served.
 * Source: ledger design, "Transparency log"; C2SP tlog-checkpoint, tlog-cosignature.
 */
import { type Checkpoint, checkpointOf, encodeCheckpoint, validatorNoteKey } from '../protocols/ledger/checkpoint.ts';
import { cosignatureBytes, encodeSignedNote, noteCosignature } from '../protocols/ledger/signed-note.ts';
import { rootAt } from '../protocols/ledger/transparency-log.ts';
import type { ValidatorSet } from '../protocols/ledger/validator-set.ts';
import type { Digest, Height, PublicKey } from '../protocols/shared/brands.ts';
import { compareText, concatBytes, fromHex, toUtf8 } from '../protocols/shared/bytes.ts';
import {
  bytesMax,
  type Codec,
  decode,
  digest32,
  encode,
  heightNumber,
  signature64,
  struct,
  uint,
} from '../protocols/shared/codec.ts';
import type { ActorContext, ActorDefinition, ActorRef, WireProtocol } from '../runtime/ports/actors.ts';
import type { Signer, Verifier } from '../runtime/ports/signer.ts';
import { type Store, StoreError, type StoreReader, type Write } from '../runtime/ports/store.ts';
import type { Chain } from './chain/chain.ts';
import type { ChainReader } from './chain/chain-reader.ts';
import { tables, tileReaderOf } from './chain/tables.ts';
import { setDeciding } from './chain/validator-sets.ts';

const guardTable = 'guard-checkpoints';
export const checkpointKey = toUtf8('checkpoint');

/** A checkpoint with a quorum of cosignatures. */
export interface ServedCheckpoint {
  /** Of the block after which the log had this head. */
  readonly height: number;
  readonly size: number;
  /** The signed note. */
  readonly note: Uint8Array;
}

export const servedCheckpointCodec: Codec<ServedCheckpoint> = struct<ServedCheckpoint>({
  height: uint,
  size: uint,
  note: bytesMax(256 * 1024),
});

interface Head {
  readonly size: number;
  readonly root: Digest;
}

interface Cosignature extends Head {
  readonly height: Height;
  /** Seconds since 1970. */
  readonly time: number;
  readonly signature: Uint8Array;
}

const headCodec: Codec<Head> = struct<Head>({ size: uint, root: digest32 });
const cosignatureCodec: Codec<Cosignature> = struct<Cosignature>({
  height: heightNumber,
  size: uint,
  root: digest32,
  time: uint,
  signature: signature64,
});

export type CosignerMessage =
  | { readonly type: 'final'; readonly height: number }
  | { readonly type: 'cosigned'; readonly peer: PublicKey; readonly cosignature: Cosignature }
  /** The guard's record of an own cosignature is durable. */
  | { readonly type: 'recorded'; readonly cosignature: Cosignature }
  | { readonly type: 'failed'; readonly error: unknown };

export const cosignerWire: WireProtocol<CosignerMessage> = {
  encode: (message) => {
    if (message.type !== 'cosigned') throw new TypeError(`not a wire message: ${message.type}`);
    return encode(cosignatureCodec, message.cosignature);
  },
  decode: (payload, peer) => ({ type: 'cosigned', peer, cosignature: decode(cosignatureCodec, payload) }),
};

export interface CosignerDependencies {
  readonly chain: Chain;
  readonly reader: ChainReader;
  readonly verifier: Pick<Verifier, 'verify'>;
  /** The validator's key and the store of its guard; null on nodes that only gather. */
  readonly own: { readonly signer: Signer; readonly records: Store } | null;
  /** Every linked peer. */
  readonly peers: () => readonly PublicKey[];
  readonly remote: (peer: PublicKey) => ActorRef<CosignerMessage>;
  readonly report: (peer: PublicKey, reason: string) => void;
}

interface State {
  /** The latest cosignature of each validator; one slot each bounds what peers can make us keep. */
  readonly latest: Map<PublicKey, Cosignature>;
  /** Height of the newest checkpoint served. */
  served: number;
}

/** The newest checkpoint that this node serves, or null before the first. */
export function readCheckpoint(store: StoreReader): ServedCheckpoint | null {
  const stored = store.get(tables.meta, checkpointKey);
  return stored === undefined ? null : decode(servedCheckpointCodec, stored);
}

export function checkpointCosigner(dependencies: CosignerDependencies): ActorDefinition<State, CosignerMessage> {
  return {
    name: 'checkpoint-cosigner',
    initial: () => ({ latest: new Map(), served: readCheckpoint(dependencies.chain.store)?.height ?? 0 }),
    receive: (state, message, context) => {
      try {
        handle(dependencies, state, message, context);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'full') throw error;
        // The next head that is due covers everything before it.
        context.log.error('the disk is full: a log head is not cosigned here', {}, error);
      }
      return state;
    },
  };
}

function handle(
  dependencies: CosignerDependencies,
  state: State,
  message: CosignerMessage,
  context: ActorContext<CosignerMessage>,
): void {
  switch (message.type) {
    case 'final':
      onFinal(dependencies, message.height, context);
      gather(dependencies, state);
      return;
    case 'recorded':
      publish(dependencies, state, message.cosignature, context);
      return;
    case 'cosigned':
      onCosigned(dependencies, state, message.peer, message.cosignature);
      return;
    case 'failed':
      throw message.error;
  }
}

/** A head is cosigned by those who decided its block: the set of the tip may be another one already. */
const cosignersAt = (chain: Chain, height: number): ValidatorSet =>
  height > chain.tip.height ? chain.tip.set : setDeciding(chain.store, chain.genesis, height);

const isMember = (chain: Chain, height: number, key: PublicKey): boolean =>
  cosignersAt(chain, height).validators.some(({ publicKey }) => publicKey === key);

const isDue = ({ chain }: CosignerDependencies, height: number): boolean =>
  height % Math.max(1, chain.tip.parameters.checkpointIntervalBlocks) === 0;

function onFinal(dependencies: CosignerDependencies, height: number, context: ActorContext<CosignerMessage>): void {
  const { own, chain, reader } = dependencies;
  const header = reader.block(height)?.header;
  if (own === null || header === undefined || !isDue(dependencies, height)) return;
  const self = own.signer.publicKey;
  if (!isMember(chain, height, self)) return;
  const head: Head = { size: header.logSize, root: header.logRoot };
  const key = concatBytes(fromHex(chain.chainId), fromHex(self));
  if (contradicts(own.records.get(guardTable, key), head, chain)) {
    context.log.error('refused to cosign a log that contradicts one cosigned before', { height, size: head.size });
    return;
  }
  const writes: Write[] = [{ table: guardTable, key, value: encode(headCodec, head) }];
  own.records.commit(writes);
  const time = Math.floor(context.clock.now() / 1000);
  const text = encodeCheckpoint(checkpointOf(chain.chainId, head.size, head.root));
  const signature = own.signer.sign(cosignatureBytes(text, time));
  const cosignature: Cosignature = { ...head, height: header.height, time, signature };
  context.pipeToSelf(own.records.durable(), (outcome) =>
    'error' in outcome ? { type: 'failed', error: outcome.error } : { type: 'recorded', cosignature },
  );
}

/** Whether the log that grew to `head` is not the one whose head was cosigned before: shrunk, or forked. */
function contradicts(stored: Uint8Array | undefined, head: Head, chain: Chain): boolean {
  if (stored === undefined) return false;
  const before = decode(headCodec, stored);
  if (before.size > head.size) return true;
  return rootAt(tileReaderOf(chain.store), before.size) !== before.root;
}

function publish(
  dependencies: CosignerDependencies,
  state: State,
  cosignature: Cosignature,
  context: ActorContext<CosignerMessage>,
): void {
  const { own, peers, remote } = dependencies;
  if (own === null) return;
  const self = own.signer.publicKey;
  state.latest.set(self, cosignature);
  const message: CosignerMessage = { type: 'cosigned', peer: self, cosignature };
  for (const peer of peers()) context.tell(remote(peer), message);
  gather(dependencies, state);
}

function onCosigned(dependencies: CosignerDependencies, state: State, peer: PublicKey, cosignature: Cosignature): void {
  const { chain, verifier, report } = dependencies;
  if (!isMember(chain, cosignature.height, peer)) return;
  if (cosignature.height <= (state.latest.get(peer)?.height ?? 0)) return;
  const text = encodeCheckpoint(checkpointOf(chain.chainId, cosignature.size, cosignature.root));
  if (!verifier.verify(peer, cosignatureBytes(text, cosignature.time), cosignature.signature)) {
    report(peer, 'bad-cosignature');
    return;
  }
  state.latest.set(peer, cosignature);
  gather(dependencies, state);
}

/** Serves the newest head that a quorum cosigned and that is this node's own at that height. */
function gather(dependencies: CosignerDependencies, state: State): void {
  const { chain, reader } = dependencies;
  const heights = new Set([...state.latest.values()].map(({ height }) => height));
  for (const height of [...heights].sort((a, b) => b - a)) {
    if (height <= state.served || height > chain.tip.height) continue;
    const header = reader.block(height)?.header;
    if (header === undefined) continue;
    const { validators, quorum } = cosignersAt(chain, height);
    const signed = validators.flatMap(({ publicKey }) => {
      const latest = state.latest.get(publicKey);
      return latest?.height === height && latest.root === header.logRoot ? [[publicKey, latest] as const] : [];
    });
    if (signed.length < quorum) continue;
    serve(chain, height, checkpointOf(chain.chainId, header.logSize, header.logRoot), signed);
    state.served = height;
    return;
  }
}

function serve(
  chain: Chain,
  height: number,
  checkpoint: Checkpoint,
  signed: readonly (readonly [PublicKey, Cosignature])[],
): void {
  const signatures = [...signed]
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, { time, signature }]) => noteCosignature(validatorNoteKey(key), time, signature));
  const note = toUtf8(encodeSignedNote({ text: encodeCheckpoint(checkpoint), signatures }));
  const value = encode(servedCheckpointCodec, { height, size: checkpoint.size, note });
  chain.store.commit([{ table: tables.meta, key: checkpointKey, value }]);
}

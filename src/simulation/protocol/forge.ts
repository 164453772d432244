/** Messages of the adversary: anything that it can put together with the keys of faulty validators and what was sent. */
import { digestOf } from '../../protocols/ibft/justification.ts';
import type { Verified } from '../../protocols/ibft/machine-types.ts';
import type {
  ConsensusMessage,
  EncodedBlock,
  PreparePayload,
  RoundChangePayload,
  UnsignedPayload,
} from '../../protocols/ibft/messages.ts';
import { type Digest, height as toHeight, round as toRound } from '../../protocols/shared/brands.ts';
import { signedMessage } from '../../actors/validator/signed-message.ts';
import type { MessageBook } from './message-book.ts';
import type { BlockName, Forgery, MessageName } from './schedule.ts';
import { blockOf, type DecidedBlock, genesisDigest, genesisTimeMs, keyOf } from './setting.ts';
import { signatureOf } from './signatures.ts';

/** Decided nowhere. */
const strayParent = 'ee'.repeat(32) as Digest;

export interface ForgeOptions {
  readonly book: MessageBook;
  /** A validator whose key the adversary holds. */
  readonly by: number;
  /** The block decided at the height below the forgery's. */
  readonly parent: DecidedBlock | undefined;
  readonly blockTimeMs: number;
}

/** The message, or null where what it is made of was never sent. */
export function forge(forgery: Forgery, options: ForgeOptions): Verified<ConsensusMessage> | null {
  const { book, by } = options;
  const block = forgery.block === null ? null : findBlock(forgery, forgery.block, options);
  if (block === null && forgery.block !== null) return null;
  const payload = payloadOf(forgery, block?.digest ?? null);
  if (payload === null || (payload.kind === 'proposal' && block?.content === null)) return null;
  const beside = {
    block: block?.content ?? null,
    roundChanges: roundChangesOf(book, forgery.roundChanges ?? []),
    prepares: preparesOf(book, forgery.prepares ?? []),
  };
  return signedMessage(payload, keyOf(by), signatureOf(by, payload), beside);
}

function payloadOf({ kind, height, round, preparedRound }: Forgery, digest: Digest | null): UnsignedPayload | null {
  const place = { height: toHeight(height), round: toRound(round) };
  if (kind !== 'round-change') return digest === null ? null : { kind, ...place, digest };
  const claim =
    digest === null || preparedRound === undefined
      ? { preparedRound: null, preparedDigest: null }
      : { preparedRound: toRound(preparedRound), preparedDigest: digest };
  return { kind, ...place, ...claim };
}

interface Found {
  readonly digest: Digest;
  /** null: only its digest was sent. */
  readonly content: EncodedBlock | null;
}

function findBlock({ height }: Forgery, name: BlockName, options: ForgeOptions): Found | null {
  if ('salt' in name) {
    const { parent, by, blockTimeMs } = options;
    const content = blockOf({
      height,
      parent: name.stray === true ? strayParent : (parent?.digest ?? genesisDigest),
      proposer: by,
      timeMs: (parent?.block.value.header.time ?? genesisTimeMs) + blockTimeMs,
      salt: `ad${name.salt.toString(16)}`,
      isValid: name.valid,
    });
    return { digest: digestOf(content), content };
  }
  const message = options.book.find(name);
  if (message === null) return null;
  if (message.type === 'proposal') return { digest: message.payload.digest, content: message.block };
  if (message.type !== 'round-change') return { digest: message.payload.digest, content: null };
  const digest = message.payload.preparedDigest;
  return digest === null ? null : { digest, content: message.block };
}

function roundChangesOf(book: MessageBook, names: readonly MessageName[]): readonly RoundChangePayload[] {
  return names.flatMap((name) => {
    const message = book.find(name);
    return message?.type === 'round-change' ? [message.payload] : [];
  });
}

function preparesOf(book: MessageBook, names: readonly MessageName[]): readonly PreparePayload[] {
  return names.flatMap((name) => {
    const message = book.find(name);
    return message?.type === 'prepare' ? [message.payload] : [];
  });
}

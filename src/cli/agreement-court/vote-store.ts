/**
 * Votes that were committed to and not revealed yet: one file each, in the person's own directory. The file is on stable
 * storage before the commitment is sent and is never overwritten: without vote and salt nothing can be revealed, and an
 * arbitrator who committed and does not reveal loses a part of the bond.
 *
 *     <directory>/<chain>/<case>-<round>-<arbitrator>.json    mode 0600
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  jsonBytesExact,
  jsonDigest,
  jsonKey,
  jsonPattern,
  jsonStruct,
  jsonUint,
  readJson,
} from '../../protocols/ledger/json-codec.ts';
import { type Commitment, type Vote, voteCodec, voteCommitment } from '../../protocols/ledger/modules/court/vote.ts';
import { chainId, type Digest, type PublicKey } from '../../protocols/shared/brands.ts';
import { createPrivateFile } from '../../runtime/adapters/private-file.ts';
import { CommandError } from '../terminal.ts';

const format = 'bpci/vote/v1';

interface VoteFile {
  readonly format: string;
  readonly chain: string;
  readonly case: Digest;
  readonly round: number;
  readonly arbitrator: PublicKey;
  readonly vote: Vote;
  readonly salt: Uint8Array;
  readonly commitment: Digest;
}

const voteFileCodec = jsonStruct<VoteFile>({
  format: jsonPattern(/^bpci\/vote\/v1$/, format.length),
  chain: jsonPattern(/^[0-9a-f]{64}$/, 64),
  case: jsonDigest,
  round: jsonUint(),
  arbitrator: jsonKey,
  vote: voteCodec,
  salt: jsonBytesExact(32),
  commitment: jsonDigest,
});

/** Whose vote, and in which round of which case. */
export type VotePlace = Pick<Commitment, 'chain' | 'caseId' | 'round' | 'arbitrator'>;

export interface SavedVote extends Commitment {
  readonly commitment: Digest;
}

export class VoteStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  fileOf({ chain, caseId, round, arbitrator }: VotePlace): string {
    return join(this.#directory, chain, `${caseId}-${round}-${arbitrator}.json`);
  }

  /** Throws CommandError where the file is none of ours, or was changed. */
  read(place: VotePlace): SavedVote | undefined {
    const file = this.fileOf(place);
    const text = readIfThere(file);
    if (text === undefined) return undefined;
    const found = parse(text);
    if (found === undefined || voteCommitment(found) !== found.commitment || this.fileOf(found) !== file) {
      throw new CommandError('failed', `${file} is no vote that can be revealed`, [
        'It was changed after it was written: take it from a backup.',
      ]);
    }
    return found;
  }

  /** On stable storage when this returns. Where another process was faster, its vote stands and is returned. */
  save(vote: Commitment): SavedVote {
    const commitment = voteCommitment(vote);
    const { chain, caseId, round, arbitrator, salt } = vote;
    const content = { format, chain, case: caseId, round, arbitrator, vote: vote.vote, salt, commitment };
    try {
      createPrivateFile(this.fileOf(vote), `${JSON.stringify(voteFileCodec.toJson(content), null, 2)}\n`);
    } catch (cause) {
      const known = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? this.read(vote) : undefined;
      if (known !== undefined) return known;
      throw new CommandError(
        'failed',
        `the vote could not be saved, and nothing was sent: ${String(cause)}`,
        [],
        cause,
      );
    }
    return { ...vote, commitment };
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandError('failed', `${file} cannot be read: ${String(cause)}`, [], cause);
  }
}

function parse(text: string): SavedVote | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  const read = readJson(voteFileCodec, json);
  if ('problems' in read) return undefined;
  const { case: caseId, chain, round, arbitrator, vote, salt, commitment } = read.value;
  return { chain: chainId(chain), caseId, round, arbitrator, vote, salt, commitment };
}

/** Changes of the state as a node tells them, read strictly and held against a set of validators that is trusted. */
import type { BlockHeader } from '../protocols/ledger/block.ts';
import {
  type JsonCodec,
  jsonBytesMax,
  jsonDigest,
  jsonList,
  jsonNullable,
  jsonPattern,
  jsonStruct,
  jsonUint,
  readJson,
} from '../protocols/ledger/json-codec.ts';
import { headerFinding, type TrustedHeight } from '../protocols/ledger/light-client.ts';
import {
  type ProofBundle,
  sealedHeaderCodec,
  type SetChange,
  setChangeCodec,
} from '../protocols/ledger/proof-bundle.ts';
import type { SignatureCheck } from '../protocols/ledger/signed-note.ts';
import type { StateChange } from '../protocols/ledger/state-tree.ts';
import type { Digest } from '../protocols/shared/brands.ts';
import { toUtf8 } from '../protocols/shared/bytes.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';

interface ProvedChanges {
  /** Final under the validators that are trusted; its `stateRoot` is what the changes have to lead to. */
  readonly header: BlockHeader;
  readonly changes: readonly StateChange[];
}

/** An entry whose value is not null is set, else deleted. */
interface Entry {
  readonly key: string;
  readonly value: Uint8Array | null;
}

interface Page {
  readonly height: number;
  readonly sealed: Pick<ProofBundle, 'header' | 'commit'> | null;
  readonly setChanges: readonly SetChange[];
  readonly entries: readonly Entry[];
  readonly next: Digest | null;
}

const pageEntriesMax = 10_000;
const setChangesMax = 1_000_000;
const valueBytesMax = 16 * 2 ** 20;

const pageCodec: JsonCodec<Page> = jsonStruct<Page>({
  height: jsonUint(),
  sealed: jsonNullable(sealedHeaderCodec),
  setChanges: jsonList(setChangeCodec, setChangesMax),
  entries: jsonList(
    jsonStruct<Entry>({
      key: jsonPattern(/^[\x21-\x7e]{1,511}$/, 511),
      value: jsonNullable(jsonBytesMax(valueBytesMax)),
    }),
    pageEntriesMax,
  ),
  next: jsonNullable(jsonDigest),
});

const wrong = (problem: string): ClientError =>
  new ClientError('bad-answer', `the node cannot prove its state: ${problem}`);

async function readPage(client: ChainClient, query: Parameters<ChainClient['stateChanges']>[0]): Promise<Page> {
  const read = readJson(pageCodec, await client.stateChanges(query));
  if ('value' in read) return read.value;
  throw wrong(read.problems.map(({ path, message }) => `${path}: ${message}`)[0] ?? 'its answer cannot be read');
}

function headerOf(page: Page, trusted: TrustedHeight, verify: SignatureCheck): BlockHeader {
  if (page.sealed === null) throw wrong('there is no header');
  const finding = headerFinding(trusted, page.setChanges, page.sealed, verify);
  if (finding !== null) throw wrong(finding);
  return page.sealed.header;
}

function changeOf({ key, value }: Entry): StateChange {
  if (value?.length === 0) throw wrong(`nothing is held under ${key}`);
  return { key: toUtf8(key), value };
}

/** Of keys and values in one reading: as long as a root is not reached, a node may say anything. */
export const changeBytesMaxDefault = 512 * 2 ** 20;

export interface ChangesQuery {
  /** null: everything. */
  readonly from: number | null;
  readonly trusted: TrustedHeight;
  readonly verify: SignatureCheck;
  readonly bytesMax: number;
}

/**
 * What changed after `from`, up to the node's tip; null where nothing is new. Rejects with ClientError, `bad-answer` where the node
 * proves nothing, `not-found` where it does not keep the state of `from` any more.
 */
export async function readChanges(
  client: ChainClient,
  { from, trusted, verify, bytesMax }: ChangesQuery,
): Promise<ProvedChanges | null> {
  const base = { trusted: trusted.height, ...(from === null ? {} : { from }) };
  const first = await readPage(client, base);
  if (from !== null && first.height <= from) return null;
  const header = headerOf(first, trusted, verify);
  if (header.height !== first.height) throw wrong(`the header of ${header.height} for the state of ${first.height}`);
  // Where pages overlap the later one counts: the root tells whether that was right.
  const changes = new Map<string, StateChange>();
  let page = first;
  let bytes = 0;
  for (;;) {
    for (const entry of page.entries) {
      changes.set(entry.key, changeOf(entry));
      bytes += entry.key.length + (entry.value?.length ?? 0);
    }
    if (bytes > bytesMax) throw wrong(`it has told of more than ${bytesMax} bytes, and goes on`);
    // A page that says nothing leads nowhere: without an end it would be asked for for ever.
    if (page.next !== null && page.entries.length === 0) throw wrong('a page of it says nothing');
    if (page.next === null) return { header, changes: [...changes.values()] };
    const before = page.next;
    page = await readPage(client, { ...base, to: first.height, after: before });
    if (page.next !== null && page.next <= before) throw wrong('its pages do not go on');
  }
}

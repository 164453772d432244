/** Changes of the state as a node tells them, read strictly and held against a set of validators that is trusted. */
import type { BlockHeader } from '../protocols/ledger/block.ts';
import { readJson } from '../protocols/ledger/json-codec.ts';
import { headerFinding, type TrustedHeight } from '../protocols/ledger/light-client.ts';
import { sealedHeaderCodec, type SetChange, setChangeCodec } from '../protocols/ledger/proof-bundle.ts';
import type { SignatureCheck } from '../protocols/ledger/signed-note.ts';
import type { StateChange } from '../protocols/ledger/state-tree.ts';
import { fromHex, toUtf8 } from '../protocols/shared/bytes.ts';
import type { StateChangesView } from '../runtime/ports/chain-api.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';

interface ProvedChanges {
  /** Final under the validators that are trusted; its `stateRoot` is what the changes have to lead to. */
  readonly header: BlockHeader;
  readonly changes: readonly StateChange[];
}

const wrong = (problem: string): ClientError =>
  new ClientError('bad-answer', `the node cannot prove its state: ${problem}`);

const keyPattern = /^[\x21-\x7e]{1,511}$/;
const valuePattern = /^([0-9a-f]{2})+$/;

function changeOf({ key, value }: StateChangesView['entries'][number]): StateChange {
  if (!keyPattern.test(key) || (value !== null && !valuePattern.test(value))) throw wrong(`an entry under ${key}`);
  return { key: toUtf8(key), value: value === null ? null : fromHex(value) };
}

function headerOf(page: StateChangesView, trusted: TrustedHeight, verify: SignatureCheck): BlockHeader {
  const sealed = readJson(sealedHeaderCodec, page.sealed);
  if ('problems' in sealed) throw wrong('there is no header');
  const setChanges = page.setChanges.map((json): SetChange => {
    const change = readJson(setChangeCodec, json);
    if ('problems' in change) throw wrong('a change of validators is none');
    return change.value;
  });
  const finding = headerFinding(trusted, setChanges, sealed.value, verify);
  if (finding !== null) throw wrong(finding);
  return sealed.value.header;
}

/**
 * What changed after `from` (null: everything), up to the node's tip; null where nothing is new. Rejects with ClientError, `bad-answer`
 * where the node proves nothing, `not-found` where it does not keep the state of `from` any more.
 */
export async function readChanges(
  client: ChainClient,
  from: number | null,
  trusted: TrustedHeight,
  verify: SignatureCheck,
): Promise<ProvedChanges | null> {
  const base = { trusted: trusted.height, ...(from === null ? {} : { from }) };
  const first = await client.stateChanges(base);
  if (from !== null && first.height <= from) return null;
  const header = headerOf(first, trusted, verify);
  if (header.height !== first.height) throw wrong(`the header of ${header.height} for the state of ${first.height}`);
  // Where pages overlap the later one counts: the root tells whether that was right.
  const changes = new Map<string, StateChange>();
  let page = first;
  for (;;) {
    for (const entry of page.entries) changes.set(entry.key, changeOf(entry));
    if (page.next === null) return { header, changes: [...changes.values()] };
    const before = page.next;
    page = await client.stateChanges({ ...base, to: first.height, after: before });
    if (page.next !== null && page.next <= before) throw wrong('its pages do not go on');
  }
}

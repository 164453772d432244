/** What the court's commands read from a node: cells of the state, decoded here, and the court's events. */
import type { ChainClient } from '../../client/chain-client.ts';
import type { EventView } from '../../runtime/ports/chain-api.ts';
import { type Digest, digest, isHex64 } from '../../protocols/shared/brands.ts';
import { fromHex, toHex } from '../../protocols/shared/bytes.ts';
import {
  agreementAt,
  type AgreementView,
  caseAt,
  type CaseView,
  courtStateKeys,
} from '../../protocols/ledger/modules/court/court-queries.ts';
import { outagesBefore } from '../../protocols/ledger/modules/court/court-clock.ts';
import { type StateReader, View } from '../../protocols/ledger/view.ts';
import { caseDeadline, type Deadline } from '../../protocols/court/deadlines.ts';
import { CommandError } from '../terminal.ts';

/** Throws CommandError `usage`. */
export function idOf(text: string): Digest {
  if (isHex64(text)) return digest(text);
  throw new CommandError('usage', `${text} is no name of an agreement or a case`, [
    'A name is 64 lower-case hex digits.',
  ]);
}

/** The state as far as these keys go. */
async function cellsOf(client: ChainClient, keys: readonly Uint8Array[]): Promise<StateReader> {
  const cells = new Map<string, Uint8Array>();
  for (const key of keys) {
    const [module = '', ...rest] = new TextDecoder().decode(key).split('/');
    const { value } = await client.state(module, rest.join('/'));
    if (value !== null) cells.set(toHex(key), fromHex(value));
  }
  return { get: (key) => cells.get(toHex(key)), range: () => [] };
}

export async function fetchAgreement(client: ChainClient, id: Digest): Promise<AgreementView | undefined> {
  return agreementAt(await cellsOf(client, [courtStateKeys.stored(id), courtStateKeys.record(id)]), id);
}

export interface StandingCase extends CaseView {
  /** null once it is closed. */
  readonly deadline: Deadline | null;
  /** What the court's time is behind header time, ms. */
  readonly outagesMs: number;
}

export async function fetchCase(client: ChainClient, id: Digest): Promise<StandingCase | undefined> {
  const { case: record, panel, actions, outages } = courtStateKeys;
  const reader = await cellsOf(client, [record(id), panel(id), actions(id), outages()]);
  const found = caseAt(reader, id);
  if (found === undefined) return undefined;
  const view = new View(reader);
  return { ...found, deadline: caseDeadline(view, found.record), outagesMs: outagesBefore(view) };
}

const eventsPage = 1000;

/** Events of the court, oldest first, that `wanted` accepts. */
export async function courtEvents(
  client: ChainClient,
  kind: string | undefined,
  wanted: (event: EventView) => boolean,
): Promise<readonly EventView[]> {
  const found: EventView[] = [];
  for (let after: string | null = null; ; ) {
    const page = await client.eventPage({
      module: 'court',
      ...(kind === undefined ? {} : { kind }),
      after,
      limit: eventsPage,
    });
    found.push(...page.events.filter(wanted));
    const last = page.events.at(-1);
    if (last === undefined || page.events.length < eventsPage) return found;
    after = last.id;
  }
}

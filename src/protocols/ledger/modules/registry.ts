/**
 * The registry: where services are, under leases. A service that does not renew is forgotten when its lease ends.
 * Source: ledger design, "Modules"; operations design, "Launch". Health is observed off chain.
 */
import type { PublicKey } from '../../shared/brands.ts';
import { type Codec, publicKey32, struct, textMax, uint } from '../../shared/codec.ts';
import { invariant } from '../../shared/errors.ts';
import { cancelDeadline, scheduleDeadline } from '../deadline-queue.ts';
import { jsonKey, jsonList, jsonPattern, jsonStruct, jsonUint } from '../json-codec.ts';
import {
  type BlockContext,
  type DueDeadline,
  kind,
  type LedgerModule,
  ok,
  type Outcome,
  refuse,
  type TransactionContext,
} from '../module.ts';
import type { Role } from '../permissions.ts';
import { type ReadView, table, type View } from '../view.ts';

/** Services of one owner at most. */
export const servicesPerOwnerMax = 64;
/** Bounds of a lease, milliseconds. */
const leaseMsMin = 1_000;
const leaseMsMax = 7 * 86_400_000;

/** What its owner says of a service. */
interface Description {
  /** URLs or `host:port`, the preferred first. */
  readonly endpoints: readonly string[];
  /** Region that it runs in. */
  readonly region: string;
  /** How long it is listed without renewal, milliseconds of header time. */
  readonly leaseMs: number;
}
interface Registration extends Description {
  /** Unique name. */
  readonly id: string;
  /** `court`, `enc-cluster`, … */
  readonly kind: string;
  /** Key of the node that runs it. */
  readonly node: PublicKey;
}
interface Update extends Description {
  readonly id: string;
}
interface Named {
  readonly id: string;
}

export interface Service extends Registration {
  readonly owner: PublicKey;
  /** Header time at which it is forgotten, ms since 1970. */
  readonly leaseUntil: number;
}

const jsonId = jsonPattern(/^[a-z0-9][a-z0-9-]{0,62}$/, 63);
const endpoint = jsonPattern(/^[\x21-\x7e]{1,256}$/, 256);
const descriptionFields = {
  endpoints: jsonList(endpoint, 8),
  region: jsonPattern(/^[A-Za-z0-9-]{1,32}$/, 32),
  leaseMs: jsonUint(leaseMsMax, leaseMsMin),
};
const registrationCodec = jsonStruct<Registration>({ id: jsonId, kind: jsonId, node: jsonKey, ...descriptionFields });
const updateCodec = jsonStruct<Update>({ id: jsonId, ...descriptionFields });
const namedCodec = jsonStruct<Named>({ id: jsonId });

interface Entry {
  readonly registration: Registration;
  readonly owner: PublicKey;
  readonly leaseUntil: number;
  /** Key of the lease's deadline. */
  readonly deadline: string;
}
const entryCodec: Codec<Entry> = struct<Entry>({
  registration: registrationCodec,
  owner: publicKey32,
  leaseUntil: uint,
  deadline: textMax(64),
});
const entries = table('registry/service/', entryCodec);
const counts = table('registry/count/', uint);

const serviceOf = ({ registration, owner, leaseUntil }: Entry): Service => ({ ...registration, owner, leaseUntil });

export function readService(view: ReadView, id: string): Service | undefined {
  const entry = view.get(entries, id);
  return entry === undefined ? undefined : serviceOf(entry);
}

/** Every service, by name. */
export const readServices = (view: ReadView): readonly Service[] =>
  [...view.scan(entries)].map(([, entry]) => serviceOf(entry));

const emit = (view: View, name: string, service: Registration, owner: PublicKey): void => {
  view.emit({ module: 'registry', kind: name, attributes: { id: service.id, kind: service.kind, owner } });
};

function count(view: View, owner: PublicKey, by: 1 | -1): void {
  const after = (view.get(counts, owner) ?? 0) + by;
  if (after === 0) view.delete(counts, owner);
  else view.set(counts, owner, after);
}

/** Writes the entry with a lease from now on. */
function lease(registration: Registration, owner: PublicKey, view: View, { time }: BlockContext): void {
  const leaseUntil = time + registration.leaseMs;
  const due = { module: 'registry', action: 'lease-end', subject: registration.id };
  const deadline = scheduleDeadline(view, 'time', leaseUntil, due).key;
  view.set(entries, registration.id, { registration, owner, leaseUntil, deadline });
}

function register(registration: Registration, view: View, context: TransactionContext): Outcome {
  if (view.get(entries, registration.id) !== undefined) return refuse('service-exists');
  if ((view.get(counts, context.sender) ?? 0) >= servicesPerOwnerMax) return refuse('too-many-services');
  lease(registration, context.sender, view, context);
  count(view, context.sender, 1);
  emit(view, 'registered', registration, context.sender);
  return ok;
}

/** Renews the lease. */
function update({ id, ...description }: Update, view: View, context: TransactionContext): Outcome {
  const entry = view.get(entries, id);
  if (entry === undefined) return refuse('unknown-service');
  cancelDeadline(view, { order: 'time', key: entry.deadline });
  const registration = { ...entry.registration, ...description };
  lease(registration, entry.owner, view, context);
  emit(view, 'updated', registration, entry.owner);
  return ok;
}

function remove(id: string, entry: Entry, view: View): void {
  cancelDeadline(view, { order: 'time', key: entry.deadline });
  view.delete(entries, id);
  count(view, entry.owner, -1);
}

function deregister({ id }: Named, view: View): Outcome {
  const entry = view.get(entries, id);
  if (entry === undefined) return refuse('unknown-service');
  remove(id, entry, view);
  emit(view, 'deregistered', entry.registration, entry.owner);
  return ok;
}

/** A deadline that came is the current one: renewing cancels the one before. */
function onDeadline({ subject }: DueDeadline, view: View, { time }: BlockContext): void {
  const entry = view.get(entries, subject);
  invariant(entry !== undefined && entry.leaseUntil <= time, 'a lease that ends belongs to a service');
  remove(subject, entry, view);
  emit(view, 'lease-ended', entry.registration, entry.owner);
}

/** Takes a service off against its owner's will. It exists. */
export function expelService(view: View, id: string): void {
  const entry = view.get(entries, id);
  invariant(entry !== undefined, `no service ${id}`);
  remove(id, entry, view);
  emit(view, 'expelled', entry.registration, entry.owner);
}

const ownership = ({ id }: Named, view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  view.get(entries, id)?.owner === sender ? ['service-owner'] : [];

export const registryModule: LedgerModule = {
  name: 'registry',
  kinds: new Map([
    ['register', kind<Registration>({ body: registrationCodec, execute: register })],
    ['update', kind<Update>({ body: updateCodec, relation: ownership, execute: update })],
    ['deregister', kind<Named>({ body: namedCodec, relation: ownership, execute: deregister })],
  ]),
  onDeadline,
};

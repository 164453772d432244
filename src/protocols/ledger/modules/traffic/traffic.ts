/**
 * Traffic lights on chain: whose log it is, its last anchor, leases of counters, and reviewers' proofs relayed to the light.
 * Source: policy-and-traffic design, "Traffic Light"; ledger design, "Modules".
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { fromHex } from '../../../shared/bytes.ts';
import { boolean, type Codec, digest32, list, publicKey32, struct, textMax, uint } from '../../../shared/codec.ts';
import { type CounterName } from '../../../policy/vocabulary.ts';
import { personsMax } from '../../../traffic/counters.ts';
import { readLogCheckpoint, trafficLogId } from '../../../traffic/log-identity.ts';
import { emptyLogRoot, verifyConsistency } from '../../merkle-log.ts';
import { kind, type LedgerModule, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import { type ReadView, table, type View } from '../../view.ts';
import {
  type AnchorBody,
  anchorBodyCodec,
  type DischargeBody,
  dischargeBodyCodec,
  type ForkBody,
  forkBodyCodec,
  type LeaseBody,
  leaseBodyCodec,
  type OpenEpochBody,
  openEpochBodyCodec,
  type RegisterBody,
  registerBodyCodec,
  type ReviewBody,
  reviewBodyCodec,
  type ReviewerRole,
  rolesBodyCodec,
} from './bodies.ts';
import { emit, relay } from './relayed-reviews.ts';

/** A light and the log that it appends to now. */
export interface LightRecord {
  readonly epoch: number;
  readonly logId: Digest;
  /** Last anchor; size 0 before the first. */
  readonly size: number;
  readonly root: Digest;
  /** Height of that anchor. */
  readonly anchoredAt: number;
  /** Two roots of one size were shown: nothing of this log is anchored any more. */
  readonly isForked: boolean;
  readonly roles: readonly ReviewerRole[];
}

/** Of one light, subject, counter and window. */
interface Lease {
  readonly spent: number;
  readonly lease: number;
}

const lightCodec: Codec<LightRecord> = struct<LightRecord>({
  ...{ epoch: uint, logId: digest32, size: uint, root: digest32, anchoredAt: uint, isForked: boolean },
  roles: list(struct<ReviewerRole>({ role: textMax(63), key: publicKey32 }), 64),
});
const lights = table('traffic/light/', lightCodec);
const leases = table('traffic/lease/', struct<Lease>({ spent: uint, lease: uint }));
const totals = table('traffic/total/', uint);

/** undefined: the account is no light. */
export const readLight = (view: ReadView, light: PublicKey): LightRecord | undefined => view.get(lights, light);

export interface CounterRecord {
  readonly subject: Digest;
  readonly counter: CounterName;
  readonly window: string;
  /** Spent and leased by all lights. */
  readonly total: number;
  /** Of the light that was asked for. */
  readonly spent: number;
  readonly lease: number;
}

/** Every counter that anybody has leased, as one light sees it. */
export function readCounters(view: ReadView, light: PublicKey): readonly CounterRecord[] {
  return [...view.scan(totals)].map(([key, total]) => {
    const [subject, counter, window] = key.split('/') as [Digest, CounterName, string];
    const own = view.get(leases, `${key}/${light}`);
    return { subject, counter, window, total, spent: own?.spent ?? 0, lease: own?.lease ?? 0 };
  });
}

const checkpointRule =
  ({ signatures }: TransactionContext) =>
  (key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean =>
    signatures.verify(key, message, signature);

function register(
  { logId, roles }: RegisterBody,
  view: View,
  { sender, chainId, height }: TransactionContext,
): Outcome {
  if (view.get(lights, sender) !== undefined) return refuse('light-exists');
  if (logId !== trafficLogId({ chainId, light: sender, epoch: 1, previous: null })) return refuse('wrong-log-id');
  view.set(lights, sender, {
    epoch: 1,
    logId,
    size: 0,
    root: emptyLogRoot,
    anchoredAt: height,
    isForked: false,
    roles,
  });
  emit(view, 'registered', { light: sender, log: logId });
  return ok;
}

function setRoles(
  { roles }: { readonly roles: readonly ReviewerRole[] },
  view: View,
  { sender }: TransactionContext,
): Outcome {
  const light = view.get(lights, sender);
  if (light === undefined) return refuse('unknown-light');
  view.set(lights, sender, { ...light, roles });
  emit(view, 'roles-set', { light: sender });
  return ok;
}

/** The log before stays as it was anchored: its proofs hold. The new one names it. */
function openEpoch({ logId, epoch }: OpenEpochBody, view: View, context: TransactionContext): Outcome {
  const { sender, chainId, height } = context;
  const light = view.get(lights, sender);
  if (light === undefined) return refuse('unknown-light');
  if (epoch <= light.epoch) return refuse('old-epoch');
  if (logId !== trafficLogId({ chainId, light: sender, epoch, previous: light.logId })) return refuse('wrong-log-id');
  view.set(lights, sender, {
    ...{ epoch, logId, size: 0, root: emptyLogRoot, anchoredAt: height, isForked: false, roles: light.roles },
  });
  emit(view, 'epoch-opened', { light: sender, log: logId, previous: light.logId, size: String(light.size) });
  return ok;
}

function anchor({ logId, size, root, consistency }: AnchorBody, view: View, context: TransactionContext): Outcome {
  const { sender, height } = context;
  const light = view.get(lights, sender);
  if (light === undefined) return refuse('unknown-light');
  if (light.logId !== logId) return refuse('wrong-log-id');
  if (light.isForked) return refuse('log-forked');
  if (size < light.size) return refuse('log-shrunk');
  if (size === light.size) return refuse(root === light.root ? 'already-anchored' : 'log-forked');
  const extendsLast =
    light.size === 0
      ? consistency.length === 0
      : verifyConsistency(light.size, size, fromHex(light.root), fromHex(root), consistency);
  if (!extendsLast) return refuse('log-forked');
  view.set(lights, sender, { ...light, size, root, anchoredAt: height });
  emit(view, 'anchored', { light: sender, log: logId, size: String(size), root });
  return ok;
}

/** Anybody may show it: the light's own signatures accuse it. */
function fork({ light: key, logId, first, second }: ForkBody, view: View, context: TransactionContext): Outcome {
  const light = view.get(lights, key);
  if (light?.logId !== logId) return refuse('unknown-log');
  if (light.isForked) return refuse('known-fork');
  const check = checkpointRule(context);
  const a = readLogCheckpoint(first, logId, key, check);
  const b = second === null ? light : readLogCheckpoint(second, logId, key, check);
  if (a === null || b === null) return refuse('not-a-checkpoint');
  if (a.size !== b.size || a.size === 0 || a.root === b.root) return refuse('no-contradiction');
  view.set(lights, key, { ...light, isForked: true });
  emit(view, 'forked', { light: key, log: logId, size: String(a.size), first: a.root, second: b.root });
  return ok;
}

/**
 * What was spent only grows, and within what was leased. What was leased never shrinks: a light may have spent of it by the
 * time its transaction is executed.
 */
function leaseCounter(body: LeaseBody, view: View, { sender }: TransactionContext): Outcome {
  if (view.get(lights, sender) === undefined) return refuse('unknown-light');
  const { subject, counter, window, spent, lease } = body;
  const key = `${subject}/${counter}/${window}`;
  const before = view.get(leases, `${key}/${sender}`) ?? { spent: 0, lease: 0 };
  if (spent < before.spent || spent > before.spent + before.lease) return refuse('spent-not-leased');
  if (spent + lease < before.spent + before.lease) return refuse('lease-shrunk');
  const total = (view.get(totals, key) ?? 0) - (before.spent + before.lease) + spent + lease;
  if (total > personsMax) return refuse('too-many-persons');
  view.set(leases, `${key}/${sender}`, { spent, lease });
  view.set(totals, key, total);
  emit(view, 'counter-leased', {
    ...{ light: sender, subject, counter, window, spent: String(spent), lease: String(lease), total: String(total) },
  });
  return ok;
}

const reviewers = ({ light }: ReviewBody, view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  view.get(lights, light)?.roles.some(({ key }) => key === sender) === true ? ['light-reviewer'] : [];

export const trafficModule: LedgerModule = {
  name: 'traffic',
  kinds: new Map([
    ['register', kind<RegisterBody>({ body: registerBodyCodec, execute: register })],
    ['set-roles', kind({ body: rolesBodyCodec, execute: setRoles })],
    ['open-epoch', kind<OpenEpochBody>({ body: openEpochBodyCodec, execute: openEpoch })],
    ['anchor', kind<AnchorBody>({ body: anchorBodyCodec, execute: anchor })],
    ['fork-evidence', kind<ForkBody>({ body: forkBodyCodec, execute: fork })],
    ['lease-counter', kind<LeaseBody>({ body: leaseBodyCodec, execute: leaseCounter })],
    [
      'discharge',
      kind<DischargeBody>({ body: dischargeBodyCodec, relation: reviewers, execute: relay('discharge', 'discharged') }),
    ],
    [
      'quarantine-release',
      kind<ReviewBody>({ body: reviewBodyCodec, relation: reviewers, execute: relay('release', 'released') }),
    ],
    [
      'quarantine-reject',
      kind<ReviewBody>({ body: reviewBodyCodec, relation: reviewers, execute: relay('reject', 'rejected') }),
    ],
  ]),
  roles: (account, view) => (view.get(lights, account) === undefined ? [] : ['light']),
};

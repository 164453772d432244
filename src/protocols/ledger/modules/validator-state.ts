/**
 * Validator sets and members in state.
 *
 * The state after block h names two sets: `next`, which decides block h + 1, and `last`, which decided block h and
 * whose seals block h + 1 carries.
 */
import type { PublicKey } from '../../shared/brands.ts';
import { type Codec, list, nullable, publicKey32, struct, textMax, uint, uint64 } from '../../shared/codec.ts';
import { invariant } from '../../shared/errors.ts';
import { type ValidatorSet, validatorSet, validatorSetCodec } from '../validator-set.ts';
import { type ReadView, table, type View } from '../view.ts';

export interface Member {
  readonly vrfPublicKey: PublicKey;
  readonly name: string;
  /** What it may not unbond while it is a member; 0 after a forfeit. Minor units. */
  readonly bond: bigint;
  /** First height that it decides. */
  readonly since: number;
  /** Height of the block with evidence against it: it leaves as soon as the set can do without it. */
  readonly leaving: number | null;
}

/** A past membership: heights from `since` until before `until`. */
interface Term {
  readonly since: number;
  readonly until: number;
}

export interface ValidatorSettings {
  readonly chainName: string;
  /** Fewest members: 4, or what genesis had where that is fewer (a development chain). */
  readonly membersMin: number;
}

const memberCodec: Codec<Member> = struct<Member>({
  vrfPublicKey: publicKey32,
  name: textMax(64),
  bond: uint64,
  since: uint,
  leaving: nullable(uint),
});
const sets = table('validators/set/', validatorSetCodec);
const members = table('validators/member/', memberCodec);
const terms = table('validators/terms/', list(struct<Term>({ since: uint, until: uint }), 10_000));
const settings = table('validators/settings/', struct<ValidatorSettings>({ chainName: textMax(64), membersMin: uint }));

const readSet = (view: ReadView, name: string): ValidatorSet => {
  const set = view.get(sets, name);
  invariant(set !== undefined, `a state without the ${name} validator set`);
  return set;
};

/** The set that decides the next block (during execution: this one). */
export const readNextSet = (view: ReadView): ValidatorSet => readSet(view, 'next');
/** The set that decided the latest block (during execution: the parent). At genesis the first set. */
export const readLastSet = (view: ReadView): ValidatorSet => readSet(view, 'last');

export function writeSets(view: View, last: ValidatorSet, next: ValidatorSet): void {
  view.set(sets, 'last', last);
  view.set(sets, 'next', next);
}

export const readMembers = (view: ReadView): ReadonlyMap<PublicKey, Member> =>
  new Map([...view.scan(members)].map(([key, member]) => [key as PublicKey, member]));

export const readMember = (view: ReadView, key: PublicKey): Member | undefined => view.get(members, key);

export const writeMember = (view: View, key: PublicKey, member: Member): void => {
  view.set(members, key, member);
};

/** Ends a membership before height `until`; its term is kept for evidence. */
export function removeMember(view: View, key: PublicKey, until: number): void {
  const member = readMember(view, key);
  invariant(member !== undefined, `${key} is no member`);
  view.delete(members, key);
  view.set(terms, key, [...(view.get(terms, key) ?? []), { since: member.since, until }]);
}

/** Forgets terms that ended at or before `until`. */
export function forgetTerms(view: View, key: PublicKey, until: number): void {
  const left = (view.get(terms, key) ?? []).filter((term) => term.until > until);
  if (left.length === 0) view.delete(terms, key);
  else view.set(terms, key, left);
}

/** Whether the key belonged to the set that decided, or decides, this height. */
export function wasMember(view: ReadView, key: PublicKey, height: number): boolean {
  const member = readMember(view, key);
  if (member !== undefined && member.since <= height) return true;
  return (view.get(terms, key) ?? []).some((term) => term.since <= height && height < term.until);
}

export function readSettings(view: ReadView): ValidatorSettings {
  const found = view.get(settings, 'current');
  invariant(found !== undefined, 'a state without validator settings');
  return found;
}

export const writeSettings = (view: View, value: ValidatorSettings): void => {
  view.set(settings, 'current', value);
};

/** The set of these members under a finality threshold. */
export const setOf = (all: ReadonlyMap<PublicKey, Member>, finalityThreshold: number): ValidatorSet =>
  validatorSet(
    [...all].map(([publicKey, { vrfPublicKey }]) => ({ publicKey, vrfPublicKey })),
    finalityThreshold,
  );

/** Whether two sets have the same members and quorum. */
export const isSameSet = (a: ValidatorSet, b: ValidatorSet): boolean =>
  a.quorum === b.quorum &&
  a.validators.length === b.validators.length &&
  a.validators.every((validator, index) => {
    const other = b.validators[index];
    return validator.publicKey === other?.publicKey && validator.vrfPublicKey === other.vrfPublicKey;
  });

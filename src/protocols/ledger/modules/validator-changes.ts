/** What a change of the validator set says, and when it is refused. Source: consensus design, "Validator set". */
import type { PublicKey } from '../../shared/brands.ts';
import { validatorsMax } from '../block.ts';
import { possessionSigningBytes } from '../possession.ts';
import {
  type JsonCodec,
  jsonAmount,
  jsonBytesExact,
  jsonKey,
  jsonPattern,
  jsonStruct,
  jsonVariant,
} from '../json-codec.ts';
import type { SignatureRule } from '../module.ts';
import { isQuorumReachable } from '../validator-set.ts';
import type { ReadView } from '../view.ts';
import { readAccount } from './accounts.ts';
import { readMembers, type ValidatorSettings } from './validator-state.ts';

/** Who is to become a validator. Its account is the one named by `publicKey`. */
export interface Candidate {
  readonly publicKey: PublicKey;
  readonly vrfPublicKey: PublicKey;
  readonly name: string;
  /** Signature by publicKey over {@link possessionSigningBytes}. */
  readonly possession: Uint8Array;
  /** The part of its account's bond that is locked while it is a validator, minor units. */
  readonly bond: bigint;
}

export type ValidatorChange =
  | { readonly type: 'add'; readonly candidate: Candidate }
  | { readonly type: 'remove'; readonly publicKey: PublicKey }
  | { readonly type: 'replace'; readonly publicKey: PublicKey; readonly candidate: Candidate };

const candidateCodec = jsonStruct<Candidate>({
  publicKey: jsonKey,
  vrfPublicKey: jsonKey,
  name: jsonPattern(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/, 64),
  possession: jsonBytesExact(64),
  bond: jsonAmount,
});

export const validatorChangeCodec: JsonCodec<ValidatorChange> = jsonVariant<ValidatorChange>({
  add: jsonStruct<{ candidate: Candidate }>({ candidate: candidateCodec }),
  remove: jsonStruct<{ publicKey: PublicKey }>({ publicKey: jsonKey }),
  replace: jsonStruct<{ publicKey: PublicKey; candidate: Candidate }>({
    publicKey: jsonKey,
    candidate: candidateCodec,
  }),
});

/** VRF keys of the members, by their signing keys. */
export type Membership = ReadonlyMap<PublicKey, PublicKey>;

export const membership = (view: ReadView): Membership =>
  new Map([...readMembers(view)].map(([key, { vrfPublicKey }]) => [key, vrfPublicKey]));

/** Who leaves and who joins. */
export const leaverOf = (change: ValidatorChange): PublicKey | null =>
  change.type === 'add' ? null : change.publicKey;
export const joinerOf = (change: ValidatorChange): Candidate | null =>
  change.type === 'remove' ? null : change.candidate;

/** The membership after a change that {@link membershipRefusal} does not refuse. */
export function changed(members: Membership, change: ValidatorChange): Membership {
  const after = new Map(members);
  const leaver = leaverOf(change);
  const joiner = joinerOf(change);
  if (leaver !== null) after.delete(leaver);
  if (joiner !== null) after.set(joiner.publicKey, joiner.vrfPublicKey);
  return after;
}

export type SizeRefusal = 'too-few-validators' | 'too-many-validators' | 'quorum-unreachable';

/** Why a set may not have so many members. */
export function sizeRefusal(count: number, membersMin: number, finalityThreshold: number): SizeRefusal | null {
  if (count < membersMin) return 'too-few-validators';
  if (count > validatorsMax) return 'too-many-validators';
  return isQuorumReachable(count, finalityThreshold) ? null : 'quorum-unreachable';
}

export type MembershipRefusal = SizeRefusal | 'not-a-validator' | 'duplicate-key';

/** Why these members cannot change so. */
export function membershipRefusal(
  members: Membership,
  change: ValidatorChange,
  membersMin: number,
  finalityThreshold: number,
): MembershipRefusal | null {
  const leaver = leaverOf(change);
  const joiner = joinerOf(change);
  if (leaver !== null && !members.has(leaver)) return 'not-a-validator';
  if (joiner !== null) {
    if (members.has(joiner.publicKey)) return 'duplicate-key';
    for (const [key, vrfKey] of members) if (key !== leaver && vrfKey === joiner.vrfPublicKey) return 'duplicate-key';
  }
  return sizeRefusal(changed(members, change).size, membersMin, finalityThreshold);
}

export type CandidateRefusal =
  | 'inadmissible-key'
  | 'bad-possession'
  | 'candidate-without-account'
  | 'insufficient-bond';

/** Why this candidate cannot become a validator. */
export function candidateRefusal(
  candidate: Candidate,
  view: ReadView,
  settings: ValidatorSettings,
  signatures: SignatureRule,
): CandidateRefusal | null {
  const { publicKey, vrfPublicKey, possession, bond } = candidate;
  if (!signatures.isAdmissible(publicKey) || !signatures.isAdmissible(vrfPublicKey)) return 'inadmissible-key';
  const message = possessionSigningBytes(settings.chainName, publicKey, vrfPublicKey);
  if (!signatures.verify(publicKey, message, possession)) return 'bad-possession';
  const account = readAccount(view, publicKey);
  if (account === undefined) return 'candidate-without-account';
  return account.bonded < bond ? 'insufficient-bond' : null;
}

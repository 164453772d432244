/** Questions about committed state, for actors and interfaces. */
import type { PublicKey } from '../shared/brands.ts';
import type { Application } from './application.ts';
import type { ChainParameters } from './genesis.ts';
import { type Account, committedAccount } from './modules/accounts.ts';
import { readParameters, readProtocolVersion } from './modules/parameters.ts';
import { type Member, readLastSet, readMembers, readNextSet } from './modules/validator-state.ts';
import type { Role } from './permissions.ts';
import type { ValidatorSet } from './validator-set.ts';
import { type StateReader, View } from './view.ts';

export const accountAt = (reader: StateReader, key: PublicKey): Account | undefined => committedAccount(reader, key);

/** In force for the next block. */
export const parametersAt = (reader: StateReader): ChainParameters => readParameters(new View(reader));

/** Of the next block. */
export const protocolVersionAt = (reader: StateReader): number => readProtocolVersion(new View(reader));

/** `last` decided the state's block, `next` decides the one after it. */
export function validatorSetsAt(reader: StateReader): { readonly last: ValidatorSet; readonly next: ValidatorSet } {
  const view = new View(reader);
  return { last: readLastSet(view), next: readNextSet(view) };
}

/** Members of the next set with their names, bonds and standing, by key. */
export const membersAt = (reader: StateReader): ReadonlyMap<PublicKey, Member> => readMembers(new View(reader));

/** Roles that an account has whatever the object; empty for strangers. */
export function rolesAt(reader: StateReader, application: Application, key: PublicKey): readonly Role[] {
  const view = new View(reader);
  return application.modules.flatMap((module) => module.roles?.(key, view) ?? []);
}

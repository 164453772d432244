/** The court's part of a genesis document. */
import type { PublicKey } from '../../../shared/brands.ts';
import { jsonAmount, type JsonCodec, jsonKey, jsonList, type JsonProblem, jsonStruct } from '../../json-codec.ts';
import { type ArbitratorProfile, arbitratorsMax, profileFields } from './arbitrator-profile.ts';
import { type Jurisdiction, jurisdictionCodec, jurisdictionProblems } from './jurisdictions.ts';

interface GenesisArbitrator extends ArbitratorProfile {
  readonly account: PublicKey;
  /** Minor units; comes on top of the account's balance. */
  readonly bond: bigint;
}

export interface GenesisCourt {
  /** Ascending by account. */
  readonly arbitrators: readonly GenesisArbitrator[];
  /** In the place of the built-in ones of these names, or beside them. */
  readonly jurisdictions: readonly Jurisdiction[];
}

export const genesisCourtCodec: JsonCodec<GenesisCourt> = jsonStruct<GenesisCourt>({
  arbitrators: jsonList(
    jsonStruct<GenesisArbitrator>({ account: jsonKey, bond: jsonAmount, ...profileFields }),
    arbitratorsMax,
  ),
  jurisdictions: jsonList(jurisdictionCodec, 64),
});

/** What is wrong beside the shape and the order of the accounts. */
export function genesisCourtProblems({ arbitrators, jurisdictions }: GenesisCourt): readonly JsonProblem[] {
  const problems: JsonProblem[] = [];
  arbitrators.forEach(({ bond }, index) => {
    if (bond === 0n) problems.push({ path: `court.arbitrators[${index}].bond`, message: 'an arbitrator needs a bond' });
  });
  const seen = new Set<string>();
  jurisdictions.forEach((jurisdiction, index) => {
    const path = `court.jurisdictions[${index}]`;
    if (seen.has(jurisdiction.id)) problems.push({ path: `${path}.id`, message: `${jurisdiction.id} appears twice` });
    seen.add(jurisdiction.id);
    for (const problem of jurisdictionProblems(jurisdiction)) {
      problems.push({ path: `${path}.${problem.path}`, message: problem.message });
    }
  });
  return problems;
}

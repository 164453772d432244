/** What an arbitrator says of itself; in genesis and in transactions alike. */
import type { PublicKey } from '../../../shared/brands.ts';
import { type JsonCodec, jsonKey, jsonList, jsonStruct } from '../../json-codec.ts';
import { jsonLanguage, jsonName } from './agreement-terms.ts';

/** Arbitrators of one chain at most: the list of a case is a list of all who are eligible. */
export const arbitratorsMax = 256;

/** What an arbitrator says of itself. */
export interface ArbitratorProfile {
  /** Where it may judge. */
  readonly jurisdictions: readonly string[];
  /** ISO 639-1. */
  readonly languages: readonly string[];
  /** Accounts that it may not judge. */
  readonly affiliations: readonly PublicKey[];
}

export const profileFields = {
  jurisdictions: jsonList(jsonName, 16),
  languages: jsonList(jsonLanguage, 16),
  affiliations: jsonList(jsonKey, 64),
};
export const profileCodec: JsonCodec<ArbitratorProfile> = jsonStruct<ArbitratorProfile>(profileFields);

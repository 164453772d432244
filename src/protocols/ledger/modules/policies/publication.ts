/** What is published on chain of a policy set: names only, the bytes lie elsewhere. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { encode } from '../../../shared/codec.ts';
import { taggedHash } from '../../../shared/hash.ts';
import { type JsonCodec, jsonDigest, jsonKey, jsonNullable, jsonPattern, jsonStruct } from '../../json-codec.ts';

/** What is published: nothing of it is read by the ledger but its names. */
export interface Publication {
  readonly policySet: Digest;
  readonly factSet: Digest;
  /** Day for which it is compiled, `YYYY-MM-DD`. */
  readonly asOf: string;
  /** Whose own stricter set it is; null: the network's. */
  readonly tenant: PublicKey | null;
  /** Digest of the bytes, which lie off chain. */
  readonly content: Digest;
}

const day = jsonPattern(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 10);

export const factsFields = { factSet: jsonDigest, asOf: day, content: jsonDigest };

export const publicationFields = {
  policySet: jsonDigest,
  factSet: jsonDigest,
  asOf: day,
  tenant: jsonNullable<PublicKey>(jsonKey),
  content: jsonDigest,
};

export const publicationCodec: JsonCodec<Publication> = jsonStruct<Publication>(publicationFields);

/** Names a publication: the same for the same set, facts, day and tenant. */
export const publicationId = (publication: Publication): Digest =>
  taggedHash('bpci/policy-publication/v1', encode(publicationCodec, publication));

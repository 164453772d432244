/** A statement as a source hands it in, and as a court keeps it: canonical bytes and JSON (keys, digests and bytes in lower-case hex). */
import { jsonBytesExact, type JsonCodec, jsonDigest, jsonKey, jsonStruct, jsonUint } from '../ledger/json-codec.ts';
import { jsonName } from '../ledger/modules/court/agreement-terms.ts';
import type { Statement, StatementSubject } from '../ledger/modules/court/statements.ts';

export interface HandedIn extends StatementSubject, Statement {}

export const handedInCodec: JsonCodec<HandedIn> = jsonStruct<HandedIn>({
  agreement: jsonDigest,
  obligation: jsonName,
  period: jsonUint(2 ** 32),
  source: jsonKey,
  value: jsonUint(),
  signature: jsonBytesExact(64),
});

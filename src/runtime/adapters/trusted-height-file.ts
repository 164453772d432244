/** What a service trusts of the chain, in a file of its data directory: replaced as a whole, so that a crash leaves the one before. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { TrustMemory } from '../../client/http-chain-feed.ts';
import { ClientError } from '../../client/client-error.ts';
import { readJson } from '../../protocols/ledger/json-codec.ts';
import { trustedHeightCodec } from '../../protocols/ledger/light-client.ts';

/** `load` throws ClientError where the file is damaged: to begin anew with another trust is the operator's decision. */
export const trustedHeightFile = (path: string): TrustMemory => ({
  load: () => {
    if (!existsSync(path)) return null;
    const read = readJson(trustedHeightCodec, parsed(readFileSync(path, 'utf8')));
    if ('problems' in read) throw new ClientError('bad-answer', `${path} is damaged: remove it to trust anew`);
    return read.value;
  },
  save: (trusted) => {
    const next = `${path}.next`;
    writeFileSync(next, `${JSON.stringify(trustedHeightCodec.toJson(trusted))}\n`, { mode: 0o600 });
    renameSync(next, path);
  },
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

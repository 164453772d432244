/** The chain as every service follows it: proved from genesis, or from the newest height that it trusted when it ran last. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainClient } from '../client/chain-client.ts';
import { ClientError } from '../client/client-error.ts';
import { HttpChainFeed, type TrustMemory } from '../client/http-chain-feed.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import { readJson } from '../protocols/ledger/json-codec.ts';
import { trustedHeightCodec } from '../protocols/ledger/light-client.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { writeFileAtomically } from './network-directory.ts';
import type { Clock } from './ports/clock.ts';
import type { Signer } from './ports/signer.ts';
import type { Log } from './ports/telemetry.ts';

export interface ServiceFeedOptions {
  readonly client: ChainClient;
  /** Signs the service's own transactions. */
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Keeps `trusted-height.json`. */
  readonly dataDir: string;
  /** What the chain is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
}

/** Resolves once the state is here. Rejects with ClientError. */
export const followChain = ({ dataDir, ...options }: ServiceFeedOptions): Promise<HttpChainFeed> =>
  HttpChainFeed.start({
    ...options,
    verifier: createVerifier(),
    memory: trustedHeightFile(join(dataDir, 'trusted-height.json')),
  });

/**
 * Replaced as a whole, so that a crash leaves the one before. `load` throws ClientError where the file is damaged: to begin anew
 * with another trust is the operator's decision.
 */
const trustedHeightFile = (path: string): TrustMemory => ({
  load: () => {
    if (!existsSync(path)) return null;
    const read = readJson(trustedHeightCodec, parsed(readFileSync(path, 'utf8')));
    if ('problems' in read) throw new ClientError('bad-answer', `${path} is damaged: remove it to trust anew`);
    return read.value;
  },
  save: (trusted) => {
    writeFileAtomically(path, `${JSON.stringify(trustedHeightCodec.toJson(trusted))}\n`, 0o600);
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

/** A policy engine as a service: its actor, the published contents, and its routes. */
import { join } from 'node:path';
import { ContentStore, firstOf } from '../actors/policy/content-store.ts';
import type { PolicyEngineMessage } from '../actors/policy/messages.ts';
import { createPolicyApi } from '../actors/policy/policy-api.ts';
import { policyEngineActor } from '../actors/policy/policy-engine.ts';
import type { ContentSource } from '../actors/policy/policy-library.ts';
import { type ServedDomain, wholeDomain } from '../actors/policy/served-domain.ts';
import type { ChainClient } from '../client/chain-client.ts';
import { ClientError } from '../client/client-error.ts';
import { registerAuthZen } from './adapters/http/routes-authzen.ts';
import { registerPolicy } from './adapters/http/routes-policy.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import type { ActorRef } from './ports/actors.ts';
import { type PolicyApi, PolicyServiceError } from './ports/policy-api.ts';
import { rolesIn } from './served-chain.ts';
import {
  type RunningService,
  serviceEndpoint,
  type ServiceKind,
  type ServiceOptions,
  startService,
} from './service-frame.ts';
import { keepListed } from './service-listing.ts';
import { policyLibrary } from './service-library.ts';

export interface PolicyServiceOptions extends ServiceOptions {
  /** Where contents that were not published here are: the pack that comes with the product, other policy services. */
  readonly source?: ContentSource;
  /** Default all regions and classes. */
  readonly domain?: ServedDomain;
  /** State older than this decides nothing, ms. Default 30,000. */
  readonly stateAgeMsMax?: number;
  /** Random inputs on which a set is compared with Cedar before it is attested. Default 10,000. */
  readonly randomInputs?: number;
}

/** Its account is an evaluator where the chain's rule names it. */
export type RunningPolicyService = RunningService<PolicyApi>;

export const policyKind: ServiceKind = {
  service: 'policy',
  keyName: 'policy',
  title: 'bpci policy engine',
  text: 'States of data flows under the policy sets in force, and the sets themselves.',
};

/** Roles that see the sets of every tenant: they decide, attest or answer for them. */
const officialRoles: readonly string[] = ['light', 'governor', 'validator'];
const relayWaitMs = 30_000;

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export const startPolicyService = (options: PolicyServiceOptions): Promise<RunningPolicyService> =>
  startService(options, policyKind, (frame) => {
    const { telemetry, signer, clock, feed, system, uses } = frame;
    const { client, dataDir, source, stateAgeMsMax = 30_000, randomInputs = 10_000, domain = wholeDomain } = options;
    const schema = { kind: 'policy', version: 1, chainId: feed.chainId };
    const store = openLmdbStore({ directory: join(dataDir, 'contents'), schema });
    uses(() => store.close());
    const contents = new ContentStore(store);
    let started: ActorRef<PolicyEngineMessage> | null = null;
    const from = source === undefined ? contents : firstOf(contents, source);
    const { library, workshop } = policyLibrary(
      frame,
      from,
      () => started !== null && system.tell(started, { type: 'tables' }),
    );
    const engine = system.spawn(
      policyEngineActor({
        ...{ feed, library, telemetry, stateAgeMsMax, account: signer.publicKey },
        attesting: { workshop, random: randomInputs },
      }),
    );
    started = engine;
    const rolesOf = rolesIn(feed);
    const api = createPolicyApi({
      ...{ system, engine, clock, workshop, domain, chainId: feed.chainId },
      bytesOf: library.bytesOf.bind(library),
      relay: (transaction) => relay(client, transaction),
      keep: (content) => contents.keep(content),
      isOfficial: (account) => rolesOf(account).some((role) => officialRoles.includes(role)),
    });
    return {
      api,
      readiness: { name: 'engine', whenReady: 'evaluating', status: () => api.status() },
      register: (http) => {
        registerPolicy(http, api);
        registerAuthZen(http, api);
      },
      onListening: (address) => {
        const id = options.name ?? `policy-${signer.publicKey.slice(0, 8)}`;
        const listing = { id, region: 'Global', endpoints: [serviceEndpoint(address, options.tls)] };
        const end = keepListed(feed, { kind: 'policy', account: signer.publicKey }, listing, telemetry.log);
        uses(() => {
          end();
          return Promise.resolve();
        });
      },
    };
  });

async function relay(client: ChainClient, transaction: Uint8Array): Promise<{ hash: string; code: string }> {
  try {
    const answer = await client.submit(transaction, { waitMs: relayWaitMs });
    if ('result' in answer && answer.result !== null) return { hash: answer.hash, code: answer.result.code };
    throw new PolicyServiceError('time-out', `the transaction was not final in ${relayWaitMs} ms`);
  } catch (cause) {
    if (!(cause instanceof ClientError)) throw cause;
    const code = cause.code === 'refused' ? 'refused' : 'unavailable';
    throw new PolicyServiceError(code, cause.message, 'transaction', { cause });
  }
}

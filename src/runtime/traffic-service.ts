/** A traffic light as a service: its actor, its log, and its routes. */
import { join } from 'node:path';
import type { ContentSource } from '../actors/policy/policy-library.ts';
import { defaultTrafficLightLimits, type TrafficLightLimits } from '../actors/traffic/following.ts';
import type { TrafficLightMessage } from '../actors/traffic/messages.ts';
import { createTrafficApi } from '../actors/traffic/traffic-api.ts';
import { trafficLightActor } from '../actors/traffic/traffic-light.ts';
import type { ReviewerRole } from '../protocols/ledger/modules/traffic/bodies.ts';
import type { ServiceListing } from '../protocols/registry/listing.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { parseAddress } from './adapters/http/addresses.ts';
import { registerTraffic } from './adapters/http/routes-traffic.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import type { ActorRef } from './ports/actors.ts';
import type { TrafficApi } from './ports/traffic-api.ts';
import {
  type RunningService,
  serviceEndpoint,
  type ServiceKind,
  type ServiceOptions,
  startService,
} from './service-frame.ts';
import { policyLibrary } from './service-library.ts';

export interface TrafficServiceOptions extends ServiceOptions {
  /** Where published policy sets are fetched. */
  readonly source: ContentSource;
  readonly reviewers: readonly ReviewerRole[];
  readonly limits?: Partial<TrafficLightLimits>;
}

export type RunningTrafficService = RunningService<TrafficApi>;

export const trafficKind: ServiceKind = {
  service: 'traffic',
  keyName: 'light',
  title: 'bpci traffic light',
  text: 'Decisions on data flows, logged before they are answered.',
};

/** Without a name of its own a light is told by its key. A port that is not chosen yet is not told. */
function listingOf({ name, address, tls }: TrafficServiceOptions, key: PublicKey): ServiceListing {
  return {
    id: name ?? `traffic-${key.slice(0, 8)}`,
    endpoints: parseAddress(address).port === 0 ? [] : [serviceEndpoint(address, tls)],
    region: 'Global',
  };
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export const startTrafficService = (options: TrafficServiceOptions): Promise<RunningTrafficService> =>
  startService(options, trafficKind, (frame) => {
    const { telemetry, signer, clock, feed, system, uses } = frame;
    const { dataDir, source, reviewers, limits } = options;
    const schema = { kind: 'traffic', version: 1, chainId: feed.chainId };
    const store = openLmdbStore({ directory: join(dataDir, 'log'), schema });
    uses(() => store.close());
    const listeners: Parameters<typeof createTrafficApi>[0]['listeners'] = new Set();
    let started: ActorRef<TrafficLightMessage> | null = null;
    const { library } = policyLibrary(
      frame,
      source,
      () => started !== null && system.tell(started, { type: 'tables' }),
    );
    const light = system.spawn(
      trafficLightActor({
        ...{ feed, store, signer, library, clock, telemetry, reviewers, verifier: createVerifier() },
        listing: listingOf(options, signer.publicKey),
        limits: { ...defaultTrafficLightLimits, ...limits },
        onDecision: (decision, parties) => {
          for (const listener of listeners) listener(decision, parties);
        },
      }),
    );
    started = light;
    const api = createTrafficApi({ system, light: () => light, clock, listeners, telemetry });
    return {
      api,
      readiness: { name: 'light', whenReady: 'deciding', status: () => api.status() },
      register: (http) => registerTraffic(http, api),
    };
  });

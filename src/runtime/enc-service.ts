/** The operator of execution clusters as a service: its actor, its clusters' keys, and its routes, on one address a cluster. */
import { join } from 'node:path';
import { createEncApi } from '../actors/enc/enc-api.ts';
import { encActor } from '../actors/enc/enc.ts';
import { createAdmissionOwners } from '../client/admission-owners.ts';
import { DocklockExecutor } from '../client/docklock-executor.ts';
import type { ServiceClientOptions } from '../client/service-request.ts';
import { mintToken } from '../client/token.ts';
import { TrafficClient } from '../client/traffic-client.ts';
import type { Capabilities, Certification } from '../protocols/ledger/modules/enc/bodies.ts';
import { parseAddress } from './adapters/http/addresses.ts';
import { registerEnc } from './adapters/http/routes-enc.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import type { EncApi } from './ports/enc-api.ts';
import type { Signer } from './ports/signer.ts';
import {
  type RunningService,
  serviceEndpoint,
  type ServiceKind,
  type ServiceOptions,
  startService,
} from './service-frame.ts';
import { serviceSigner } from './service-key.ts';

/** One cluster as an operator describes it. */
export interface ClusterOptions {
  readonly id: string;
  readonly region: string;
  readonly country: string;
  readonly capabilities: Capabilities;
  readonly certifications: readonly Certification[];
  /** DockLock that runs its containers. */
  readonly docklock: ServiceClientOptions;
}

export interface EncServiceOptions extends ServiceOptions {
  readonly clusters: readonly ClusterOptions[];
  /** Whether clusters that the chain does not know are registered. */
  readonly isRegistering: boolean;
  /** One a cluster, `host:port`; the first is that of the service. */
  readonly addresses: readonly string[];
  readonly court: ServiceClientOptions;
  readonly policy: ServiceClientOptions;
  readonly traffic: ServiceClientOptions;
}

export type RunningEncService = RunningService<EncApi>;

const kind: ServiceKind = {
  service: 'enc',
  keyName: 'enc',
  title: 'bpci execution clusters',
  text: 'Workloads: admitted, placed, run, and receipts of that.',
};

/** Addresses of so many clusters, on ports from that of the service on. */
export function clusterAddresses(first: string, count: number): readonly string[] {
  const { port } = parseAddress(first);
  const at = (index: number): number => (port === 0 ? 0 : port + index);
  return Array.from({ length: count }, (_, index) => first.replace(/\d+$/, String(at(index))));
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export async function startEncService(options: EncServiceOptions): Promise<RunningEncService> {
  const { clusters, addresses, dataDir } = options;
  const signers: Signer[] = [];
  for (const { id } of clusters) signers.push(await serviceSigner(join(dataDir, 'keys'), `cluster-${id}`));
  return startService({ ...options, alsoAt: addresses.slice(1) }, kind, ({ signer, clock, feed, system, uses }) => {
    const { tls } = options;
    // DockLock lets the owner of a registered cluster run containers, and asks who that is.
    const by = (service: string, asked: ServiceClientOptions): ServiceClientOptions => ({
      ...asked,
      token: () => mintToken(signer, { chainId: feed.chainId, service }),
    });
    const [court, policy, traffic] = [
      by('court', options.court),
      by('policy', options.policy),
      by('traffic', options.traffic),
    ];
    const store = openLmdbStore({
      directory: join(dataDir, 'workloads'),
      schema: { kind: 'enc', version: 1, chainId: feed.chainId },
    });
    uses(() => store.close());
    const own = clusters.map(({ docklock, ...cluster }, index) => {
      const executor = new DocklockExecutor(by('docklock', docklock), clock);
      uses(() => {
        executor.close();
        return Promise.resolve();
      });
      const endpoint = addresses[index];
      return {
        ...cluster,
        ...{ executor, signer: signers[index] as Signer, agreements: [], isRegistering: options.isRegistering },
        endpoints: endpoint === undefined || endpoint.endsWith(':0') ? [] : [serviceEndpoint(endpoint, tls)],
      };
    });
    const enc = system.spawn(
      encActor({
        ...{ feed, account: signer.publicKey, clock, store, clusters: own },
        owners: createAdmissionOwners({ court, policy, traffic }),
        // Clusters of other processes of this operator are not watched from here.
        isPeerLost: () => false,
      }),
    );
    const light = new TrafficClient(traffic);
    const api = createEncApi({ system, enc, feed, decisionProof: (id) => light.proof(id) });
    return {
      api,
      readiness: { name: 'clusters', whenReady: 'active', status: () => api.status() },
      register: (http) => registerEnc(http, api),
      onListening: () => {
        const listings = own.map(({ id, region, endpoints }) => ({ id, region, endpoints }));
        system.tell(enc, { type: 'announce', listings });
      },
    };
  });
}

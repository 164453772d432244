/** An Agreement Court as a service: its actor, the statements handed in to it, and its routes. */
import { join } from 'node:path';
import { createCourtApi } from '../actors/court/court-api.ts';
import { courtActor, type CourtTerms } from '../actors/court/court.ts';
import { createCourtChain } from '../client/court-chain.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { registerCourt } from './adapters/http/routes-court.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import type { CourtApi } from './ports/court-api.ts';
import {
  type RunningService,
  serviceEndpoint,
  type ServiceKind,
  type ServiceOptions,
  startService,
} from './service-frame.ts';

export interface CourtServiceOptions extends ServiceOptions {
  readonly terms: CourtTerms;
}

export type RunningCourtService = RunningService<CourtApi>;

export const courtKind: ServiceKind = {
  service: 'court',
  keyName: 'court',
  title: 'bpci agreement court',
  text: 'Agreements, disputes about them, and who decides.',
};

async function readinessOf(api: CourtApi): Promise<{ readonly isReady: boolean; readonly problem: string | null }> {
  const status = await api.status();
  return status.kind === 'answer' ? { isReady: true, problem: null } : { isReady: false, problem: status.detail };
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export const startCourtService = (options: CourtServiceOptions): Promise<RunningCourtService> =>
  startService(options, courtKind, ({ telemetry, signer, feed, system, uses }) => {
    const { client, dataDir, terms, tls } = options;
    const chain = createCourtChain(client, feed);
    const schema = { kind: 'court', version: 1, chainId: feed.chainId };
    const store = openLmdbStore({ directory: join(dataDir, 'statements'), schema });
    uses(() => store.close());
    const signatures = createVerifier();
    const court = system.spawn(courtActor({ chain, terms, telemetry, store, signatures, account: signer.publicKey }));
    const api = createCourtApi({ system, court, chain, terms });
    return {
      api,
      readiness: { name: 'court', whenReady: 'works', status: () => readinessOf(api) },
      register: (http) => registerCourt(http, api),
      // Under the name by which agreements know it.
      onListening: (address) => {
        const listing = { id: terms.name, region: 'Global', endpoints: [serviceEndpoint(address, tls)] } as const;
        system.tell(court, { type: 'announce', listing });
      },
    };
  });

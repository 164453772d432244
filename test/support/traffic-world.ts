/** A light over a simulated disk, with the default pack and facts of a chain that the test sets. */
import { type ChainFacts, Light } from '../../src/actors/traffic/light.ts';
import { DecisionLog, type LogAnchor } from '../../src/actors/traffic/decision-log.ts';
import { emptyOverlay, putInForce } from '../../src/protocols/policy/overlay.ts';
import { overlayHash, type PolicyTables } from '../../src/protocols/traffic/inputs.ts';
import { readTrafficRequest, type TrafficRequest } from '../../src/protocols/traffic/flow.ts';
import { chainId, type PublicKey } from '../../src/protocols/shared/brands.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { Store } from '../../src/runtime/ports/store.ts';
import type { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { pack } from '../policy/default-pack.ts';

export const testChain = chainId('ab'.repeat(32));
export const lightSigner = createSigner(new Uint8Array(32).fill(7));
export const verifier = createVerifier();

/** Noon of the day for which the default pack is made, ms since 1970. */
export const now = Date.parse(`${pack.asOf}T12:00:00Z`);

export const tables: PolicyTables = {
  inForce: putInForce(pack.set, pack.facts, pack.asOf),
  overlayHash: overlayHash(emptyOverlay),
  tenantSets: new Map(),
  missingTenants: new Set(),
  outsideOf: () => undefined,
};

export const factsOf = (more: Partial<ChainFacts> = {}): ChainFacts => ({
  height: 10,
  stateTime: now,
  stateAgeMsMax: 30_000,
  policy: tables,
  constraintsOf: () => [],
  isSuspended: () => false,
  lease: () => ({ total: 0, granted: 0 }),
  hasRole: () => false,
  ...more,
});

/** A personal, confidential transfer, changed. */
export function trafficRequest(
  requestId: string,
  from: string,
  to: string,
  flow: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): TrafficRequest {
  return readTrafficRequest({
    requestId,
    flow: {
      subject: { tenant: 'acme', workload: 'orders' },
      ...{ operation: 'transfer', classification: 'Confidential', contents: ['personal'] },
      purpose: 'service-provision',
      source: { country: from },
      destination: { country: to },
      ...flow,
    },
    ...more,
  });
}

/** Under the default pack: Green; Yellow, held until the compliance officer has checked a listing; Red. */
export const greenRequest = (id: string): TrafficRequest => trafficRequest(id, 'DE', 'FR', { bases: ['contract'] });
export const yellowRequest = (id: string): TrafficRequest => trafficRequest(id, 'DE', 'US', { bases: ['dpf'] });
export const redRequest = (id: string): TrafficRequest => trafficRequest(id, 'DE', 'CN');

export const storeSchema = { kind: 'services', version: 1, chainId: testChain };

export interface TestLight {
  readonly light: Light;
  readonly store: Store;
}

export async function openLight(
  disk: MemoryDisk,
  options: { readonly facts?: ChainFacts; readonly anchor?: LogAnchor | null; readonly quarantineMax?: number } = {},
): Promise<TestLight> {
  const store = disk.open(storeSchema);
  const log = await DecisionLog.open({
    store,
    chainId: testChain,
    signer: lightSigner,
    anchor: options.anchor ?? null,
  });
  const light = new Light(
    {
      ...{ chainId: testChain, store, log, salt: '5a'.repeat(32) },
      quarantineMax: options.quarantineMax ?? 100,
      check: (key, message, signature) => verifier.verify(key, message, signature),
    },
    options.facts ?? factsOf(),
  );
  return { light, store };
}

export const caller = createSigner(new Uint8Array(32).fill(9)).publicKey;

/** Keys that hold every role. */
export const reviewer = createSigner(new Uint8Array(32).fill(11));
export const isReviewer = (key: PublicKey): boolean => key === reviewer.publicKey;

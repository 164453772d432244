/** DockLock as a service: the images and drivers of this machine, the actor that keeps what was asked for, and its routes. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { docklockActor } from '../actors/docklock/docklock.ts';
import { createDocklockApi } from '../actors/docklock/docklock-api.ts';
import { tenantOwner } from '../protocols/ledger/modules/court/agreement-state.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { View } from '../protocols/ledger/view.ts';
import { registerDocklock } from './adapters/http/routes-docklock.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import { userOf } from './containers/image-users.ts';
import { OciDriver } from './containers/oci-driver.ts';
import { findRuntime } from './containers/oci-runtime.ts';
import { TenantNetworks } from './containers/tenant-networks.ts';
import { WasmDriver } from './containers/wasm-driver.ts';
import { openImageStore } from './images/directory-image-store.ts';
import type { ContainerDriver } from './ports/container-driver.ts';
import type { DocklockApi } from './ports/docklock-api.ts';
import { rolesIn } from './served-chain.ts';
import { type RunningService, type ServiceKind, type ServiceOptions, startService } from './service-frame.ts';

export interface DocklockServiceOptions extends ServiceOptions {
  /** Shims that are made ahead for each driver. */
  readonly poolSize: number;
  /** Accounts that may run containers here, beside the governors of the chain. */
  readonly operators: readonly PublicKey[];
}

export type RunningDocklockService = RunningService<DocklockApi>;

const kind: ServiceKind = {
  service: 'docklock',
  keyName: 'docklock',
  title: 'bpci DockLock',
  text: 'Images and containers of one machine.',
};

/** Two DockLocks of one machine do not meet in its control groups. */
const groupOf = (dataDir: string): string =>
  `bpci/${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12)}`;

/** Those that are found on PATH, and modules, which need nothing else. */
async function findDrivers(
  dataDir: string,
  poolSize: number,
  networks: TenantNetworks,
): Promise<readonly ContainerDriver[]> {
  const found: ContainerDriver[] = [];
  for (const name of ['crun', 'runc'] as const) {
    const runtime = await findRuntime(name);
    if (runtime === null) continue;
    const driver = new OciDriver({
      ...{ runtime, poolSize, networks, now: () => Date.now() },
      stateDir: join(resolve(dataDir), 'containers', name),
      rootsDir: join(resolve(dataDir), 'images'),
      controlGroup: `${groupOf(dataDir)}-${name}`,
    });
    if ((await driver.probe()).problem === null) found.push(driver);
    else await driver.close();
  }
  const modules = { stateDir: join(resolve(dataDir), 'containers', 'wasm'), controlGroup: `${groupOf(dataDir)}-wasm` };
  found.push(new WasmDriver({ ...modules, now: () => Date.now() }));
  return found;
}

/** Rejects with ClientError, KeyFileError, StoreError, ImageError, HttpListenError. */
export async function startDocklockService(options: DocklockServiceOptions): Promise<RunningDocklockService> {
  const { dataDir, poolSize } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const images = await openImageStore({ directory: join(dataDir, 'images'), now: () => Date.now() });
  const closers: (() => Promise<void>)[] = [() => images.close()];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const networks = new TenantNetworks(groupOf(dataDir));
    closers.push(() => networks.close());
    const drivers = await findDrivers(dataDir, poolSize, networks);
    closers.push(async () => {
      for (const driver of drivers) await driver.close();
    });
    return await startService(options, kind, ({ telemetry, clock, feed, system, uses }) => {
      uses(close);
      const store = openLmdbStore({
        directory: join(dataDir, 'state'),
        schema: { kind: 'docklock', version: 1, chainId: feed.chainId },
      });
      uses(() => store.close());
      const docklock = system.spawn(docklockActor({ store, drivers, images, clock, userOf, log: telemetry.log }));
      const roles = rolesIn(feed);
      const view = (): View | null => {
        const state = feed.current();
        return state === null ? null : new View(state.reader);
      };
      // Anybody may register a cluster on the chain: that alone opens no machine.
      const operators: ReadonlySet<string> = new Set(options.operators);
      const isOperator = (key: string): boolean => operators.has(key) || roles(key).includes('governor');
      const api = createDocklockApi({
        ...{ system, docklock, images, drivers },
        maySee: (viewer, tenant) => {
          const chain = view();
          return chain !== null && (isOperator(viewer) || tenantOwner(chain, tenant) === viewer);
        },
        height: () => feed.current()?.height ?? null,
      });
      return {
        api,
        rolesOf: (key) => (isOperator(key) ? [...roles(key), 'operator'] : roles(key)),
        readiness: { name: 'containers', whenReady: 'can run', status: () => api.status() },
        register: (http) => registerDocklock(http, api),
      };
    });
  } catch (error) {
    await close();
    throw error;
  }
}

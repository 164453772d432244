/** `DocklockApi` over the actor, the drivers and the images. */
import { ActorError, type ActorRef, type ActorSystem, type ReplyTo } from '../../runtime/ports/actors.ts';
import { type ContainerDriver, ContainerError } from '../../runtime/ports/container-driver.ts';
import {
  type ContainerView,
  type DocklockApi,
  type DriverView,
  DocklockError,
} from '../../runtime/ports/docklock-api.ts';
import type { ImageStore } from '../../runtime/ports/image-store.ts';
import type { DocklockMessage, FoundContainer, Outcome } from './messages.ts';

export interface DocklockApiOptions {
  readonly system: ActorSystem;
  readonly docklock: ActorRef<DocklockMessage>;
  readonly images: ImageStore;
  readonly drivers: readonly ContainerDriver[];
  /** Whether an account may see what is a tenant's. */
  readonly maySee: (viewer: string, tenant: string) => boolean;
  /** Of the chain, as it is followed; null before there is one. */
  readonly height: () => number | null;
}

/** The slowest thing is a tree of an image that is flattened for a tenant's users the first time. */
const deployTimeoutMs = 300_000;
const askTimeoutMs = 30_000;
const stopMarginMs = 60_000;

export function createDocklockApi({
  system,
  docklock,
  images,
  drivers,
  maySee,
  height,
}: DocklockApiOptions): DocklockApi {
  const ask = async <T>(
    make: (replyTo: ReplyTo<Outcome<T>>) => DocklockMessage,
    timeoutMs = askTimeoutMs,
  ): Promise<T> => {
    const outcome = await system.ask(docklock, make, { timeoutMs }).catch((cause: unknown) => {
      throw cause instanceof ActorError ? new DocklockError('not-ready', 'DockLock does not answer', { cause }) : cause;
    });
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  };
  const find = async (id: string, viewer: string | null): Promise<FoundContainer> => {
    const found = await ask<FoundContainer>((replyTo) => ({ type: 'find', id, replyTo }));
    // What is another's is not there.
    if (viewer !== null && !maySee(viewer, found.view.tenant))
      throw new ContainerError('unknown-container', `there is no container ${id}`);
    return found;
  };
  const probed = async (driver: ContainerDriver): Promise<DriverView> => ({
    name: driver.name,
    isolationClass: driver.isolationClass,
    ...(await driver.probe()),
  });
  const containers = async (viewer: string | null): Promise<readonly ContainerView[]> => {
    const all = await ask<readonly ContainerView[]>((replyTo) => ({ type: 'list', replyTo }));
    return all.filter(({ tenant }) => viewer === null || maySee(viewer, tenant));
  };
  return {
    images,
    containers,
    deploy: (request, by) => ask((replyTo) => ({ type: 'deploy', request, by, replyTo }), deployTimeoutMs),
    container: async (id, viewer) => (await find(id, viewer)).view,
    stop: (id, stop) => ask((replyTo) => ({ type: 'stop', id, stop, replyTo }), stop.graceMs + stopMarginMs),
    remove: async (id) => {
      await ask<null>((replyTo) => ({ type: 'remove', id, replyTo }));
    },
    exec: async (id, request) => (await find(id, null)).driver.exec(id, request),
    logs: async (id, options, viewer) => (await find(id, viewer)).driver.logs(id, options),
    stats: async (id, viewer) => (await find(id, viewer)).driver.stats(id),
    status: async () => {
      const [there, views] = await Promise.all([containers(null), Promise.all(drivers.map(probed))]);
      const canRun = views.some(({ problem }) => problem === null);
      return {
        // Without a runtime it goes on: images are here, and what it says of itself.
        isReady: true,
        problem: canRun ? null : noDriver(views),
        height: height(),
        containers: there.length,
        running: there.filter(({ phase }) => phase === 'running').length,
        drivers: views,
      };
    },
  };
}

const noDriver = (views: readonly DriverView[]): string =>
  views.length === 0
    ? 'there is no runtime of containers on this machine: mainnet doctor says how to install one'
    : views.map(({ name, problem }) => `${name} ${problem ?? ''}`).join('; ');

/** From a request to a running container: image, root, user, driver. What was begun is undone where a step fails. */
import { toSpec } from '../../protocols/docklock/deployment.ts';
import type { ContainerSpec, IdRange } from '../../protocols/shared/containers.ts';
import { type ContainerDriver, ContainerError, type ContainerState } from '../../runtime/ports/container-driver.ts';
import { type DeployRequest, DocklockError } from '../../runtime/ports/docklock-api.ts';
import type { ImageStore } from '../../runtime/ports/image-store.ts';
import type { Deployed } from './messages.ts';

export interface DeployingParts {
  readonly images: ImageStore;
  /** Of an image's user, looked up in the root's own lists; null where they do not have it. */
  readonly userOf: (root: string, user: string) => ContainerSpec['user'] | null;
}

export async function deploy(
  { images, userOf }: DeployingParts,
  request: DeployRequest,
  { driver, idRange }: { readonly driver: ContainerDriver; readonly idRange: IdRange },
): Promise<Deployed> {
  const { id } = request;
  const root = await images.openRoot({ image: request.image, containerId: id, idRange, kind: 'shared' });
  let isCreated = false;
  try {
    const user = userOf(root.path, root.config.user);
    if (user === null)
      throw new DocklockError('unknown-user', `the image has no user ${root.config.user} in its /etc/passwd`);
    const spec = toSpec(
      request,
      { ...root.config },
      { user, idRange, root: { path: root.path, imageDigest: root.imageDigest, isReadOnly: true } },
    );
    if (spec.args.length === 0)
      throw new DocklockError('image-without-program', 'the image names no program: say what is to be run');
    await driver.create(spec);
    isCreated = true;
    await startOrEnd(driver, id);
    return { imageDigest: root.imageDigest, state: await stateOf(driver, id) };
  } catch (error) {
    if (isCreated) await driver.remove(id);
    await images.closeRoot(id);
    throw error;
  }
}

/** A program that cannot be started is a container that has ended. */
async function startOrEnd(driver: ContainerDriver, id: string): Promise<void> {
  try {
    await driver.start(id);
  } catch (error) {
    if (!(error instanceof ContainerError && error.code === 'start-failed')) throw error;
  }
}

async function stateOf(driver: ContainerDriver, id: string): Promise<ContainerState> {
  const found = (await driver.list()).find((state) => state.id === id);
  if (found === undefined) throw new ContainerError('unknown-container', `${id} went away while it was started`);
  return found;
}

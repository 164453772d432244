/** A client of DockLock's HTTP interface. */
import type { ContainerView, DeployRequest, DocklockStatus } from '../runtime/ports/docklock-api.ts';
import type { ResourceUsage } from '../protocols/shared/containers.ts';
import type { LogEntry } from '../runtime/ports/container-driver.ts';
import type { Collected, ImageRecord } from '../runtime/ports/image-store.ts';
import { askService, openService, type ServiceClientOptions } from './service-request.ts';

export interface ExecAnswer {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly isTruncated: boolean;
}

export type DeployOptions = Pick<DeployRequest, 'id' | 'tenant' | 'image'> & Partial<DeployRequest>;

const slowMs = 300_000;

/** Every method rejects with ClientError, `refused` with DockLock's own code as the reason. */
export class DocklockClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
  }

  async deploy(request: DeployOptions): Promise<ContainerView> {
    return (await this.#ask('/v1/containers', request, slowMs)) as ContainerView;
  }

  async containers(): Promise<readonly ContainerView[]> {
    const { containers } = (await this.#ask('/v1/containers')) as { readonly containers: readonly ContainerView[] };
    return containers;
  }

  async container(id: string): Promise<ContainerView> {
    return (await this.#ask(pathOf(id))) as ContainerView;
  }

  async stop(id: string, graceMs: number): Promise<ContainerView> {
    return (await this.#ask(pathOf(id, 'stop'), { graceMs }, graceMs + slowMs)) as ContainerView;
  }

  async remove(id: string): Promise<void> {
    await this.#ask(pathOf(id, 'remove'), {});
  }

  async exec(id: string, args: readonly string[], timeoutMs: number): Promise<ExecAnswer> {
    const answer = (await this.#ask(pathOf(id, 'exec'), { args, timeoutMs }, timeoutMs + slowMs)) as Omit<
      ExecAnswer,
      'stdout' | 'stderr'
    > & { readonly stdout: string; readonly stderr: string };
    return { ...answer, stdout: Buffer.from(answer.stdout, 'base64'), stderr: Buffer.from(answer.stderr, 'base64') };
  }

  async stats(id: string): Promise<ResourceUsage> {
    return (await this.#ask(pathOf(id, 'stats'))) as ResourceUsage;
  }

  /** Ends with the container where it follows. */
  async *logs(
    id: string,
    { isFollowing, tail }: { readonly isFollowing: boolean; readonly tail: number | null },
  ): AsyncGenerator<LogEntry, void, undefined> {
    const query = new URLSearchParams({
      follow: String(isFollowing),
      ...(tail === null ? {} : { tail: String(tail) }),
    });
    const body = await openService(this.#options, `${pathOf(id, 'logs')}?${query.toString()}`);
    let rest = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as LogEntry;
    }
  }

  async status(): Promise<DocklockStatus> {
    return (await this.#ask('/v1/status')) as DocklockStatus;
  }

  async importImage(
    path: string,
    options: { name?: string | undefined; expectedDigest?: string | undefined; tag?: string | undefined },
  ): Promise<ImageRecord> {
    return (await this.#ask('/v1/images', { path, ...options }, slowMs)) as ImageRecord;
  }

  async images(): Promise<readonly ImageRecord[]> {
    const { images } = (await this.#ask('/v1/images')) as { readonly images: readonly ImageRecord[] };
    return images;
  }

  async image(reference: string): Promise<ImageRecord> {
    return (await this.#ask(`/v1/images/${encodeURIComponent(reference)}`)) as ImageRecord;
  }

  async removeImage(reference: string): Promise<void> {
    await this.#ask(`/v1/images/${encodeURIComponent(reference)}/remove`, {});
  }

  async collectImages(): Promise<Collected> {
    return (await this.#ask('/v1/images/collect', {}, slowMs)) as Collected;
  }

  #ask(path: string, body?: unknown, timeoutMs?: number): Promise<unknown> {
    return askService({ ...this.#options, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, path, body);
  }
}

const pathOf = (id: string, what?: string): string =>
  `/v1/containers/${encodeURIComponent(id)}${what === undefined ? '' : `/${what}`}`;

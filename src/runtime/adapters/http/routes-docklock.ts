/** DockLock's interface: images, containers, what they write and use. Whoever changes anything is an operator, on any listener. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { type TObject, Type } from 'typebox';
import { isolationClasses } from '../../../protocols/shared/containers.ts';
import type { CodedError } from '../../../protocols/shared/errors.ts';
import { ContainerError, type ExecRequest } from '../../ports/container-driver.ts';
import { type DeployRequest, type DocklockApi, DocklockError } from '../../ports/docklock-api.ts';
import { ImageError } from '../../ports/image-store.ts';
import type { Application } from './application.ts';
import { HttpProblem } from './problem.ts';

const closed = { additionalProperties: false } as const;
const nothing = Type.Object({}, closed);
const name = (description: string) => Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description });
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const words = (description: string) => Type.Array(Type.String({ maxLength: 131_072 }), { maxItems: 1024, description });

const deployBody = Type.Object(
  {
    id: name('Of the container, on this host'),
    tenant: name('Whose it is'),
    image: Type.String({ minLength: 1, maxLength: 512, description: 'name@sha256:…, sha256:… or a name' }),
    args: Type.Optional(nullable(words('The program and its arguments, in the place of the image’s'))),
    env: Type.Optional(words('NAME=value, beside the image’s')),
    cpuMillis: Type.Optional(
      Type.Integer({ minimum: 10, maximum: 1_024_000, description: 'Thousandths of a processor' }),
    ),
    memoryBytes: Type.Optional(Type.Integer({ minimum: 8 * 1024 * 1024 })),
    pidsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576 })),
    diskBytes: Type.Optional(nullable(Type.Integer({ minimum: 0 }))),
    wallTimeMs: Type.Optional(nullable(Type.Integer({ minimum: 1 }))),
    ports: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { maxItems: 64, uniqueItems: true }),
    ),
    isolationClass: Type.Optional(Type.Union(isolationClasses.map((value) => Type.Literal(value)))),
    driver: Type.Optional(nullable(Type.String({ maxLength: 32 }))),
  },
  closed,
);

const defaults: Omit<DeployRequest, 'id' | 'tenant' | 'image'> = {
  ...{ args: null, env: [], cpuMillis: 1000, memoryBytes: 128 * 1024 * 1024, pidsMax: 128 },
  ...{ diskBytes: null, wallTimeMs: null, ports: [], isolationClass: 'container', driver: null },
};

const statuses: Readonly<Record<string, number>> = {
  // Of DockLock.
  'not-ready': 503,
  'no-such-driver': 422,
  'image-without-program': 422,
  'unknown-user': 422,
  'id-reused': 409,
  busy: 409,
  unavailable: 503,
  // Of drivers.
  'invalid-spec': 400,
  'id-taken': 409,
  'unknown-container': 404,
  'wrong-phase': 409,
  'isolation-unavailable': 422,
  unsupported: 422,
  'driver-unavailable': 503,
  'start-failed': 422,
  'runtime-failed': 502,
  'runtime-timeout': 504,
  full: 507,
  // Of images; every other refusal is the image's fault.
  'not-found': 404,
  'in-use': 409,
  'source-not-found': 422,
  locked: 503,
  closed: 503,
  corrupt: 500,
  failed: 500,
};

async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isOurs = error instanceof ContainerError || error instanceof DocklockError || error instanceof ImageError;
    if (!isOurs) throw error;
    const { code, message }: CodedError = error;
    throw new HttpProblem(code, { status: statuses[code] ?? 422, detail: message, title: 'DockLock refused' });
  }
}

interface Operation {
  readonly method: HTTPMethods;
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  readonly access: 'read' | 'administration';
  readonly tag: 'images' | 'containers' | 'node';
  readonly body?: TObject;
  readonly query?: TObject;
  readonly act: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
}

const json = (description: string): Record<string, unknown> => ({
  description,
  content: { 'application/json': { schema: Type.Unknown() } },
});

function register({ app }: Application, operations: readonly Operation[]): void {
  for (const { method, url, operationId, summary, access, tag, body, query, act } of operations) {
    const params = url.includes(':id') ? { params: Type.Object({ id: Type.String({ maxLength: 600 }) }) } : {};
    app.route({
      ...{ method, url, config: { access } },
      schema: {
        ...{ operationId, summary, tags: [tag], response: { 200: json(summary) }, ...params },
        ...(body === undefined ? {} : { body }),
        ...(query === undefined ? {} : { querystring: query }),
      },
      handler: async (request, reply) => {
        const answer = await answered(act(request, reply));
        return reply.sent ? reply : reply.send(answer ?? { ok: true });
      },
    });
  }
}

const idOf = (request: FastifyRequest): string => (request.params as { readonly id: string }).id;
const callerOf = (request: FastifyRequest): string | null => request.caller?.account ?? null;

export function registerDocklock(application: Application, api: DocklockApi): void {
  register(application, imageOperations(api));
  register(application, containerOperations(api));
  register(application, runningOperations(api, application.stopping.signal));
  register(application, [
    {
      ...{ method: 'GET', url: '/v1/status', operationId: 'getDocklockStatus', access: 'read', tag: 'node' },
      summary: 'Drivers, their runtimes, and what runs',
      act: () => api.status(),
    },
  ]);
}

const importBody = Type.Object(
  {
    path: Type.String({ minLength: 1, maxLength: 4096, description: 'Of a layout or an archive, on DockLock’s host' }),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    expectedDigest: Type.Optional(Type.String({ maxLength: 128 })),
    tag: Type.Optional(Type.String({ maxLength: 255 })),
  },
  closed,
);

const imageOperations = ({ images }: DocklockApi): readonly Operation[] => [
  {
    ...{ method: 'POST', url: '/v1/images', operationId: 'importImage', access: 'administration', tag: 'images' },
    summary: 'Takes an image from an OCI image layout',
    body: importBody,
    act: ({ body }) => {
      const { path, ...options } = body as { readonly path: string; readonly name?: string };
      return images.import(path, options);
    },
  },
  {
    ...{ method: 'GET', url: '/v1/images', operationId: 'listImages', access: 'read', tag: 'images' },
    summary: 'The images',
    act: async () => ({ images: await images.list() }),
  },
  {
    ...{ method: 'GET', url: '/v1/images/:id', operationId: 'getImage', access: 'read', tag: 'images' },
    summary: 'An image, by name or digest',
    act: (request) => images.inspect(idOf(request)),
  },
  {
    ...{
      method: 'POST',
      url: '/v1/images/:id/remove',
      operationId: 'removeImage',
      access: 'administration',
      tag: 'images',
    },
    summary: 'Forgets a name, or an image by its digest',
    body: nothing,
    act: (request) => images.remove(idOf(request)),
  },
  {
    ...{
      method: 'POST',
      url: '/v1/images/collect',
      operationId: 'collectImages',
      access: 'administration',
      tag: 'images',
    },
    summary: 'Frees what no image and no container needs',
    body: nothing,
    act: () => images.collect(),
  },
];

const containerOperations = (api: DocklockApi): readonly Operation[] => [
  {
    ...{
      method: 'POST',
      url: '/v1/containers',
      operationId: 'deployContainer',
      access: 'administration',
      tag: 'containers',
    },
    summary: 'Runs an image; the same request again gives the same container',
    body: deployBody,
    act: (request) => api.deploy({ ...defaults, ...(request.body as DeployRequest) }, callerOf(request)),
  },
  {
    ...{ method: 'GET', url: '/v1/containers', operationId: 'listContainers', access: 'read', tag: 'containers' },
    summary: 'The containers',
    act: async (request) => ({ containers: await api.containers(callerOf(request)) }),
  },
  {
    ...{ method: 'GET', url: '/v1/containers/:id', operationId: 'getContainer', access: 'read', tag: 'containers' },
    summary: 'A container',
    act: (request) => api.container(idOf(request), callerOf(request)),
  },
  {
    ...{
      method: 'POST',
      url: '/v1/containers/:id/remove',
      operationId: 'removeContainer',
      access: 'administration',
      tag: 'containers',
    },
    summary: 'Forgets a container that has ended',
    body: nothing,
    act: (request) => api.remove(idOf(request)),
  },
  {
    ...{
      method: 'POST',
      url: '/v1/containers/:id/stop',
      operationId: 'stopContainer',
      access: 'administration',
      tag: 'containers',
    },
    summary: 'Asks a container to end, and ends it after the grace',
    body: Type.Object(
      {
        graceMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 600_000, default: 10_000 })),
        by: Type.Optional(name('For whom, in the exit cause: court, lease, …; absent: the caller’s account')),
      },
      closed,
    ),
    act: (request) => {
      const body = request.body as { readonly graceMs?: number; readonly by?: string };
      return api.stop(idOf(request), {
        graceMs: body.graceMs ?? 10_000,
        by: body.by ?? callerOf(request) ?? 'operator',
      });
    },
  },
];

const execBody = Type.Object(
  {
    args: Type.Array(Type.String({ maxLength: 131_072 }), { minItems: 1, maxItems: 1024 }),
    env: Type.Optional(words('NAME=value, beside the container’s')),
    cwd: Type.Optional(nullable(Type.String({ pattern: '^/', maxLength: 4096 }))),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })),
    outputBytesMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 4 * 1024 * 1024 })),
  },
  closed,
);

const runningOperations = (api: DocklockApi, stopping: AbortSignal): readonly Operation[] => [
  {
    ...{
      method: 'POST',
      url: '/v1/containers/:id/exec',
      operationId: 'execInContainer',
      access: 'administration',
      tag: 'containers',
    },
    summary: 'Runs one more program in a container, to its end; outputs in base64',
    body: execBody,
    act: async (request) => {
      const asked = request.body as Partial<ExecRequest> & Pick<ExecRequest, 'args'>;
      const { stdout, stderr, ...result } = await api.exec(idOf(request), {
        ...{ env: [], cwd: null, timeoutMs: 60_000, outputBytesMax: 1024 * 1024, ...asked },
      });
      return { ...result, stdout: base64(stdout), stderr: base64(stderr) };
    },
  },
  {
    ...{
      method: 'GET',
      url: '/v1/containers/:id/stats',
      operationId: 'getContainerStats',
      access: 'read',
      tag: 'containers',
    },
    summary: 'What a running container uses',
    act: (request) => api.stats(idOf(request), callerOf(request)),
  },
  {
    ...{
      method: 'GET',
      url: '/v1/containers/:id/logs',
      operationId: 'getContainerLogs',
      access: 'read',
      tag: 'containers',
    },
    summary: 'What a container wrote: a line of JSON each, `{ stream, at, text }`',
    query: Type.Object(
      {
        follow: Type.Optional(Type.Boolean({ default: false })),
        tail: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000 })),
      },
      closed,
    ),
    act: async (request, reply) => {
      const { follow = false, tail = null } = request.query as { readonly follow?: boolean; readonly tail?: number };
      const gone = new AbortController();
      const signal = AbortSignal.any([gone.signal, stopping]);
      const entries = await api.logs(idOf(request), { isFollowing: follow, tail, signal }, callerOf(request));
      const lines = Readable.from(toLines(entries));
      reply.raw.once('close', () => gone.abort());
      return reply.type('application/x-ndjson').send(lines);
    },
  },
];

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function* toLines(entries: AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  for await (const entry of entries) yield `${JSON.stringify(entry)}\n`;
}

/** The JSON documents of an image: image-spec v1.1 (image-layout.md, image-index.md, manifest.md, config.md), and Docker's names for them. */
import { Ajv, type ValidateFunction } from 'ajv';
import { type Static, type TSchema, Type } from 'typebox';
import { isImageDigest } from '../../protocols/docklock/image-reference.ts';
import type { Platform } from '../../protocols/shared/images.ts';
import { ImageError, type ImageConfig, type ImageErrorCode } from '../ports/image-store.ts';
import type { LayerCompression } from './unpack-order.ts';

const mediaType = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$',
});
const texts = Type.Record(Type.String(), Type.String());
const noneOr = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

const descriptor = Type.Object({
  mediaType,
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  digest: Type.String({ pattern: '^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$' }),
  urls: Type.Optional(Type.Array(Type.String())),
  annotations: Type.Optional(texts),
});

const index = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(mediaType),
  manifests: Type.Array(
    Type.Intersect([
      descriptor,
      Type.Object({
        platform: Type.Optional(
          Type.Object({
            architecture: Type.String(),
            os: Type.String(),
            variant: Type.Optional(Type.String()),
          }),
        ),
      }),
    ]),
  ),
  annotations: Type.Optional(texts),
  // A document that is an index to one reader and a manifest to another is neither.
  config: Type.Optional(Type.Never()),
  layers: Type.Optional(Type.Never()),
});

const manifest = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(mediaType),
  artifactType: Type.Optional(mediaType),
  config: descriptor,
  layers: Type.Array(descriptor, { minItems: 1 }),
  annotations: Type.Optional(texts),
  manifests: Type.Optional(Type.Never()),
});

const runConfig = Type.Object({
  User: noneOr(Type.String()),
  ExposedPorts: noneOr(Type.Record(Type.String(), Type.Object({}))),
  Env: noneOr(Type.Array(Type.String())),
  Entrypoint: noneOr(Type.Array(Type.String())),
  Cmd: noneOr(Type.Array(Type.String())),
  Volumes: noneOr(Type.Record(Type.String(), Type.Object({}))),
  WorkingDir: noneOr(Type.String()),
  Labels: noneOr(texts),
  StopSignal: noneOr(Type.String()),
});

const configuration = Type.Object({
  architecture: Type.String(),
  os: Type.String(),
  variant: Type.Optional(Type.String()),
  config: noneOr(runConfig),
  rootfs: Type.Object({ type: Type.Literal('layers'), diff_ids: Type.Array(Type.String()) }),
});

const layout = Type.Object({ imageLayoutVersion: Type.Literal('1.0.0') });

export type Descriptor = Static<typeof descriptor>;
export type IndexEntry = Static<typeof index>['manifests'][number];
type Configuration = Static<typeof configuration>;

const ajv = new Ajv({ strict: false });
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A reader of documents of one kind. Throws ImageError `code`. */
function reader<S extends TSchema>(schema: S, code: ImageErrorCode, what: string): (bytes: Uint8Array) => Static<S> {
  let validate: ValidateFunction | null = null;
  return (bytes) => {
    let document: unknown;
    try {
      document = JSON.parse(utf8.decode(bytes));
    } catch (cause) {
      throw new ImageError(code, `${what} is not JSON`, { cause });
    }
    validate ??= ajv.compile(schema);
    if (validate(document)) return document as Static<S>;
    const first = validate.errors?.[0];
    const place = first?.instancePath === '' || first === undefined ? 'it' : first.instancePath;
    throw new ImageError(code, `${what} is not what the image specification says: ${place} ${first?.message ?? ''}`);
  };
}

export const readLayout = reader(layout, 'layout-invalid', 'oci-layout');
export const readIndex = reader(index, 'layout-invalid', 'the image index');
export const readManifest = reader(manifest, 'manifest-invalid', 'the manifest');
const readConfiguration = reader(configuration, 'config-invalid', 'the configuration');

/** Throws where the algorithm is another one, or the digest malformed. */
export function checkDigest(digest: string): void {
  if (isImageDigest(digest)) return;
  const [algorithm = ''] = digest.split(':');
  throw algorithm === 'sha256'
    ? new ImageError('manifest-invalid', `${digest} is no digest`)
    : new ImageError('digest-algorithm-unsupported', `${digest}: images are known by sha256 here`);
}

const kinds: Readonly<Record<string, 'index' | 'manifest'>> = {
  'application/vnd.oci.image.index.v1+json': 'index',
  'application/vnd.docker.distribution.manifest.list.v2+json': 'index',
  'application/vnd.oci.image.manifest.v1+json': 'manifest',
  'application/vnd.docker.distribution.manifest.v2+json': 'manifest',
};

/** null: something else, which an index may list. */
export const documentKind = (type: string): 'index' | 'manifest' | null => kinds[type] ?? null;

const compressions: Readonly<Record<string, LayerCompression>> = {
  'application/vnd.oci.image.layer.v1.tar': 'none',
  'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
};

/** Throws `unknown-media-type`. */
export function layerCompression(type: string, layer: number): LayerCompression {
  const compression = compressions[type];
  if (compression === undefined)
    throw new ImageError('unknown-media-type', `layer ${layer} is of type ${type}, which is no layer of files`, {
      details: { layer },
    });
  return compression;
}

const configTypes = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

export function checkConfigType(type: string): void {
  if (!configTypes.has(type))
    throw new ImageError('unknown-media-type', `the configuration is of type ${type}, which is no container image`);
}

/** A document that names its own kind names the one under which it is listed. */
export function checkOwnType(own: string | undefined, listed: string): void {
  if (own !== undefined && own !== listed)
    throw new ImageError('manifest-invalid', `a document is listed as ${listed} and calls itself ${own}`);
}

export interface ReadConfig {
  readonly platform: Platform;
  readonly diffIds: readonly string[];
  readonly config: ImageConfig;
}

/** Throws ImageError `config-invalid`, `digest-algorithm-unsupported`. */
export function readConfig(bytes: Uint8Array, layers: number): ReadConfig {
  const document = readConfiguration(bytes);
  const diffIds = document.rootfs.diff_ids;
  if (diffIds.length !== layers)
    throw new ImageError('config-invalid', `the configuration has ${diffIds.length} diff ids for ${layers} layers`);
  for (const diffId of diffIds) checkDigest(diffId);
  const config = toRunConfig(document.config ?? {});
  const said = [
    ...config.entrypoint,
    ...config.command,
    ...config.environment,
    ...config.volumes,
    config.user,
    config.workingDirectory,
  ];
  if (said.some((text) => text.includes('\0')))
    throw new ImageError('config-invalid', 'the configuration has a NUL character in what is run');
  const { os, architecture, variant = '' } = document;
  return { platform: { os, architecture, variant }, diffIds, config };
}

function toRunConfig(config: NonNullable<Configuration['config']>): ImageConfig {
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    environment: config.Env ?? [],
    workingDirectory: config.WorkingDir ?? '',
    user: config.User ?? '',
    stopSignal: config.StopSignal ?? '',
    exposedPorts: Object.keys(config.ExposedPorts ?? {}).sort(),
    volumes: Object.keys(config.Volumes ?? {}).sort(),
    labels: config.Labels ?? {},
  };
}

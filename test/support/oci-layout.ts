/** Image layouts made by hand: right ones, and ones in which a digest, a size or a type is wrong. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { file, tarArchive } from './tar-archive.ts';

export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

export interface LayerPlan {
  /** As it is stored. */
  readonly stored: Uint8Array;
  readonly mediaType: string;
  /** Of what it unpacks to, or says it does. */
  readonly diffId: string;
}

export const gzipLayer = (tar: Uint8Array): LayerPlan => ({
  stored: gzipSync(tar),
  mediaType: mediaTypes.gzip,
  diffId: sha256(tar),
});
export const plainLayer = (tar: Uint8Array): LayerPlan => ({
  stored: tar,
  mediaType: mediaTypes.layer,
  diffId: sha256(tar),
});

export interface DescriptorJson {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [more: string]: unknown;
}

/** The files of one layout, by name. */
export class LayoutPlan {
  readonly files = new Map<string, Uint8Array>([['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')]]);

  blob(bytes: Uint8Array, mediaType: string, more: Readonly<Record<string, unknown>> = {}): DescriptorJson {
    const digest = sha256(bytes);
    this.files.set(`blobs/sha256/${digest.slice(7)}`, bytes);
    return { mediaType, digest, size: bytes.length, ...more };
  }

  json(value: unknown, mediaType: string, more: Readonly<Record<string, unknown>> = {}): DescriptorJson {
    return this.blob(Buffer.from(JSON.stringify(value)), mediaType, more);
  }

  /** A manifest with its configuration and layers; `config` and `manifest` replace or add fields. */
  image(
    layers: readonly LayerPlan[],
    {
      config = {},
      manifest = {},
      listed = {},
    }: {
      config?: Readonly<Record<string, unknown>>;
      manifest?: Readonly<Record<string, unknown>>;
      listed?: Readonly<Record<string, unknown>>;
    } = {},
  ): DescriptorJson {
    const configuration = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      ...config,
    };
    const document = {
      schemaVersion: 2,
      config: this.json(configuration, mediaTypes.config),
      layers: layers.map(({ stored, mediaType }) => this.blob(stored, mediaType)),
      ...manifest,
    };
    return this.json(document, mediaTypes.manifest, listed);
  }

  index(...manifests: readonly DescriptorJson[]): this {
    this.files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
    return this;
  }

  writeDirectory(path: string): string {
    for (const [name, bytes] of this.files) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), bytes);
    }
    return path;
  }

  writeArchive(path: string): string {
    writeFileSync(path, tarArchive(...[...this.files].map(([name, bytes]) => file(name, bytes))));
    return path;
  }
}

/** Of one image, whose layers are these archives. */
export const layoutOf = (...tars: readonly Uint8Array[]): LayoutPlan => {
  const plan = new LayoutPlan();
  return plan.index(plan.image(tars.map(gzipLayer)));
};

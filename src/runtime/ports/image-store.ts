/**
 * OCI images on this machine: taken from image layouts, checked, and opened as roots of containers.
 *
 * Promises, of every implementation:
 * - `import` is all or nothing: when it resolves, the image is on stable storage; when it rejects, or the process dies,
 *   nothing of it stays (leftovers go at the next opening of the store), and what the store held is unchanged.
 * - Nothing outside the store's directory is ever written, whatever an image contains.
 * - What is opened is what was imported: digests and diff ids were checked before anything could be opened.
 * - A root belongs to its container until `closeRoot`, also across a restart: `openRoots` says what there is.
 * - Calls may overlap; two imports of one image make one.
 */
import type { IdRange } from '../../protocols/shared/containers.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { ImageNote, LayerErrorCode, Platform } from '../../protocols/shared/images.ts';

export type ImageErrorCode =
  // What was given is no image that this store reads.
  | 'source-not-found'
  | 'source-changed' // it became another file while it was read
  | 'layout-invalid' // no OCI image layout, or one that contradicts itself
  | 'archive-compressed' // an archive of a layout is a plain tar
  | 'blob-missing'
  | 'size-mismatch'
  | 'digest-mismatch'
  | 'digest-algorithm-unsupported'
  | 'unexpected-image' // not the digest that was asked for
  | 'image-ambiguous' // several images, and none was chosen
  | 'platform-not-available'
  | 'unknown-media-type'
  | 'manifest-invalid'
  | 'config-invalid'
  | 'name-invalid'
  // Layers, as streams.
  | 'compression-unsupported'
  | 'layer-corrupt' // it does not decompress
  | 'layer-trailing-garbage'
  | 'diff-id-mismatch'
  | 'layer-too-large'
  | 'image-too-large'
  | 'layer-ratio-exceeded'
  | 'too-many-layers'
  // Layers, as archives and as changes of a tree.
  | LayerErrorCode
  // The store.
  | 'not-found'
  | 'in-use' // a root of it is open
  | 'container-has-root' // with another image or range
  | 'overlay-unavailable'
  | 'extraction-failed' // the confined process that unpacks ended early
  | 'full' // no space on the device
  | 'locked' // another process holds the directory
  | 'corrupt' // the store's own files contradict themselves
  | 'failed' // the device or the system failed
  | 'closed';

/** `details` names what is known of `image` (digest), `layer` (index from 0), `entry` (path in the layer) and figures. */
export class ImageError extends CodedError<ImageErrorCode> {
  override readonly name = 'ImageError';
}

/** What the image says of how it is run. Empty lists and strings where it says nothing. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  /** `user`, `uid`, `user:group`, `uid:gid`; names are looked up in the root's own `/etc/passwd`. */
  readonly user: string;
  readonly stopSignal: string;
  /** `8080/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageLayer {
  readonly digest: string;
  /** Of the uncompressed layer. */
  readonly diffId: string;
  readonly mediaType: string;
  /** As it is stored. */
  readonly bytes: number;
}

export interface ImageRecord {
  /** Of the manifest: `sha256:` and 64 hexadecimal digits. The image's identity. */
  readonly digest: string;
  /** Of multi-platform indexes through which it was imported: they name it too. */
  readonly indexDigests: readonly string[];
  /** Names that stand for it now, sorted. */
  readonly names: readonly string[];
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly configDigest: string;
  /** Of all layers together, of the OCI image specification: what a flattened tree is kept under. */
  readonly chainId: string;
  readonly layers: readonly ImageLayer[];
  /** Of all blobs as they are stored. */
  readonly bytes: number;
  /** Of the flattened tree's files. */
  readonly unpackedBytes: number;
  readonly entries: number;
  readonly notes: readonly ImageNote[];
  /** Milliseconds since 1970. */
  readonly importedAt: number;
}

export interface ImportOptions {
  /** Without one, the name of the file or directory, less `.tar`, `.oci` and `-oci`. */
  readonly name?: string | undefined;
  /** Of the manifest or of the index above it: anything else is refused with `unexpected-image`. */
  readonly expectedDigest?: string | undefined;
  /** Where the layout holds several: the `org.opencontainers.image.ref.name` of the one that is meant. */
  readonly tag?: string | undefined;
}

export interface ContainerRoot {
  readonly containerId: string;
  readonly imageDigest: string;
  readonly chainId: string;
  /** The owners of its files; null: as the image has them, or this process's user where that is not root. */
  readonly idRange: IdRange | null;
  /**
   * `overlay`: a mounted overlay of its own, writable, whose writes go when the root is closed. `shared`: the flattened tree
   * itself, which every container of the image reads and nobody may write; a driver binds it read-only.
   */
  readonly kind: 'overlay' | 'shared';
  /** Absolute path of the root directory. */
  readonly path: string;
  readonly config: ImageConfig;
}

export interface RootRequest {
  /** A reference, as `inspect` takes it. */
  readonly image: string;
  /** Letters, digits, `.`, `_` and `-`, at most 128, the first a letter or digit. */
  readonly containerId: string;
  readonly idRange: IdRange | null;
  readonly kind: ContainerRoot['kind'];
}

export interface Collected {
  /** Blobs, flattened trees and leftovers that were removed. */
  readonly removed: number;
  readonly bytes: number;
}

/** Every method rejects with {@link ImageError}. */
export interface ImageStore {
  /** From an image layout: a directory, or an archive of one (plain tar). */
  import(path: string, options?: ImportOptions): Promise<ImageRecord>;
  /** By name, then digest. */
  list(): Promise<readonly ImageRecord[]>;
  /** Of `name@sha256:…`, `sha256:…`, or a name, which stands for what was imported under it last. */
  inspect(reference: string): Promise<ImageRecord>;
  /**
   * Of a bare name: the name goes, and the image with its last name. Of a digest: the image goes with all its names.
   * Refused with `in-use` while a root of it is open. Its bytes go with `collect`.
   */
  remove(reference: string): Promise<void>;
  /** Removes what no image, and no open root, needs. */
  collect(): Promise<Collected>;
  /** Makes the flattened tree for a range, so that `openRoot` need not. */
  prepare(image: string, idRange: IdRange | null): Promise<void>;
  /** Asked again for the same container with the same image and range, it gives the same root. */
  openRoot(request: RootRequest): Promise<ContainerRoot>;
  /** Unmounts and removes; nothing where there is none. */
  closeRoot(containerId: string): Promise<void>;
  openRoots(): Promise<readonly ContainerRoot[]>;
  /** Roots stay open: containers outlive the process. */
  close(): Promise<void>;
}

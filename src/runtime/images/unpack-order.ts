/** What the store says to the process that unpacks, and what that says back: one JSON document each. */
import type { IdRange } from '../../protocols/shared/containers.ts';
import type { ImageNote } from '../../protocols/shared/images.ts';
import type { ImageErrorCode } from '../ports/image-store.ts';
import type { ImageLimits } from './limits.ts';

export type LayerCompression = 'none' | 'gzip' | 'zstd';

export interface UnpackOrder {
  /** An empty directory. */
  readonly target: string;
  /** From the lowest up. */
  readonly layers: readonly {
    readonly path: string;
    readonly compression: LayerCompression;
    readonly digest: string;
    readonly diffId: string;
    readonly bytes: number;
  }[];
  readonly idRange: IdRange | null;
  readonly limits: ImageLimits;
}

export interface Unpacked {
  readonly entries: number;
  /** Of files. */
  readonly bytes: number;
  readonly notes: readonly ImageNote[];
}

export type UnpackAnswer =
  | { readonly kind: 'unpacked'; readonly result: Unpacked }
  | {
      readonly kind: 'refused';
      readonly code: ImageErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, string | number | boolean>>;
    };

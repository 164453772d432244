/** What is said of images of containers, by those who read them, keep them and run them. */

/** Why a layer is refused. */
export type LayerErrorCode =
  // As archives.
  | 'tar-header-invalid'
  | 'tar-extension-invalid' // pax records, GNU long names
  | 'tar-truncated'
  | 'tar-trailing-garbage'
  | 'sparse-unsupported'
  | 'entry-type-unknown'
  | 'entry-has-data' // a link or a directory with contents
  // As changes of a tree.
  | 'layer-path-escapes' // absolute, or with `..`
  | 'name-has-nul'
  | 'name-not-utf8'
  | 'name-too-long'
  | 'path-too-deep'
  | 'parent-not-directory'
  | 'symlink-loop'
  | 'symlink-invalid'
  | 'hard-link-escapes'
  | 'hard-link-target-missing'
  | 'hard-link-to-directory'
  | 'whiteout-invalid'
  | 'root-not-directory'
  | 'owner-out-of-range'
  | 'too-many-entries';

/** What was left out of an image without refusing it: the runtime gives devices, and nothing that is set-uid works under it. */
export interface ImageNote {
  readonly code: 'device-skipped' | 'fifo-skipped' | 'setuid-stripped' | 'attributes-dropped';
  /** How many entries. */
  readonly count: number;
  /** The first of them. */
  readonly layer: number;
  readonly entry: string;
}

export interface Platform {
  /** `linux`; `wasip1` or `wasi` for modules. */
  readonly os: string;
  /** `amd64`, `arm64`, `wasm`… */
  readonly architecture: string;
  /** Empty where none is said. */
  readonly variant: string;
}

/**
 * Reads a tar archive as it arrives, in pieces of any size, and holds no more of it than a header.
 *
 * It is stricter than readers that unpack for people: what two readers could understand in two ways is refused, because
 * an image is checked by one program and run by another. Sparse files are refused (no builder of images writes them).
 * An archive that ends between two entries without the two blocks of zeros is taken: what is missing shows in the layer's diff id.
 */
import { LayerError } from './layer-error.ts';
import { checkPaxGlobals, readLongName, readPaxOverrides, type TarOverrides } from './tar-extensions.ts';
import { blockBytes, isZeroBlock, readTarHeader, type TarHeader } from './tar-header.ts';

type TarEntryType = 'file' | 'hard-link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'fifo';

export interface TarEntry {
  /** As the archive has it: not checked, not normalised. */
  readonly path: string;
  readonly type: TarEntryType;
  /** Of a file; 0 of everything else. */
  readonly size: number;
  /** Twelve bits. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  /** Whole seconds since 1970; may be negative. */
  readonly modifiedAt: number;
  /** Of links; else empty. */
  readonly linkPath: string;
  /** Extended attributes or access lists came with it. */
  readonly hasAttributes: boolean;
}

/** Called in order: one `entry`, its `data` (files only, in pieces that are valid during the call), `entryEnd`. */
export interface TarListener {
  entry(entry: TarEntry): void;
  data(bytes: Uint8Array): void;
  entryEnd(): void;
}

/** Of one pax header or long name. */
const extensionBytesMax = 1 << 20;

const types: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    const shown = new TextDecoder().decode(bytes);
    throw new LayerError('name-not-utf8', `a name that is not UTF-8: ${shown.slice(0, 120)}`, { cause });
  }
}

function toEntry(header: TarHeader, overrides: TarOverrides): TarEntry {
  const path = decodeName(overrides.path ?? header.name);
  if (header.type === 'S') throw new LayerError('sparse-unsupported', `${path}: a sparse file`);
  const named = types[header.type];
  if (named === undefined)
    throw new LayerError('entry-type-unknown', `${path}: an entry of type ${JSON.stringify(header.type)}`);
  // Before there was a type for it, a directory was a file whose name ends with a slash.
  const type = named === 'file' && path.endsWith('/') ? 'directory' : named;
  const size = overrides.size ?? header.size;
  if (type !== 'file' && size !== 0)
    throw new LayerError('entry-has-data', `${path}: a ${type} with ${size} bytes of contents`);
  const isLink = type === 'hard-link' || type === 'symlink';
  return {
    path,
    type,
    size,
    mode: header.mode,
    owner: overrides.owner ?? header.owner,
    group: overrides.group ?? header.group,
    modifiedAt: overrides.modifiedAt ?? header.modifiedAt,
    linkPath: isLink ? decodeName(overrides.linkPath ?? header.linkName) : '',
    hasAttributes: overrides.hasAttributes === true,
  };
}

const paddingOf = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes;

type Phase = 'header' | 'extension' | 'data' | 'padding' | 'after-zeros' | 'ended';

export class TarReader {
  readonly #listener: TarListener;
  #phase: Phase = 'header';
  /** Of the block or extension that is being gathered. */
  #gathered: Uint8Array = new Uint8Array(blockBytes);
  #gatheredBytes = 0;
  /** Of data or padding: still to come. */
  #remaining = 0;
  #padding = 0;
  #extensionType = '';
  #overrides: TarOverrides = {};
  /** Extensions without their entry yet. */
  readonly #seenExtensions = new Set<string>();
  #position = 0;

  constructor(listener: TarListener) {
    this.#listener = listener;
  }

  /** Bytes before what the listener is told of: while it is told of an entry, where its data begins. */
  get position(): number {
    return this.#position;
  }

  /** Throws LayerError, and what the listener throws; after that the reader is of no use. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += this.#take(bytes.subarray(at));
  }

  /** Says that nothing more comes. Throws LayerError `tar-truncated`. */
  end(): void {
    const isBetween =
      (this.#phase === 'header' || this.#phase === 'after-zeros') &&
      this.#gatheredBytes === 0 &&
      this.#seenExtensions.size === 0;
    if (this.#phase !== 'ended' && !isBetween)
      throw new LayerError('tar-truncated', 'the archive ends within an entry');
  }

  /** How many of the bytes were used: at least one. */
  #take(bytes: Uint8Array): number {
    switch (this.#phase) {
      case 'header':
      case 'after-zeros':
      case 'extension':
        return this.#gather(bytes);
      case 'data': {
        const taken = bytes.subarray(0, this.#remaining);
        this.#remaining -= taken.length;
        this.#listener.data(taken);
        this.#position += taken.length;
        if (this.#remaining === 0) this.#finishData();
        return taken.length;
      }
      case 'padding': {
        const taken = Math.min(bytes.length, this.#remaining);
        this.#remaining -= taken;
        this.#position += taken;
        if (this.#remaining === 0) this.#phase = 'header';
        return taken;
      }
      case 'ended':
        if (!isZeroBlock(bytes))
          throw new LayerError('tar-trailing-garbage', 'there is something after the end of the archive');
        return bytes.length;
    }
  }

  #gather(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, this.#gathered.length - this.#gatheredBytes);
    this.#gathered.set(taken, this.#gatheredBytes);
    this.#gatheredBytes += taken.length;
    this.#position += taken.length;
    if (this.#gatheredBytes === this.#gathered.length) {
      this.#gatheredBytes = 0;
      if (this.#phase === 'extension') this.#onExtension();
      else this.#onBlock();
    }
    return taken.length;
  }

  #onBlock(): void {
    if (isZeroBlock(this.#gathered)) {
      if (this.#seenExtensions.size > 0) throw new LayerError('tar-truncated', 'the archive ends before an entry');
      this.#phase = this.#phase === 'after-zeros' ? 'ended' : 'after-zeros';
      return;
    }
    if (this.#phase === 'after-zeros')
      throw new LayerError('tar-trailing-garbage', 'there is something after the end of the archive');
    const header = readTarHeader(this.#gathered);
    if (header.type === 'x' || header.type === 'g' || header.type === 'L' || header.type === 'K')
      this.#beginExtension(header);
    else this.#beginEntry(header);
  }

  #beginExtension({ type, size }: TarHeader): void {
    if (size > extensionBytesMax)
      throw new LayerError('tar-extension-invalid', `an extension of ${size} bytes; at most ${extensionBytesMax}`);
    if (type !== 'g' && this.#seenExtensions.has(type))
      throw new LayerError('tar-extension-invalid', 'two extensions of one kind before an entry');
    if (type !== 'g') this.#seenExtensions.add(type);
    this.#extensionType = type;
    this.#padding = paddingOf(size);
    if (size === 0) return;
    this.#gathered = new Uint8Array(size);
    this.#phase = 'extension';
  }

  #onExtension(): void {
    const body = this.#gathered;
    this.#gathered = new Uint8Array(blockBytes);
    if (this.#extensionType === 'g') checkPaxGlobals(body);
    // What pax says holds against GNU's names, whichever comes first.
    else if (this.#extensionType === 'x') this.#overrides = { ...this.#overrides, ...readPaxOverrides(body) };
    else if (this.#extensionType === 'L') this.#overrides = { path: readLongName(body), ...this.#overrides };
    else this.#overrides = { linkPath: readLongName(body), ...this.#overrides };
    this.#skipPadding();
  }

  #beginEntry(header: TarHeader): void {
    const entry = toEntry(header, this.#overrides);
    this.#overrides = {};
    this.#seenExtensions.clear();
    this.#listener.entry(entry);
    this.#remaining = entry.size;
    this.#padding = paddingOf(entry.size);
    if (entry.size === 0) this.#finishData();
    else this.#phase = 'data';
  }

  #finishData(): void {
    this.#listener.entryEnd();
    this.#skipPadding();
  }

  #skipPadding(): void {
    this.#remaining = this.#padding;
    this.#phase = this.#padding === 0 ? 'header' : 'padding';
  }
}

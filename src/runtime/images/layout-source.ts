/** The files of an image layout, from a directory or from an archive of one. Nothing is unpacked: blobs are read where they lie. */
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LayerError } from '../../protocols/docklock/layer-error.ts';
import { TarReader } from '../../protocols/docklock/tar-reader.ts';
import { ImageError } from '../ports/image-store.ts';
import type { ImageLimits } from './limits.ts';
import { toImageError } from './system-failure.ts';

export interface SourceFile {
  readonly bytes: number;
  /** Pieces are valid until the next one. Ends early where the file became shorter. */
  read(): AsyncIterable<Uint8Array>;
}

export interface LayoutSource {
  /** null: there is no such file. Names are relative, with slashes. */
  file(name: string): Promise<SourceFile | null>;
  close(): Promise<void>;
}

const pieceBytes = 1 << 18;

async function* readRange(handle: FileHandle, start: number, bytes: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(Math.min(pieceBytes, Math.max(bytes, 1)));
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, bytes - at), start + at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

const isMissing = (cause: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String((cause as NodeJS.ErrnoException).code));

/** Of a regular file only: a FIFO would wait for ever. */
async function openFile(path: string): Promise<{ readonly handle: FileHandle; readonly bytes: number } | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw toImageError(cause, `opening ${path}`);
  }
  const status = await handle.stat();
  if (status.isFile()) return { handle, bytes: status.size };
  await handle.close();
  return null;
}

class DirectorySource implements LayoutSource {
  readonly #directory: string;
  readonly #open = new Set<FileHandle>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async file(name: string): Promise<SourceFile | null> {
    const opened = await openFile(join(this.#directory, name));
    if (opened === null) return null;
    this.#open.add(opened.handle);
    return { bytes: opened.bytes, read: () => readRange(opened.handle, 0, opened.bytes) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((handle) => handle.close()));
  }
}

interface ArchivedFile {
  readonly start: number;
  readonly bytes: number;
}

class ArchiveSource implements LayoutSource {
  readonly #handle: FileHandle;
  readonly #files: ReadonlyMap<string, ArchivedFile>;

  constructor(handle: FileHandle, files: ReadonlyMap<string, ArchivedFile>) {
    this.#handle = handle;
    this.#files = files;
  }

  file(name: string): Promise<SourceFile | null> {
    const file = this.#files.get(name);
    if (file === undefined) return Promise.resolve(null);
    return Promise.resolve({ bytes: file.bytes, read: () => readRange(this.#handle, file.start, file.bytes) });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const normalName = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

/** Where the files of an archive lie in it. Throws LayerError and ImageError. */
async function listArchive(handle: FileHandle, bytes: number, entriesMax: number): Promise<Map<string, ArchivedFile>> {
  const files = new Map<string, ArchivedFile>();
  const add = (name: string, file: ArchivedFile): void => {
    if (files.has(name)) throw new ImageError('layout-invalid', `the archive has two files ${name}`);
    if (files.size >= entriesMax)
      throw new ImageError('too-many-entries', `the archive has more than ${entriesMax} files`);
    files.set(name, file);
  };
  const reader = new TarReader({
    entry: (entry) => {
      if (entry.type === 'file') add(normalName(entry.path), { start: reader.position, bytes: entry.size });
      const linked = entry.type === 'hard-link' ? files.get(normalName(entry.linkPath)) : undefined;
      if (linked !== undefined) add(normalName(entry.path), linked);
    },
    data: () => undefined,
    entryEnd: () => undefined,
  });
  for await (const piece of readRange(handle, 0, bytes)) reader.push(piece);
  reader.end();
  return files;
}

const magics: readonly (readonly number[])[] = [
  [0x1f, 0x8b],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0xfd, 0x37, 0x7a, 0x58],
  [0x42, 0x5a, 0x68],
];

async function isCompressed(handle: FileHandle): Promise<boolean> {
  const start = new Uint8Array(4);
  await handle.read(start, 0, 4, 0);
  return magics.some((magic) => magic.every((byte, at) => start[at] === byte));
}

async function openArchive(path: string, limits: ImageLimits): Promise<LayoutSource> {
  const opened = await openFile(path);
  if (opened === null) throw new ImageError('source-not-found', `${path} is neither a file nor a directory`);
  const { handle, bytes } = opened;
  try {
    if (bytes > limits.imageBytesMax)
      throw new ImageError('image-too-large', `${path} has ${bytes} bytes; at most ${limits.imageBytesMax} are taken`);
    if (await isCompressed(handle))
      throw new ImageError(
        'archive-compressed',
        `${path} is compressed: unpack it first, or save the image as a plain tar`,
      );
    return new ArchiveSource(handle, await listArchive(handle, bytes, limits.entriesMax));
  } catch (cause) {
    await handle.close();
    if (cause instanceof LayerError)
      throw new ImageError(cause.code, `${path} is no archive of an image layout: ${cause.message}`, { cause });
    throw toImageError(cause, `reading ${path}`);
  }
}

/** Rejects with ImageError. */
export async function openLayout(path: string, limits: ImageLimits): Promise<LayoutSource> {
  try {
    const status = await stat(path);
    return status.isDirectory() ? new DirectorySource(path) : await openArchive(path, limits);
  } catch (cause) {
    if (!(cause instanceof ImageError) && isMissing(cause))
      throw new ImageError('source-not-found', `there is no ${path}`, { cause });
    throw toImageError(cause, `opening ${path}`);
  }
}

/** What the store knows of its images, in one file that is replaced whole. */
import { readFileSync, renameSync } from 'node:fs';
import { Ajv } from 'ajv';
import { type Static, Type } from 'typebox';
import { compareText } from '../../protocols/shared/bytes.ts';
import { placePrivateFile } from '../adapters/private-file.ts';
import { ImageError, type ImageRecord } from '../ports/image-store.ts';
import { toImageError } from './system-failure.ts';

const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
const texts = Type.Array(Type.String());
const natural = Type.Integer({ minimum: 0 });

const storedImage = Type.Object({
  digest,
  indexDigests: Type.Array(digest),
  platform: Type.Object({ os: Type.String(), architecture: Type.String(), variant: Type.String() }),
  config: Type.Object({
    entrypoint: texts,
    command: texts,
    environment: texts,
    workingDirectory: Type.String(),
    user: Type.String(),
    stopSignal: Type.String(),
    exposedPorts: texts,
    volumes: texts,
    labels: Type.Record(Type.String(), Type.String()),
  }),
  configDigest: digest,
  chainId: digest,
  layers: Type.Array(Type.Object({ digest, diffId: digest, mediaType: Type.String(), bytes: natural })),
  bytes: natural,
  unpackedBytes: natural,
  entries: natural,
  notes: Type.Array(
    Type.Object({
      code: Type.Union([
        Type.Literal('device-skipped'),
        Type.Literal('fifo-skipped'),
        Type.Literal('setuid-stripped'),
        Type.Literal('attributes-dropped'),
      ]),
      count: natural,
      layer: natural,
      entry: Type.String(),
    }),
  ),
  importedAt: natural,
});

const document = Type.Object({
  version: Type.Literal(1),
  images: Type.Array(storedImage),
  /** To digests of manifests. */
  names: Type.Record(Type.String(), digest),
});

export type StoredImage = Omit<ImageRecord, 'names'>;

export class ImageRecords {
  readonly #path: string;
  readonly #images: Map<string, StoredImage>;
  readonly #names: Map<string, string>;

  /** Throws ImageError `corrupt`. */
  constructor(path: string) {
    this.#path = path;
    const { images, names } = readDocument(path);
    this.#images = new Map(images.map((image) => [image.digest, image]));
    this.#names = new Map(Object.entries(names));
    for (const [name, named] of this.#names)
      if (!this.#images.has(named))
        throw new ImageError('corrupt', `${path} has the name ${name} for ${named}, which is not there`);
  }

  get all(): readonly ImageRecord[] {
    const records = [...this.#images.values()].map((image) => this.#withNames(image));
    return records.sort(
      (a, b) => compareText(a.names[0] ?? '\uffff', b.names[0] ?? '\uffff') || compareText(a.digest, b.digest),
    );
  }

  /** Of a manifest, or of an index through which it came. */
  byDigest(wanted: string): ImageRecord | null {
    const image =
      this.#images.get(wanted) ?? [...this.#images.values()].find(({ indexDigests }) => indexDigests.includes(wanted));
    return image === undefined ? null : this.#withNames(image);
  }

  byName(name: string): ImageRecord | null {
    const named = this.#names.get(name);
    return named === undefined ? null : this.byDigest(named);
  }

  /** With a name that stands for it from now on. On stable storage when this returns. */
  put(image: StoredImage, name: string): ImageRecord {
    this.#replace(new Map(this.#images).set(image.digest, image), new Map(this.#names).set(name, image.digest));
    return this.#withNames(image);
  }

  /** Only the name, where another is left; else the image with all its names. */
  removeName(name: string): void {
    const named = this.#names.get(name);
    if (named === undefined) return;
    const names = new Map(this.#names);
    names.delete(name);
    if ([...names.values()].includes(named)) this.#replace(this.#images, names);
    else this.removeImage(named);
  }

  removeImage(removed: string): void {
    const images = new Map(this.#images);
    images.delete(removed);
    this.#replace(images, new Map([...this.#names].filter(([, named]) => named !== removed)));
  }

  /** Written first: what memory says is what the file says. */
  #replace(images: ReadonlyMap<string, StoredImage>, names: ReadonlyMap<string, string>): void {
    const sorted = [...names].sort(([a], [b]) => compareText(a, b));
    const text = JSON.stringify({ version: 1, images: [...images.values()], names: Object.fromEntries(sorted) });
    try {
      placePrivateFile(this.#path, `${text}\n`, (temporary) => renameSync(temporary, this.#path));
    } catch (cause) {
      throw toImageError(cause, `writing ${this.#path}`);
    }
    const [keptImages, keptNames] = [[...images], [...names]];
    this.#images.clear();
    this.#names.clear();
    for (const [key, image] of keptImages) this.#images.set(key, image);
    for (const [key, named] of keptNames) this.#names.set(key, named);
  }

  #withNames(image: StoredImage): ImageRecord {
    const names = [...this.#names].filter(([, named]) => named === image.digest).map(([name]) => name);
    return { ...image, names: names.sort(compareText) };
  }
}

function readDocument(path: string): Static<typeof document> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, images: [], names: {} };
    throw toImageError(cause, `reading ${path}`);
  }
  const validate = new Ajv({ strict: false }).compile<Static<typeof document>>(document);
  try {
    const read: unknown = JSON.parse(text);
    if (validate(read)) return read;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new ImageError('corrupt', `${path} is not what this program writes: move it away and import the images again`);
}

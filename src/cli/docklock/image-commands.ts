/** `docklock image import|ls|inspect|rm|gc`: the images of a running DockLock, or of a directory that none uses. */
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { shownPlatform } from '../../protocols/docklock/platform.ts';
import type { ImageNote } from '../../protocols/shared/images.ts';
import { openImageStore } from '../../runtime/images/directory-image-store.ts';
import { ImageError, type ImageRecord, type ImageStore } from '../../runtime/ports/image-store.ts';
import { CommandError, formatTable } from '../terminal.ts';
import { clientOf, type DocklockContext, formatBytes } from './command-context.ts';

interface DirectoryFlag {
  readonly dataDir?: string;
}

/** What a person can do about the commonest refusals. */
const advice: Readonly<Partial<Record<ImageError['code'], string>>> = {
  locked: 'a running service has these images: stop it, or name another --data-dir',
  'image-ambiguous': 'name one with --tag',
  full: 'free some space, or run docklock image gc',
  'in-use': 'docklock ps lists the containers',
  'not-found': 'docklock image ls lists the images',
};

type Images = Pick<ImageStore, 'import' | 'list' | 'inspect' | 'remove' | 'collect'>;

/** Those of the service; with a directory, of that directory. */
async function withStore<T>(
  context: DocklockContext,
  directory: string | undefined,
  work: (images: Images) => Promise<T>,
): Promise<T> {
  if (directory !== undefined) return withDirectory(directory, work);
  const client = await clientOf(context);
  return work({
    import: (path, options = {}) => client.importImage(resolve(path), options),
    list: () => client.images(),
    inspect: (reference) => client.image(reference),
    remove: (reference) => client.removeImage(reference),
    collect: () => client.collectImages(),
  });
}

async function withDirectory<T>(dataDirectory: string, work: (images: Images) => Promise<T>): Promise<T> {
  try {
    const store = await openImageStore({ directory: join(dataDirectory, 'images'), now: () => Date.now() });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    const next = error instanceof ImageError ? advice[error.code] : undefined;
    if (error instanceof ImageError)
      throw new CommandError('failed', `${error.message} (${error.code})`, next === undefined ? [] : [next], error);
    throw error;
  }
}

const noteTexts: Readonly<Record<ImageNote['code'], string>> = {
  'device-skipped': 'devices left out: a container has those of its runtime',
  'fifo-skipped': 'FIFOs left out',
  'setuid-stripped': 'files without their set-user-id and set-group-id bits: nothing gains privileges here',
  'attributes-dropped': 'entries without their extended attributes',
};

const formatNote = ({ code, count, layer, entry }: ImageNote): string =>
  `${count} ${noteTexts[code]} (the first: ${entry} in layer ${layer})`;

const shownNames = ({ names }: ImageRecord): string => names.join(', ') || '<none>';

function describe(image: ImageRecord): readonly string[] {
  const { config, layers } = image;
  const rows = [
    ['digest', image.digest],
    ['names', shownNames(image)],
    ['platform', shownPlatform(image.platform)],
    ['runs', [...config.entrypoint, ...config.command].join(' ') || 'nothing by itself'],
    ['user', config.user || 'root of the container'],
    ['directory', config.workingDirectory || '/'],
    ['ports', config.exposedPorts.join(', ') || 'none'],
    ['layers', `${layers.length}, ${formatBytes(image.bytes)}; unpacked ${formatBytes(image.unpackedBytes)}`],
    ['files', `${image.entries} entries`],
  ];
  return [...formatTable(rows), ...image.notes.map((note) => `note: ${formatNote(note)}`)];
}

function registerImport(images: Command, context: DocklockContext): void {
  const { terminal, wantsJson } = context;
  images
    .command('import <path>')
    .description('take an image from an OCI image layout: a directory, or a tar archive of one')
    .option('--name <name>', 'what to call it (default: the name of the file)')
    .option('--digest <digest>', 'refuse anything but this manifest or index')
    .option('--tag <tag>', 'which one, of a layout with several')
    .addOption(dataDirectory())
    .action(async (path: string, flags: DirectoryFlag & { name?: string; digest?: string; tag?: string }) => {
      const { name, digest: expectedDigest, tag } = flags;
      const image = await withStore(context, flags.dataDir, (store) =>
        store.import(path, { name, expectedDigest, tag }),
      );
      if (wantsJson()) {
        terminal.json(image);
        return;
      }
      for (const line of describe(image)) terminal.out(line);
    });
}

function registerList(images: Command, context: DocklockContext): void {
  const { terminal, wantsJson } = context;
  images
    .command('ls')
    .description('list the images')
    .addOption(dataDirectory())
    .action(async ({ dataDir }: DirectoryFlag) => {
      const all = await withStore(context, dataDir, (store) => store.list());
      if (wantsJson()) {
        terminal.json(all);
        return;
      }
      if (all.length === 0) {
        terminal.out('no images');
        return;
      }
      const rows = all.map((image) => [
        shownNames(image),
        image.digest,
        shownPlatform(image.platform),
        formatBytes(image.bytes),
        new Date(image.importedAt).toISOString().slice(0, 19),
      ]);
      for (const line of formatTable([['NAMES', 'DIGEST', 'PLATFORM', 'SIZE', 'IMPORTED'], ...rows]))
        terminal.out(line);
    });
}

function registerInspect(images: Command, context: DocklockContext): void {
  const { terminal, wantsJson } = context;
  images
    .command('inspect <image>')
    .description('show what is known of an image: name, name@sha256:… or sha256:…')
    .addOption(dataDirectory())
    .action(async (reference: string, { dataDir }: DirectoryFlag) => {
      const image = await withStore(context, dataDir, (store) => store.inspect(reference));
      if (wantsJson()) {
        terminal.json(image);
        return;
      }
      for (const line of describe(image)) terminal.out(line);
    });
}

function registerRemove(images: Command, context: DocklockContext): void {
  const { terminal, wantsJson } = context;
  images
    .command('rm <image>')
    .description('forget a name, and the image with its last one; by digest, the image with all its names')
    .addOption(dataDirectory())
    .action(async (reference: string, { dataDir }: DirectoryFlag) => {
      await withStore(context, dataDir, (store) => store.remove(reference));
      if (wantsJson()) {
        terminal.json({ removed: reference });
        return;
      }
      terminal.out(`removed ${reference}; docklock image gc frees its space`);
    });
}

function registerCollect(images: Command, context: DocklockContext): void {
  const { terminal, wantsJson } = context;
  images
    .command('gc')
    .description('free what no image needs')
    .addOption(dataDirectory())
    .action(async ({ dataDir }: DirectoryFlag) => {
      const collected = await withStore(context, dataDir, (store) => store.collect());
      if (wantsJson()) {
        terminal.json(collected);
        return;
      }
      terminal.out(`removed ${collected.removed} blobs and trees, ${formatBytes(collected.bytes)}`);
    });
}

const dataDirectory = (): Option =>
  new Option('--data-dir <directory>', 'images of a directory that no service uses, in the place of the service’s');

export function registerImages(program: Command, context: DocklockContext): void {
  const images = program.command('image').description('take in, list and remove the images that containers run');
  for (const register of [registerImport, registerList, registerInspect, registerRemove, registerCollect])
    register(images, context);
  for (const command of images.commands) command.exitOverride();
}

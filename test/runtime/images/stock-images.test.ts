/**
 * Goal: images of a stock tool are taken in as they are; what the official JSON schemas take, these readers take, and the
 * other way round; a process that is killed while it imports leaves nothing.
 * Method: umoci makes a busybox image, where both are here; the schemas lie beside the project.
 */
import { Ajv, type AnySchema } from 'ajv';
import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig, readIndex, readManifest } from '../../../src/runtime/images/documents.ts';
import type { ImageStore } from '../../../src/runtime/ports/image-store.ts';
import { listFiles } from '../../support/file-listing.ts';
import { vectorFolder } from '../../conformance/vectors.ts';
import { ImageWorld } from '../../support/image-world.ts';
import { gzipLayer, layoutOf, LayoutPlan, mediaTypes } from '../../support/oci-layout.ts';
import { file, tarArchive } from '../../support/tar-archive.ts';

const root = new URL('../../../', import.meta.url).pathname;

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
const hasUmoci = spawnSync('umoci', ['--version']).status === 0;

function umoci(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('umoci', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`umoci ${args[0] ?? ''}: ${stderr}`);
}

/** Busybox with a few of its names as links, made by umoci. */
function makeBusyboxLayout(directory: string): string {
  const [layout, bundle] = [join(directory, 'layout'), join(directory, 'bundle')];
  const image = ['--image', `${layout}:latest`];
  umoci('init', '--layout', layout);
  umoci('new', ...image);
  // Only root may unpack without saying that it is not.
  umoci('unpack', ...(process.geteuid?.() === 0 ? [] : ['--rootless']), ...image, bundle);
  mkdirSync(join(bundle, 'rootfs', 'bin'));
  spawnSync('cp', [busybox ?? '', join(bundle, 'rootfs', 'bin', 'busybox')]);
  for (const name of ['sh', 'id']) spawnSync('ln', ['-s', 'busybox', join(bundle, 'rootfs', 'bin', name)]);
  spawnSync('ln', [join(bundle, 'rootfs', 'bin', 'busybox'), join(bundle, 'rootfs', 'bin', 'linked')]);
  umoci('repack', ...image, bundle);
  umoci('config', ...image, '--config.entrypoint', '/bin/sh', '--config.user', '1000:1000', '--config.env', 'A=b');
  // Of a second layer: something goes and something comes.
  const second = join(directory, 'second');
  umoci('unpack', ...(process.geteuid?.() === 0 ? [] : ['--rootless']), ...image, second);
  spawnSync('rm', [join(second, 'rootfs', 'bin', 'id')]);
  spawnSync('sh', ['-c', `echo hello > ${join(second, 'rootfs', 'hello')}`]);
  umoci('repack', ...image, second);
  return layout;
}

describe('images of stock tools', function () {
  this.timeout(60_000);
  let world: ImageWorld;
  let store: ImageStore;
  beforeEach(async () => {
    world = new ImageWorld();
    store = await world.open();
  });
  afterEach(() => world.remove(store));

  it('are taken in from umoci, as a layout and as an archive of it', async function () {
    if (!hasUmoci || busybox === undefined) return void this.skip();
    const layout = makeBusyboxLayout(world.directory);
    const image = await store.import(layout, { name: 'busybox' });
    expect(image.layers).to.have.length(2);
    expect(image.config).to.deep.include({ entrypoint: ['/bin/sh'], user: '1000:1000', environment: ['A=b'] });
    const opened = await store.openRoot({ image: 'busybox', containerId: 'c', idRange: null, kind: 'shared' });
    const names = listFiles(opened.path).map((line) => line.split(' ')[0]);
    expect(names).to.deep.equal(['bin/', 'bin/busybox', 'bin/linked', 'bin/sh', 'hello']);
    const archive = world.path('busybox-oci.tar');
    expect(spawnSync('tar', ['cf', archive, '-C', layout, '.']).status).to.equal(0);
    expect((await store.import(archive)).digest).to.equal(image.digest);
    const ran = spawnSync(join(opened.path, 'bin', 'sh'), ['-c', 'echo it runs'], { encoding: 'utf8' });
    expect(ran.stdout).to.equal('it runs\n');
  });

  it('leave nothing where the process that imports is killed', async () => {
    await store.close();
    const before = world.stored();
    const noise = Buffer.alloc(64 << 20, Array.from({ length: 9_973 }, (_, at) => (at * at) % 8_191).join(','));
    const path = layoutOf(tarArchive(file('great', noise))).writeDirectory(world.path('great'));
    const arguments_ = [
      '--import',
      'tsx',
      'src/cli/docklock.ts',
      'image',
      'import',
      path,
      '--data-dir',
      world.path('data'),
    ];
    const child = spawn(process.execPath, arguments_, { cwd: root, stdio: 'ignore' });
    const staging = world.path('data/images/staging');
    const ended = once(child, 'exit');
    // Until it has begun; its end ends the wait too.
    while (
      child.exitCode === null &&
      !(existsSync(staging) && readdirSync(staging).some((name) => name.startsWith('tree-')))
    )
      await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGKILL');
    expect((await ended)[1]).to.equal('SIGKILL');
    store = await world.open();
    expect(world.stored()).to.deep.equal(before);
    const again = spawnSync(process.execPath, [...arguments_.slice(0, 4), 'gc', '--data-dir', world.path('data')], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(again.stdout).to.equal('removed 0 blobs and trees, 0 B\n');
    expect(readdirSync(staging)).to.deep.equal([]);
    expect(readdirSync(world.path('data/images/blobs'))).to.deep.equal([]);
  });
});

describe('documents of images', () => {
  let schemas: string;
  before(function () {
    schemas = vectorFolder(this, 'oci/image-spec');
  });

  const official = (name: string): ((document: unknown) => boolean) => {
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    for (const file of readdirSync(schemas)) {
      const schema = JSON.parse(
        readFileSync(join(schemas, file), 'utf8').replaceAll(
          '"$schema": "http://json-schema.org/draft-04/schema#",',
          '',
        ),
        // Draft 4 calls `id` what these readers know as `$id`, and names parts after pages that are not there.
        (key, value: unknown) => (key === 'id' ? undefined : value),
      ) as AnySchema;
      ajv.addSchema(schema, file);
    }
    return (document) => ajv.validate(name, document);
  };

  const digest = `sha256:${'a'.repeat(64)}`;
  const layer = { mediaType: mediaTypes.layer, digest, size: 3 };
  const bytes = (document: unknown): Uint8Array => Buffer.from(JSON.stringify(document));
  const takes = (read: (document: Uint8Array) => unknown, document: unknown): boolean => {
    try {
      read(bytes(document));
      return true;
    } catch {
      return false;
    }
  };
  const manifest = { schemaVersion: 2, config: { ...layer, mediaType: mediaTypes.config }, layers: [layer] };
  const index = { schemaVersion: 2, manifests: [{ ...layer, mediaType: mediaTypes.manifest }] };
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] } };

  const cases: readonly (readonly [
    schema: string,
    read: (document: Uint8Array) => unknown,
    documents: readonly unknown[],
  ])[] = [
    [
      'image-manifest-schema.json',
      readManifest,
      [
        manifest,
        { ...manifest, mediaType: mediaTypes.manifest, annotations: { a: 'b' }, subject: layer },
        { ...manifest, schemaVersion: 1 },
        { ...manifest, layers: [] },
        { ...manifest, layers: [{ ...layer, size: -1 }] },
        { ...manifest, layers: [{ ...layer, size: 1.5 }] },
        { ...manifest, layers: [{ ...layer, digest: 'abc' }] },
        { ...manifest, layers: [{ ...layer, mediaType: 'no type' }] },
        { ...manifest, config: undefined },
        { ...manifest, annotations: { a: 1 } },
        [],
      ],
    ],
    [
      'image-index-schema.json',
      readIndex,
      [
        index,
        { ...index, manifests: [] },
        {
          ...index,
          manifests: [{ ...index.manifests[0], platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }],
        },
        { ...index, manifests: [{ ...index.manifests[0], platform: { os: 'linux' } }] },
        { ...index, manifests: {} },
        { ...index, schemaVersion: '2' },
      ],
    ],
    [
      'config-schema.json',
      (document) => readConfig(document, 1),
      [
        config,
        {
          ...config,
          config: { Env: ['A=b'], Cmd: null, Entrypoint: ['/a'], Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} } },
        },
        { ...config, config: { Env: 'A=b' } },
        { ...config, config: { Cmd: [1] } },
        { ...config, rootfs: { type: 'other', diff_ids: [digest] } },
        { ...config, rootfs: undefined },
        { ...config, os: 7 },
      ],
    ],
  ];
  for (const [schema, read, documents] of cases)
    it(`are taken and refused as ${schema} has it`, () => {
      const validate = official(schema);
      for (const document of documents) {
        const plain: unknown = JSON.parse(JSON.stringify(document));
        expect(takes(read, document), JSON.stringify(document)).to.equal(validate(plain));
      }
    });

  it('made here are what the schemas say', () => {
    const plan = new LayoutPlan();
    plan.index(plan.image([gzipLayer(tarArchive(file('a')))]));
    const blobs = [...plan.files].filter(([name]) => name.startsWith('blobs/')).map(([, content]) => content);
    const documents = blobs
      .filter((content) => content[0] === '{'.charCodeAt(0))
      .map((content): unknown => JSON.parse(Buffer.from(content).toString()));
    const kinds = documents.map((document) =>
      ['image-manifest-schema.json', 'config-schema.json'].filter((name) => official(name)(document)),
    );
    expect(kinds).to.have.deep.members([['image-manifest-schema.json'], ['config-schema.json']]);
  });
});

/**
 * Goal: an image is in the store whole or not at all, and what is wrong with one is said with its code.
 * Method: layouts that are wrong in one thing each; what the store holds is listed before and after.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { availableConfinement, bubblewrap } from '../../../src/runtime/images/confined-unpack.ts';
import { openImageStore } from '../../../src/runtime/images/directory-image-store.ts';
import { defaultImageLimits } from '../../../src/runtime/images/limits.ts';
import type { ImageErrorCode, ImageStore } from '../../../src/runtime/ports/image-store.ts';
import { listFiles } from '../../support/file-listing.ts';
import { helloLayout, ImageWorld, isRoot, refusalOf } from '../../support/image-world.ts';
import { gzipLayer, layoutOf, LayoutPlan, mediaTypes, plainLayer, sha256 } from '../../support/oci-layout.ts';
import { file, tarArchive } from '../../support/tar-archive.ts';

describe('importing images', function () {
  this.timeout(60_000);
  let world: ImageWorld;
  let store: ImageStore;
  beforeEach(async () => {
    world = new ImageWorld();
    store = await world.open();
  });
  afterEach(() => world.remove(store));

  const wrong: readonly (readonly [what: string, code: ImageErrorCode, make: (path: string) => string])[] = [
    ['nothing', 'source-not-found', (path) => path],
    ['an empty directory', 'layout-invalid', (path) => (mkdirSync(path), path)],
    ['a text', 'tar-header-invalid', (path) => (writeFileSync(path, 'x'.repeat(600)), path)],
    [
      'an archive cut off',
      'tar-truncated',
      (path) => {
        helloLayout().writeArchive(path);
        writeFileSync(path, readFileSync(path).subarray(0, 900));
        return path;
      },
    ],
    [
      'a compressed archive',
      'archive-compressed',
      (path) => (writeFileSync(path, gzipLayer(new Uint8Array(99)).stored), path),
    ],
    [
      'an archive with two indexes',
      'layout-invalid',
      (path) => (writeFileSync(path, tarArchive(file('index.json'), file('./index.json'))), path),
    ],
    [
      'a layout of another version',
      'layout-invalid',
      (path) => {
        const plan = helloLayout();
        plan.files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"2.0.0"}'));
        return plan.writeDirectory(path);
      },
    ],
    [
      'an index that is no JSON',
      'layout-invalid',
      (path) => {
        const plan = helloLayout();
        plan.files.set('index.json', Buffer.from('{'));
        return plan.writeDirectory(path);
      },
    ],
    ['an index without images', 'unknown-media-type', (path) => new LayoutPlan().index().writeDirectory(path)],
    [
      'a layer that is missing',
      'blob-missing',
      (path) => {
        const plan = new LayoutPlan();
        const digest = sha256(Buffer.from('nowhere'));
        const layer = plainLayer(tarArchive(file('a')));
        const listed = plan.image([layer], {
          manifest: { layers: [{ mediaType: mediaTypes.layer, digest, size: 7 }] },
        });
        return plan.index(listed).writeDirectory(path);
      },
    ],
    [
      'a layer of another size',
      'size-mismatch',
      (path) => {
        const plan = new LayoutPlan();
        const layer = plainLayer(tarArchive(file('a')));
        const descriptor = plan.blob(layer.stored, mediaTypes.layer, { size: layer.stored.length + 1 });
        return plan.index(plan.image([layer], { manifest: { layers: [descriptor] } })).writeDirectory(path);
      },
    ],
    [
      'a layer with another digest',
      'digest-mismatch',
      (path) => {
        const plan = new LayoutPlan();
        const layer = plainLayer(tarArchive(file('a', 'right')));
        const listed = plan.image([layer]);
        plan.files.set(`blobs/sha256/${sha256(layer.stored).slice(7)}`, tarArchive(file('a', 'wrong')));
        return plan.index(listed).writeDirectory(path);
      },
    ],
    [
      'a manifest with another digest',
      'digest-mismatch',
      (path) => {
        const plan = new LayoutPlan();
        const listed = plan.image([plainLayer(tarArchive(file('a')))]);
        const name = `blobs/sha256/${listed.digest.slice(7)}`;
        plan.files.set(name, Buffer.concat([plan.files.get(name)!.subarray(0, -1), Buffer.from(' ')]));
        return plan.index(listed).writeDirectory(path);
      },
    ],
    [
      'a layer with another diff id',
      'diff-id-mismatch',
      (path) => {
        const plan = new LayoutPlan();
        return plan
          .index(plan.image([{ ...plainLayer(tarArchive(file('a'))), diffId: sha256(Buffer.from('b')) }]))
          .writeDirectory(path);
      },
    ],
    [
      'a layer of an unknown type',
      'unknown-media-type',
      (path) => {
        const plan = new LayoutPlan();
        return plan
          .index(plan.image([{ ...plainLayer(tarArchive(file('a'))), mediaType: 'application/x-thing' }]))
          .writeDirectory(path);
      },
    ],
    [
      'a configuration of an unknown type',
      'unknown-media-type',
      (path) => {
        const plan = new LayoutPlan();
        const config = plan.json({}, 'application/vnd.cncf.helm.config.v1+json');
        return plan
          .index(plan.image([plainLayer(tarArchive(file('a')))], { manifest: { config } }))
          .writeDirectory(path);
      },
    ],
    [
      'digests of another algorithm',
      'digest-algorithm-unsupported',
      (path) => {
        const plan = new LayoutPlan();
        const digest = `sha512:${'0'.repeat(128)}`;
        return plan.index({ mediaType: mediaTypes.manifest, digest, size: 3 }).writeDirectory(path);
      },
    ],
    [
      'a digest that is a path',
      'manifest-invalid',
      (path) => {
        const plan = new LayoutPlan();
        return plan.index({ mediaType: mediaTypes.manifest, digest: 'sha256:aa-aa', size: 3 }).writeDirectory(path);
      },
    ],
    [
      'a manifest without layers',
      'manifest-invalid',
      (path) => {
        const plan = new LayoutPlan();
        return plan.index(plan.image([])).writeDirectory(path);
      },
    ],
    [
      'a manifest that is an index too',
      'manifest-invalid',
      (path) => {
        const plan = new LayoutPlan();
        const listed = plan.image([plainLayer(tarArchive(file('a')))], { manifest: { manifests: [] } });
        return plan.index(listed).writeDirectory(path);
      },
    ],
    [
      'a manifest that calls itself something else',
      'manifest-invalid',
      (path) => {
        const plan = new LayoutPlan();
        const listed = plan.image([plainLayer(tarArchive(file('a')))], { manifest: { mediaType: mediaTypes.index } });
        return plan.index(listed).writeDirectory(path);
      },
    ],
    [
      'a configuration without diff ids',
      'config-invalid',
      (path) => {
        const plan = new LayoutPlan();
        const config = { rootfs: { type: 'layers', diff_ids: [] } };
        return plan.index(plan.image([plainLayer(tarArchive(file('a')))], { config })).writeDirectory(path);
      },
    ],
    [
      'an image for another processor',
      'platform-not-available',
      (path) => {
        const plan = new LayoutPlan();
        return plan
          .index(plan.image([plainLayer(tarArchive(file('a')))], { config: { architecture: 's390x' } }))
          .writeDirectory(path);
      },
    ],
    [
      'a layer that leads outside',
      'layer-path-escapes',
      (path) => layoutOf(tarArchive(file('../../../bpci-escaped'))).writeDirectory(path),
    ],
  ];
  it('refuses what is wrong with its code, and is then what it was', async () => {
    await store.import(helloLayout().writeDirectory(world.path('kept')));
    const before = world.stored();
    for (const [at, [what, code, make]] of wrong.entries()) {
      expect(await refusalOf(store.import(make(world.path(`wrong-${at}`)), { name: 'wrong' })), what).to.equal(code);
      expect(world.stored(), what).to.deep.equal(before);
    }
    expect(existsSync(world.path('bpci-escaped'))).to.equal(false);
  });

  it('refuses names that are none, and digests other than the one that was asked for', async () => {
    const path = helloLayout().writeDirectory(world.path('layout'));
    const { digest } = await store.import(path, { name: 'a' });
    expect(await refusalOf(store.import(path, { name: 'A B' }))).to.equal('name-invalid');
    expect(await refusalOf(store.import(path, { name: '../a' }))).to.equal('name-invalid');
    expect(await refusalOf(store.import(path, { expectedDigest: sha256(Buffer.from('')) }))).to.equal(
      'unexpected-image',
    );
    expect(await refusalOf(store.import(path, { expectedDigest: 'sha256:12' }))).to.equal('name-invalid');
    expect((await store.import(path, { expectedDigest: digest })).digest).to.equal(digest);
  });

  it('chooses from an index of platforms the one of this machine, and says what there is where none fits', async () => {
    const plan = new LayoutPlan();
    const layers = (name: string): ReturnType<typeof plainLayer>[] => [plainLayer(tarArchive(file(name)))];
    const other = plan.image(layers('other'), {
      config: { architecture: 's390x' },
      listed: { platform: { os: 'linux', architecture: 's390x' } },
    });
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    const own = plan.image(layers('own'), { listed: { platform: { os: 'linux', architecture } } });
    const unknown = plan.image(layers('attestation'), {
      listed: { platform: { os: 'unknown', architecture: 'unknown' } },
    });
    const index = plan.json(
      { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [other, own, unknown] },
      mediaTypes.index,
    );
    const path = plan.index(index).writeDirectory(world.path('multi'));
    const image = await store.import(path, { expectedDigest: index.digest });
    expect(image).to.deep.include({ digest: own.digest, indexDigests: [index.digest] });
    expect((await store.inspect(`multi@${index.digest}`)).digest).to.equal(own.digest);
    const foreign = new LayoutPlan();
    const s390x = { os: 'linux', architecture: 's390x' };
    const riscv = { os: 'linux', architecture: 'riscv64' };
    foreign.index(
      foreign.image(layers('a'), { listed: { platform: s390x } }),
      foreign.image(layers('b'), { listed: { platform: riscv } }),
    );
    const error: unknown = await store
      .import(foreign.writeDirectory(world.path('foreign')))
      .catch((cause: unknown) => cause);
    expect(error).to.include({ code: 'platform-not-available' });
    expect((error as Error).message).to.contain('linux/s390x, linux/riscv64');
  });

  it('wants a tag where a layout has several images', async () => {
    const plan = new LayoutPlan();
    const tagged = (tag: string) =>
      plan.image([plainLayer(tarArchive(file(tag)))], {
        listed: { annotations: { 'org.opencontainers.image.ref.name': tag } },
      });
    const [one, two] = [tagged('one'), tagged('two')];
    const path = plan.index(one, two).writeDirectory(world.path('several'));
    expect(await refusalOf(store.import(path))).to.equal('image-ambiguous');
    expect((await store.import(path, { tag: 'two' })).digest).to.equal(two.digest);
    expect((await store.import(path, { expectedDigest: one.digest })).digest).to.equal(one.digest);
    expect(await refusalOf(store.import(path, { tag: 'three' }))).to.equal('not-found');
  });

  it('leaves nothing behind where the device is full', async function () {
    const small = world.path('small');
    mkdirSync(small);
    const mounted = isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'bpci-test', small]).status === 0;
    if (!mounted) return void this.skip();
    try {
      const noise = Buffer.alloc(2 << 20, Array.from({ length: 4_099 }, (_, at) => (at * at) % 251).join(','));
      const full = await openImageStore({ directory: join(small, 'store'), now: () => 1 });
      await full.import(helloLayout().writeDirectory(world.path('hello')));
      const before = listFiles(small);
      const twice = layoutOf(tarArchive(file('a', noise), file('b', noise))).writeDirectory(world.path('unpacked'));
      expect(await refusalOf(full.import(twice)), 'while unpacking').to.equal('full');
      expect(listFiles(small)).to.deep.equal(before);
      const plan = new LayoutPlan();
      plan.index(plan.image([plainLayer(tarArchive(file('a', noise), file('b', noise)))]));
      expect(await refusalOf(full.import(plan.writeDirectory(world.path('stored')))), 'while copying').to.equal('full');
      expect(listFiles(small)).to.deep.equal(before);
      expect(await full.list()).to.have.length(1);
      await full.close();
    } finally {
      spawnSync('umount', [small]);
    }
  });

  it('gives up on a process that does not come to its end, and keeps nothing', async () => {
    const impatient = {
      directory: world.path('impatient'),
      now: () => 1,
      limits: { ...defaultImageLimits, unpackMs: 1 },
    };
    const other = await openImageStore(impatient);
    try {
      const before = listFiles(world.path('impatient'));
      expect(await refusalOf(other.import(helloLayout().writeDirectory(world.path('hello'))))).to.equal(
        'extraction-failed',
      );
      expect(listFiles(world.path('impatient'))).to.deep.equal(before);
    } finally {
      await other.close();
    }
  });

  it('confines the process that unpacks to one directory, without network and privileges', function () {
    if (availableConfinement() === 'none') return void this.skip();
    const inside = world.path('inside');
    mkdirSync(inside);
    const script = [
      'touch inside/a && echo inside',
      'touch outside 2>/dev/null && echo outside',
      'ls -d /proc/[0-9]* | wc -l',
      'grep -v lo: /proc/net/dev | grep -c :',
      'mount -t tmpfs none inside 2>/dev/null && echo mounted',
      'true',
    ].join('; ');
    const [program = '', ...options] = bubblewrap(inside);
    const { stdout } = spawnSync(program, [...options, 'sh', '-c', `cd ${world.directory}; ${script}`], {
      encoding: 'utf8',
    });
    const [first, ...rest] = stdout.trim().split('\n');
    const [processes, ...last] = rest;
    expect([first, last]).to.deep.equal(['inside', ['0']]);
    expect(Number(processes)).to.be.below(8);
  });

  it('refuses images, layers and numbers of layers beyond its limits', async () => {
    const limits = { ...defaultImageLimits, imageBytesMax: 60_000, layerBytesMax: 20_000, layersMax: 2 };
    const small = await openImageStore({ directory: world.path('limited'), now: () => 1, limits });
    try {
      const layer = (name: string, bytes: number) => plainLayer(tarArchive(file(name, new Uint8Array(bytes))));
      const image = (...layers: readonly ReturnType<typeof layer>[]): LayoutPlan => {
        const plan = new LayoutPlan();
        return plan.index(plan.image(layers));
      };
      expect(await refusalOf(small.import(image(layer('a', 30_000)).writeDirectory(world.path('l1'))))).to.equal(
        'layer-too-large',
      );
      expect(
        await refusalOf(
          small.import(image(layer('a', 1), layer('b', 1), layer('c', 1)).writeDirectory(world.path('l2'))),
        ),
      ).to.equal('too-many-layers');
      const large = image(layer('a', 18_000), layer('b', 17_000));
      large.files.set('more', new Uint8Array(40_000));
      expect(await refusalOf(small.import(large.writeArchive(world.path('l3.tar'))))).to.equal('image-too-large');
      expect(await small.list()).to.deep.equal([]);
    } finally {
      await small.close();
    }
  });
});

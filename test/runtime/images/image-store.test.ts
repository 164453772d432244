/**
 * Goal: what is opened is what was imported, for the owners that were asked for, and nothing of it stays when it is gone.
 * Method: layouts made by hand, imported for real (a process that unpacks, confined where this machine can); files and mounts
 * are listed before and after.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageStore } from '../../../src/runtime/ports/image-store.ts';
import { listFiles } from '../../support/file-listing.ts';
import { canMountOverlay, helloLayout, ImageWorld, isRoot, mountCount, refusalOf } from '../../support/image-world.ts';
import { gzipLayer, layoutOf, LayoutPlan, plainLayer, sha256 } from '../../support/oci-layout.ts';
import { file, tarArchive } from '../../support/tar-archive.ts';

const range = { first: 300_000, count: 65_536 };

describe('image store', function () {
  this.timeout(60_000);
  let world: ImageWorld;
  let store: ImageStore;
  beforeEach(async () => {
    world = new ImageWorld();
    store = await world.open();
  });
  afterEach(() => world.remove(store));

  it('takes an image from a directory and from an archive, and tells what it is', async () => {
    const plan = new LayoutPlan();
    const layers = [gzipLayer(tarArchive(file('a', '12345'))), plainLayer(tarArchive(file('.wh.a'), file('b', '123')))];
    const config = {
      Entrypoint: ['/b'],
      Cmd: null,
      Env: ['A=1'],
      User: '5:6',
      WorkingDir: '/w',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      Labels: { of: 'test' },
      StopSignal: 'SIGINT',
    };
    const listed = plan.image(layers, { config: { config } });
    plan.index(listed);
    const image = await store.import(plan.writeArchive(world.path('hello-oci.tar')));
    const [first, second] = layers.map(({ diffId }) => diffId);
    expect(image).to.deep.include({
      digest: listed.digest,
      names: ['hello'],
      indexDigests: [],
      entries: 3,
      unpackedBytes: 3,
      notes: [],
      chainId: sha256(Buffer.from(`${first} ${second}`)),
      config: {
        entrypoint: ['/b'],
        command: [],
        environment: ['A=1'],
        workingDirectory: '/w',
        user: '5:6',
        stopSignal: 'SIGINT',
        exposedPorts: ['80/tcp'],
        volumes: ['/data'],
        labels: { of: 'test' },
      },
    });
    const again = await store.import(plan.writeDirectory(world.path('layout')), { name: 'team/again:1.0' });
    expect(again).to.deep.equal({ ...image, names: ['hello', 'team/again:1.0'] });
    expect(await store.list()).to.deep.equal([again]);
  });

  it('knows an image by digest, by name, and by a name that another image has taken over', async () => {
    const first = await store.import(helloLayout().writeDirectory(world.path('one')), { name: 'app' });
    const second = await store.import(layoutOf(tarArchive(file('other'))).writeDirectory(world.path('two')), {
      name: 'app',
    });
    expect((await store.inspect('app')).digest).to.equal(second.digest);
    expect((await store.inspect(`app@${first.digest}`)).digest).to.equal(first.digest);
    expect((await store.inspect(first.digest)).names).to.deep.equal([]);
    expect(await refusalOf(store.inspect('nothing'))).to.equal('not-found');
    expect(await refusalOf(store.inspect('No Name'))).to.equal('name-invalid');
    expect(await refusalOf(store.inspect(`sha256:${'0'.repeat(64)}`))).to.equal('not-found');
  });

  it('forgets an image with its last name, and frees what no other needs', async () => {
    const base = gzipLayer(tarArchive(file('base', 'shared')));
    const make = (name: string): string => {
      const plan = new LayoutPlan();
      return plan.index(plan.image([base, gzipLayer(tarArchive(file(name)))])).writeDirectory(world.path(name));
    };
    const before = world.stored();
    const one = await store.import(make('one'));
    await store.import(make('one'), { name: 'alias' });
    await store.import(make('two'));
    await store.remove('one');
    expect((await store.inspect(one.digest)).names).to.deep.equal(['alias']);
    expect(await store.collect()).to.deep.equal({ removed: 0, bytes: 0 });
    await store.remove(one.digest);
    expect(await refusalOf(store.inspect('alias'))).to.equal('not-found');
    // Its manifest, configuration, upper layer and tree; the layer that both have stays.
    expect((await store.collect()).removed).to.equal(4);
    expect((await store.inspect('two')).layers[0]?.digest).to.equal(sha256(base.stored));
    await store.prepare('two', null);
    await store.remove('two');
    await store.collect();
    expect(world.stored().filter((line) => !line.startsWith('images.json'))).to.deep.equal(before);
  });

  it('opens one shared root for all who only read, with the owners of their range', async () => {
    const image = await store.import(helloLayout().writeDirectory(world.path('hello')));
    const idRange = isRoot ? range : null;
    const request = { image: 'hello', idRange, kind: 'shared' } as const;
    const root = await store.openRoot({ ...request, containerId: 'c1' });
    expect(root).to.include({ imageDigest: image.digest, chainId: image.chainId, kind: 'shared' });
    expect(readFileSync(join(root.path, 'bin/hello'), 'utf8')).to.equal('hello');
    expect((await store.openRoot({ ...request, containerId: 'c2' })).path).to.equal(root.path);
    if (isRoot)
      expect(listFiles(root.path)).to.deep.equal(['bin/ 755 300000:300000', 'bin/hello 755 300000:300000 hello']);
    expect(await store.openRoot({ ...request, containerId: 'c1' })).to.deep.equal(root);
    expect(await refusalOf(store.openRoot({ ...request, containerId: '../c' }))).to.equal('name-invalid');
    expect(await refusalOf(store.remove('hello'))).to.equal('in-use');
    await store.closeRoot('c1');
    expect(await refusalOf(store.remove(image.digest))).to.equal('in-use');
    await store.closeRoot('c2');
    await store.closeRoot('c2');
    await store.remove('hello');
  });

  it('gives every container an overlay of its own, and leaves no mount and no file', async function () {
    if (!canMountOverlay) return void this.skip();
    const mounts = mountCount(world.directory);
    await store.import(helloLayout().writeDirectory(world.path('hello')));
    await store.prepare('hello', range);
    const before = world.stored();
    const request = { image: 'hello', idRange: range, kind: 'overlay' } as const;
    const [one, two] = await Promise.all([
      store.openRoot({ ...request, containerId: 'one' }),
      store.openRoot({ ...request, containerId: 'two' }),
      store.openRoot({ ...request, containerId: 'one' }),
    ]);
    expect(mountCount(world.directory)).to.equal(mounts + 2);
    writeFileSync(join(one.path, 'bin/hello'), 'changed');
    writeFileSync(join(one.path, 'new'), 'x');
    expect(readFileSync(join(two.path, 'bin/hello'), 'utf8')).to.equal('hello');
    expect(listFiles(two.path)).to.deep.equal(['bin/ 755 300000:300000', 'bin/hello 755 300000:300000 hello']);
    expect(await refusalOf(store.openRoot({ ...request, containerId: 'one', kind: 'shared' }))).to.equal(
      'container-has-root',
    );
    // Deeper than any path is long, as a container can make it.
    const dig = `const name = 'd'.repeat(200); for (let i = 0; i < 40; i += 1) { fs.mkdirSync(name); process.chdir(name); }`;
    const deep = spawnSync(process.execPath, ['-e', dig], { cwd: one.path });
    expect(deep.status).to.equal(0);
    await Promise.all([store.closeRoot('one'), store.closeRoot('two')]);
    expect(mountCount(world.directory)).to.equal(mounts);
    expect(world.stored()).to.deep.equal(before);
  });

  it('finds images and open roots again, and clears away what was half-made', async function () {
    const image = await store.import(helloLayout().writeDirectory(world.path('hello')));
    const kind = canMountOverlay ? 'overlay' : 'shared';
    const root = await store.openRoot({ image: 'hello', containerId: 'c', idRange: null, kind });
    expect(await refusalOf(world.open())).to.equal('locked');
    await store.close();
    expect(await refusalOf(store.list())).to.equal('closed');
    const [storeDirectory, half] = [world.path('store'), world.path('store/roots/half')];
    mkdirSync(join(storeDirectory, 'staging', 'import-left'));
    writeFileSync(join(storeDirectory, 'staging', 'import-left', 'blob'), 'x');
    mkdirSync(half);
    writeFileSync(join(half, 'root.json'), '{"containerId":');
    store = await world.open();
    expect(await store.list()).to.deep.equal([image]);
    expect(await store.openRoots()).to.deep.equal([root]);
    expect(existsSync(half)).to.equal(false);
    expect(world.stored().filter((line) => line.startsWith('staging/import'))).to.deep.equal([]);
    if (canMountOverlay) {
      // As after a restart of the machine.
      await store.close();
      expect(spawnSync('umount', [root.path]).status).to.equal(0);
      store = await world.open();
      expect(await store.openRoots()).to.deep.equal([]);
      expect(existsSync(root.path)).to.equal(false);
    }
  });

  it('does not open what is no file of its own', async () => {
    await store.close();
    writeFileSync(world.path('store/images.json'), '{"version":1,"images":[],"names":{"a":"b"}}');
    expect(await refusalOf(world.open())).to.equal('corrupt');
    rmSync(world.path('store/images.json'));
    store = await world.open();
  });
});

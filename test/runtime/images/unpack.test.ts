/**
 * Goal: layers become files as they say, and whatever they are, nothing beside their directory changes.
 * Method: layers written by hand, unpacked into a directory whose surroundings are listed before and after; root where the
 * machine gives it, for owners.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { defaultImageLimits, type ImageLimits } from '../../../src/runtime/images/limits.ts';
import { unpack } from '../../../src/runtime/images/unpack.ts';
import type { Unpacked } from '../../../src/runtime/images/unpack-order.ts';
import { ImageError } from '../../../src/runtime/ports/image-store.ts';
import { listFiles } from '../../support/file-listing.ts';
import { sha256 } from '../../support/oci-layout.ts';
import { directory, file, hardLink, symlink, tarArchive, tarEntry, type TarPart } from '../../support/tar-archive.ts';

const { gzipSync } = zlib;
const isRoot = process.geteuid?.() === 0;

interface StoredLayer {
  readonly stored: Uint8Array;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly diffId: string;
  readonly digest?: string;
}

const gzipped = (tar: Uint8Array): StoredLayer => ({ stored: gzipSync(tar), compression: 'gzip', diffId: sha256(tar) });
const plain = (tar: Uint8Array): StoredLayer => ({ stored: tar, compression: 'none', diffId: sha256(tar) });

describe('unpacking layers', () => {
  let world: string;
  let target: string;
  beforeEach(() => {
    world = mkdtempSync(join(tmpdir(), 'bpci-unpack-'));
    target = join(world, 'inside', 'tree');
    mkdirSync(target, { recursive: true });
    mkdirSync(join(world, 'etc'));
    mkdirSync(join(world, 'blobs'));
    writeFileSync(join(world, 'etc', 'passwd'), 'the host’s own');
    writeFileSync(join(world, 'inside', 'beside'), 'the store’s own');
    symlinkSync('etc', join(world, 'link'));
  });
  afterEach(() => rmSync(world, { recursive: true }));

  const run = (
    layers: readonly StoredLayer[],
    limits: Partial<ImageLimits> = {},
    idRange: { first: number; count: number } | null = null,
  ): Promise<Unpacked> =>
    unpack({
      target,
      idRange,
      limits: { ...defaultImageLimits, ...limits },
      layers: layers.map(({ stored, compression, diffId, digest }, index) => {
        const path = join(world, 'blobs', String(index));
        writeFileSync(path, stored);
        return { path, compression, digest: digest ?? sha256(stored), diffId, bytes: stored.length };
      }),
    });

  const outside = (): readonly string[] =>
    listFiles(world).filter((line) => !line.startsWith('inside/tree/') && !line.startsWith('blobs/'));

  async function refusal(layers: readonly StoredLayer[], limits: Partial<ImageLimits> = {}): Promise<ImageError> {
    const before = outside();
    const error: unknown = await run(layers, limits).then(
      () => new Error('it was taken'),
      (cause: unknown) => cause,
    );
    expect(outside(), 'outside').to.deep.equal(before);
    if (!(error instanceof ImageError)) throw error;
    return error;
  }

  const taken = async (...tars: readonly Uint8Array[]): Promise<readonly string[]> => {
    const before = outside();
    await run(tars.map(gzipped));
    expect(outside(), 'outside').to.deep.equal(before);
    return listFiles(target).map((line) => line.replace(/(?: [0-7]+)? [0-9]+:[0-9]+/u, '').trimEnd());
  };

  // Each would reach a file of the host, were it unpacked as a careless program does.
  const up = '../'.repeat(12);
  const hostile: readonly (readonly [what: string, code: string, parts: readonly TarPart[]])[] = [
    ['a path that goes up', 'layer-path-escapes', [file('../beside', 'changed')]],
    ['an absolute path', 'layer-path-escapes', [file('/etc/bpci-test', 'made')]],
    ['a hard link outside', 'hard-link-escapes', [hardLink('a', `${up}etc/passwd`)]],
    [
      'a hard link through a link outside',
      'hard-link-target-missing',
      [symlink('out', '../..'), hardLink('a', 'out/etc/passwd')],
    ],
    ['a hard link to a later entry', 'hard-link-target-missing', [hardLink('a', 'b'), file('b')]],
    ['links in a circle', 'symlink-loop', [symlink('a', 'b'), symlink('b', 'a'), file('a/x')]],
    ['a whiteout of the parent', 'whiteout-invalid', [file('.wh...')]],
    ['a whiteout of the root', 'whiteout-invalid', [file('.wh..')]],
    ['an over-long name', 'name-too-long', [{ path: 'x', pax: { path: 'n'.repeat(300) } }]],
    ['a NUL in a name', 'name-has-nul', [{ path: 'x', pax: { path: 'a\0b' } }]],
    ['a sparse file', 'sparse-unsupported', [{ path: 'x', pax: { 'GNU.sparse.realsize': '9' } }]],
  ];
  for (const [what, code, parts] of hostile)
    it(`refuses ${what}: ${code}`, async () => {
      const error = await refusal([gzipped(tarArchive(file('first', 'x'), ...parts))]);
      expect(error.code).to.equal(code);
      expect(error.message).to.match(/^layer 0: /u);
      expect(error.details['layer']).to.equal(0);
    });

  it('names the layer and the entry that is refused', async () => {
    const error = await refusal([gzipped(tarArchive(file('a'))), gzipped(tarArchive(file('a/../../b')))]);
    expect(error.details).to.deep.equal({ layer: 1, entry: 'a/../../b' });
  });

  it('writes through links within the image only, absolute, relative and beyond the root', async () => {
    const found = await taken(
      tarArchive(
        directory('etc'),
        symlink('absolute', '/etc'),
        symlink('relative', 'etc'),
        symlink('beyond', '../../../etc'),
      ),
      tarArchive(file('absolute/a', '1'), file('relative/b', '2'), file('beyond/passwd', '3')),
    );
    expect(found).to.deep.equal([
      'absolute -> /etc',
      'beyond -> ../../../etc',
      'etc/',
      'etc/a 1',
      'etc/b 2',
      'etc/passwd 3',
      'relative -> etc',
    ]);
  });

  it('replaces a link by the file of its name, and a directory by a link, without following either', async () => {
    const found = await taken(
      tarArchive(symlink('a', '../beside'), file('d/x', 'inner'), directory('d/e')),
      tarArchive(file('a', 'own'), symlink('d', '../..')),
    );
    expect(found).to.deep.equal(['a own', 'd -> ../..']);
  });

  it('removes with a whiteout what is in the image, never what a link leads to outside', async () => {
    const found = await taken(
      tarArchive(symlink('out', '../..'), file('etc/passwd', 'image’s'), symlink('gone', '../beside')),
      tarArchive(file('out/etc/.wh.passwd'), file('.wh.gone'), file('out/.wh.link')),
    );
    expect(found).to.deep.equal(['etc/', 'out -> ../..']);
  });

  it('works with what builders make: usrmerge, hard links, a whiteout and the name again, many duplicates', async () => {
    const found = await taken(
      tarArchive(
        directory('./'),
        directory('usr/bin/'),
        symlink('bin', 'usr/bin'),
        file('bin/busybox', 'box'),
        hardLink('bin/sh', 'bin/busybox'),
      ),
      tarArchive(file('bin/.wh.sh'), file('bin/sh', 'shell'), file('dup', '1'), file('dup', '2')),
    );
    expect(found).to.deep.equal([
      'bin -> usr/bin',
      'dup 2',
      'usr/',
      'usr/bin/',
      'usr/bin/busybox box',
      'usr/bin/sh shell',
    ]);
  });

  it('makes no devices and no FIFOs, sets no set-id bits, and counts them', async () => {
    const { notes, entries, bytes } = await run([
      plain(
        tarArchive(
          { path: 'dev/mem', type: '3' },
          { path: 'dev/sda', type: '4' },
          { path: 'pipe', type: '6' },
          file('su', 'root', { mode: 0o6755 }),
          { path: 'x', contents: 'y', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } },
        ),
      ),
    ]);
    expect(notes.map(({ code, count }) => [code, count])).to.have.deep.members([
      ['device-skipped', 2],
      ['fifo-skipped', 1],
      ['setuid-stripped', 1],
      ['attributes-dropped', 1],
    ]);
    expect({ entries, bytes }).to.deep.equal({ entries: 6, bytes: 5 });
    expect(lstatSync(join(target, 'su')).mode & 0o7777).to.equal(0o755);
    expect(listFiles(target).map((line) => line.split(' ')[0])).to.deep.equal(['dev/', 'su', 'x']);
  });

  it('keeps modes and times, of directories too', async () => {
    await run([
      gzipped(
        tarArchive(
          directory('tmp', { mode: 0o1777, modifiedAt: 1_000 }),
          file('tmp/a', 'x', { mode: 0o640, modifiedAt: 2_000 }),
          file('old', 'x', { mode: 0o000 }),
        ),
      ),
    ]);
    const status = (path: string): readonly [mode: number, seconds: number] => {
      const { mode, mtimeMs } = lstatSync(join(target, path));
      return [mode & 0o7777, mtimeMs / 1_000];
    };
    expect(status('tmp')).to.deep.equal([0o1777, 1_000]);
    expect(status('tmp/a')).to.deep.equal([0o640, 2_000]);
    expect(status('old')[0]).to.equal(isRoot ? 0o000 : 0o600);
  });

  it('gives files to the owners of a range', async function () {
    if (!isRoot) return void this.skip();
    const tar = tarArchive(
      directory('home', { owner: 1_000, group: 1_000 }),
      file('home/a', 'x', { owner: 65_535, group: 5 }),
      { ...symlink('s', 'home'), owner: 3, group: 4 },
    );
    await run([gzipped(tar)], {}, { first: 200_000, count: 65_536 });
    const owner = (path: string): string => {
      const { uid, gid } = lstatSync(join(target, path));
      return `${uid}:${gid}`;
    };
    expect(['', 'home', 'home/a', 's'].map(owner)).to.deep.equal([
      '200000:200000',
      '201000:201000',
      '265535:200005',
      '200003:200004',
    ]);
  });

  it('refuses owners that a range does not have', async () => {
    const error: unknown = await run(
      [gzipped(tarArchive(file('a', '', { owner: 10 })))],
      {},
      { first: 1, count: 10 },
    ).catch((cause: unknown) => cause);
    expect(error).to.include({ code: 'owner-out-of-range' });
  });

  const good = tarArchive(file('a', 'x'.repeat(10_000)));
  const stored = gzipSync(good);
  const corrupt = Uint8Array.from(stored);
  corrupt.fill(0xff, 20, 40);
  const mebibytes = (count: number): Uint8Array => tarArchive(file('zeros', new Uint8Array(count << 20)));
  const streams: readonly (readonly [what: string, code: string, layer: StoredLayer, limits?: Partial<ImageLimits>])[] =
    [
      ['a wrong digest', 'digest-mismatch', { ...gzipped(good), digest: `sha256:${'0'.repeat(64)}` }],
      [
        'a right digest with a wrong diff id',
        'diff-id-mismatch',
        { ...gzipped(good), diffId: `sha256:${'0'.repeat(64)}` },
      ],
      [
        'zeros after the compressed layer',
        'layer-trailing-garbage',
        { ...gzipped(good), stored: Buffer.concat([stored, new Uint8Array(8)]) },
      ],
      [
        'text after the compressed layer',
        'layer-corrupt',
        { ...gzipped(good), stored: Buffer.concat([stored, Buffer.from('garbage')]) },
      ],
      [
        'a truncated compressed layer',
        'layer-corrupt',
        { ...gzipped(good), stored: stored.subarray(0, stored.length - 20) },
      ],
      ['a corrupt compressed layer', 'layer-corrupt', { ...gzipped(good), stored: corrupt }],
      ['what is not compressed at all', 'layer-corrupt', { ...gzipped(good), stored: good }],
      ['a truncated archive', 'tar-truncated', gzipped(tarEntry(file('a', 'x'.repeat(700))).subarray(0, 1_000))],
      ['garbage after the archive', 'tar-trailing-garbage', gzipped(Buffer.concat([good, Buffer.from('more')]))],
      ['a bomb by ratio', 'layer-ratio-exceeded', gzipped(mebibytes(4)), { ratioFreeBytes: 1 << 20 }],
      ['a bomb by bytes', 'image-too-large', gzipped(mebibytes(4)), { unpackedBytesMax: 3 << 20 }],
      [
        'a bomb by entries',
        'too-many-entries',
        gzipped(tarArchive(...Array.from({ length: 101 }, (_, at) => file(`f${at}`)))),
        { entriesMax: 100 },
      ],
    ];
  for (const [what, code, layer, limits] of streams)
    it(`refuses ${what}: ${code}`, async () => expect((await refusal([layer], limits)).code).to.equal(code));

  it('bounds what all layers together unpack to', async () => {
    const layers = [gzipped(mebibytes(2)), gzipped(tarArchive(file('other', new Uint8Array(2 << 20))))];
    const error = await refusal(layers, { unpackedBytesMax: 3 << 20 });
    expect([error.code, error.details['layer']]).to.deep.equal(['image-too-large', 1]);
  });

  it('reads a layer of several compressed members, as parallel compressors write it', async () => {
    const members = Buffer.concat([gzipSync(good.subarray(0, 5_000)), gzipSync(good.subarray(5_000))]);
    await run([{ ...gzipped(good), stored: members }]);
    expect(readFileSync(join(target, 'a'), 'latin1')).to.equal('x'.repeat(10_000));
  });

  it('reads layers that are not compressed, and empty ones', async () => {
    await run([plain(good), plain(new Uint8Array(1_024)), gzipped(new Uint8Array())]);
    expect(listFiles(target)).to.have.length(1);
  });

  it('reads zstd where Node does, and says so where it does not', async () => {
    const compress = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdCompressSync;
    const layer: StoredLayer = { stored: compress?.(good) ?? good, compression: 'zstd', diffId: sha256(good) };
    if (compress === undefined) expect((await refusal([layer])).code).to.equal('compression-unsupported');
    else expect(await run([layer])).to.include({ entries: 1 });
  });

  it('holds no more of a great file in memory than pieces of it', async () => {
    const size = 48 << 20;
    const tar = tarArchive(
      file(
        'great',
        createHash('sha256')
          .update('x')
          .digest('hex')
          .repeat(size / 64),
      ),
    );
    const { bytes } = await run([plain(tar)]);
    expect(bytes).to.equal(size);
    expect(lstatSync(join(target, 'great')).size).to.equal(size);
  });
});

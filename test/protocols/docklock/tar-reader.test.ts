/**
 * Goal: an archive means one thing, however it arrives, and what could mean two is refused with its code.
 * Method: archives written by hand; every split into pieces; bytes changed at random.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { LayerError } from '../../../src/protocols/docklock/layer-error.ts';
import { type TarEntry, TarReader } from '../../../src/protocols/docklock/tar-reader.ts';
import {
  directory,
  file,
  hardLink,
  paxBody,
  symlink,
  tarArchive,
  tarEntry,
  type TarPart,
} from '../../support/tar-archive.ts';

interface Read {
  readonly entry: TarEntry;
  readonly contents: string;
  readonly position: number;
}

function readTar(archive: Uint8Array, pieceBytes: number = archive.length || 1): readonly Read[] {
  const reads: Read[] = [];
  let entry: TarEntry | null = null;
  let contents: Uint8Array[] = [];
  let position = 0;
  const reader = new TarReader({
    entry: (next) => {
      entry = next;
      contents = [];
      position = reader.position;
    },
    data: (bytes) => contents.push(bytes.slice()),
    entryEnd: () => reads.push({ entry: entry!, contents: Buffer.concat(contents).toString('latin1'), position }),
  });
  for (let at = 0; at < archive.length; at += pieceBytes) reader.push(archive.subarray(at, at + pieceBytes));
  reader.end();
  return reads;
}

function codeOf(archive: Uint8Array): string {
  try {
    readTar(archive);
    return 'read';
  } catch (error) {
    if (error instanceof LayerError) return error.code;
    throw error;
  }
}

const paths = (archive: Uint8Array): readonly string[] => readTar(archive).map(({ entry }) => entry.path);

describe('tar reader', () => {
  it('reads every kind of entry with what its header says', () => {
    const reads = readTar(
      tarArchive(
        directory('etc/', { mode: 0o700, owner: 3, group: 4 }),
        file('etc/hosts', 'here', { mode: 0o4755, modifiedAt: 12 }),
        symlink('s', '../x'),
        hardLink('h', 'etc/hosts'),
        { path: 'c', type: '3' },
        { path: 'b', type: '4' },
        { path: 'f', type: '6' },
      ),
    );
    expect(reads.map(({ entry }) => entry.type)).to.deep.equal([
      'directory',
      'file',
      'symlink',
      'hard-link',
      'character-device',
      'block-device',
      'fifo',
    ]);
    expect(reads[0]?.entry).to.include({ path: 'etc/', mode: 0o700, owner: 3, group: 4, size: 0 });
    expect(reads[1]).to.deep.include({ contents: 'here', position: 1024 });
    expect(reads[1]?.entry).to.include({ mode: 0o4755, modifiedAt: 12, size: 4, linkPath: '' });
    expect(reads[2]?.entry.linkPath).to.equal('../x');
  });

  it('reads the same whatever pieces the archive comes in', () => {
    const archive = tarArchive(
      file('a', 'x'.repeat(513)),
      { path: 'short', contents: 'long name', pax: { path: 'p'.repeat(300), mtime: '5.75' } },
      directory('d'),
      file('empty'),
      file('block', 'y'.repeat(512)),
    );
    const whole = readTar(archive);
    expect(whole.map(({ entry }) => entry.path)).to.deep.equal(['a', 'p'.repeat(300), 'd', 'empty', 'block']);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_500 }), (bytes) => {
        expect(readTar(archive, bytes)).to.deep.equal(whole);
      }),
    );
  });

  it('throws nothing but its own errors, whatever bytes are changed', () => {
    const archive = tarArchive(
      directory('d'),
      { path: 'a', contents: 'x'.repeat(700), pax: { path: 'longer', size: '700', 'SCHILY.xattr.user.a': 'b' } },
      { path: 'L', type: 'L', contents: 'gnu-name\0' },
      symlink('s', 't'),
    );
    const change = fc.record({ at: fc.nat(archive.length - 1), byte: fc.nat(255) });
    const fix = (bytes: Uint8Array): Uint8Array => {
      // Half of the runs with right checksums, so that what is behind them is reached.
      for (let at = 0; at + 512 <= bytes.length; at += 512) {
        const block = bytes.subarray(at, at + 512);
        if (block.subarray(257, 262).toString() !== Buffer.from('ustar').toString()) continue;
        block.fill(0x20, 148, 156);
        const sum = block.reduce((total, byte) => total + byte, 0);
        block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
      }
      return bytes;
    };
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), (changes, isFixed) => {
        const bytes = Uint8Array.from(archive);
        for (const { at, byte } of changes) bytes[at] = byte;
        codeOf(isFixed ? fix(bytes) : bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  const binary = (size: number): Uint8Array => {
    const field = new Uint8Array(12);
    field[0] = 0x80;
    field[11] = size;
    return field;
  };
  const patched = (part: TarPart, at: number, bytes: Uint8Array): Uint8Array => {
    const entry = Uint8Array.from(tarEntry(part));
    entry.set(bytes, at);
    entry.fill(0x20, 148, 156);
    const sum = entry.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    entry.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    return entry;
  };

  it('reads numbers in binary, names in two fields, and directories of archives that had no type for them', () => {
    expect(readTar(patched(file('a', 'four'), 124, binary(4)))[0]?.contents).to.equal('four');
    expect(paths(patched(file('last'), 345, Buffer.from('first/names')))).to.deep.equal(['first/names/last']);
    expect(readTar(patched(file('old/'), 156, new Uint8Array(1)))[0]?.entry.type).to.equal('directory');
  });

  it('takes what pax says before what GNU says before what the header says', () => {
    const long = { path: '././@LongLink', type: 'L', contents: 'by-gnu\0' };
    expect(paths(tarArchive(long, file('header')))).to.deep.equal(['by-gnu']);
    expect(paths(tarArchive(long, { path: 'header', pax: { path: 'by-pax' } }))).to.deep.equal(['by-pax']);
    const pax = { path: 'pax', type: 'x', contents: paxBody({ path: 'by-pax' }) };
    expect(paths(tarArchive(pax, long, file('header')))).to.deep.equal(['by-pax']);
    expect(paths(tarArchive({ path: 'header', pax: { path: '' } }))).to.deep.equal(['header']);
    expect(paths(tarArchive(pax, file('first'), file('second')))).to.deep.equal(['by-pax', 'second']);
  });

  it('takes an archive that ends between entries, with one block of zeros, or with many', () => {
    const entry = tarEntry(file('a', 'b'));
    for (const end of [0, 512, 1_024, 10_240])
      expect(paths(Buffer.concat([entry, new Uint8Array(end)])), `${end}`).to.deep.equal(['a']);
    expect(readTar(new Uint8Array())).to.deep.equal([]);
  });

  const long = 'n'.repeat(10);
  const refusals: readonly (readonly [what: string, code: string, archive: Uint8Array])[] = [
    ['a wrong checksum', 'tar-header-invalid', tarArchive(file('a', '', { checksum: 1 }))],
    ['no header at all', 'tar-header-invalid', Buffer.alloc(512, 0x41)],
    ['a size that is no number', 'tar-header-invalid', patched(file('a'), 124, Buffer.from('9999'))],
    ['a negative size', 'tar-header-invalid', patched(file('a'), 124, Buffer.alloc(12, 0xff))],
    [
      'a size beyond 2^53',
      'tar-header-invalid',
      patched(file('a'), 124, Buffer.from([0x80, ...Buffer.alloc(11, 0xff)])),
    ],
    ['the end within a header', 'tar-truncated', tarEntry(file('a')).subarray(0, 300)],
    ['the end within contents', 'tar-truncated', tarEntry(file('a', long)).subarray(0, 515)],
    ['the end within padding', 'tar-truncated', tarEntry(file('a', long)).subarray(0, 600)],
    [
      'the end after an extension',
      'tar-truncated',
      tarArchive({ path: 'pax', type: 'x', contents: paxBody({ path: 'a' }) }),
    ],
    ['something after the end', 'tar-trailing-garbage', Buffer.concat([tarArchive(file('a')), Buffer.from('more')])],
    ['an archive after the end', 'tar-trailing-garbage', Buffer.concat([tarArchive(file('a')), tarArchive(file('b'))])],
    [
      'something after one block of zeros',
      'tar-trailing-garbage',
      Buffer.concat([new Uint8Array(512), tarEntry(file('a'))]),
    ],
    ["GNU's sparse files", 'sparse-unsupported', tarArchive({ path: 'a', type: 'S', magic: 'ustar  \0' })],
    ['sparse files of pax', 'sparse-unsupported', tarArchive({ path: 'a', pax: { 'GNU.sparse.major': '1' } })],
    ['an unknown type', 'entry-type-unknown', tarArchive({ path: 'a', type: 'V' })],
    ['a directory with contents', 'entry-has-data', tarArchive(directory('a', { contents: 'b' }))],
    ['a symbolic link with contents', 'entry-has-data', tarArchive({ ...symlink('a', 'b'), contents: 'c' })],
    ['a name that is not UTF-8', 'name-not-utf8', tarArchive({ path: new Uint8Array([0x61, 0xff]) })],
    ['a NUL in a name of pax', 'name-has-nul', tarArchive({ path: 'a', pax: { path: 'a\0b' } })],
    ['a NUL in a target of pax', 'name-has-nul', tarArchive({ ...symlink('a', 'b'), pax: { linkpath: 'a\0b' } })],
    ['a NUL in a long name of GNU', 'name-has-nul', tarArchive({ path: 'L', type: 'L', contents: 'a\0b' }, file('x'))],
    [
      'a pax record without length',
      'tar-extension-invalid',
      tarArchive({ path: 'p', type: 'x', contents: 'path=a\n' }, file('x')),
    ],
    [
      'a pax record that is longer than its header',
      'tar-extension-invalid',
      tarArchive({ path: 'p', type: 'x', contents: '99 path=a\n' }, file('x')),
    ],
    [
      'a pax record of no length',
      'tar-extension-invalid',
      tarArchive({ path: 'p', type: 'x', contents: '0 path=a\n' }, file('x')),
    ],
    ['a pax size that is no number', 'tar-extension-invalid', tarArchive({ path: 'a', pax: { size: '-1' } })],
    [
      'two pax headers for one entry',
      'tar-extension-invalid',
      tarArchive({ path: 'p', type: 'x', contents: paxBody({ path: 'a' }) }, { path: 'x', pax: { path: 'b' } }),
    ],
    [
      'a pax header of two mebibytes',
      'tar-extension-invalid',
      tarArchive({ path: 'a', pax: { comment: 'c'.repeat(2 << 20) } }),
    ],
    [
      'a name for all entries',
      'tar-extension-invalid',
      tarArchive({ path: 'g', type: 'g', contents: paxBody({ path: 'a' }) }, file('x')),
    ],
  ];
  for (const [what, code, archive] of refusals)
    it(`refuses ${what}: ${code}`, () => expect(codeOf(archive)).to.equal(code));

  it('takes comments for all entries, as version control systems write them', () => {
    const archive = tarArchive({ path: 'g', type: 'g', contents: paxBody({ comment: 'of a commit' }) }, file('x'));
    expect(paths(archive)).to.deep.equal(['x']);
  });
});

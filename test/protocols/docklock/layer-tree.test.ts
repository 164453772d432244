/**
 * Goal: layers come to the tree that the image specification says, and no change ever leads out of it or through a link.
 * Method: changes are carried out on a disk of maps that knows no links, and refuses what a careful disk would refuse; random
 * layers are compared with a dumb oracle that hides first and adds then.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { LayerError } from '../../../src/protocols/docklock/layer-error.ts';
import { LayerTree, type TreeChange } from '../../../src/protocols/docklock/layer-tree.ts';
import type { TarEntry } from '../../../src/protocols/docklock/tar-reader.ts';

const entry = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  type: 'file',
  size: 0,
  mode: 0o644,
  owner: 0,
  group: 0,
  modifiedAt: 0,
  linkPath: '',
  hasAttributes: false,
  ...more,
});
const directory = (path: string): TarEntry => entry(path, { type: 'directory', mode: 0o755 });
const symlink = (path: string, linkPath: string): TarEntry => entry(path, { type: 'symlink', linkPath });
const hardLink = (path: string, linkPath: string): TarEntry => entry(path, { type: 'hard-link', linkPath });

/** Paths to what is there; contents of files are the numbers of the entries that made them. */
class Disk {
  readonly places = new Map<string, string>();
  #files = 0;

  carryOut(change: TreeChange): void {
    const { path } = change;
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : null;
    if (path === '' || path.split('/').some((name) => name === '' || name === '.' || name === '..'))
      throw new Error(`a change of ${JSON.stringify(path)}`);
    if (parent !== null && this.places.get(parent) !== 'directory')
      throw new Error(`${path}: its parent is no directory`);
    if (change.kind === 'remove') {
      const kind = this.places.get(path);
      if (kind === undefined || (kind === 'directory') !== change.isDirectory) throw new Error(`${path} is not there`);
      for (const each of [...this.places.keys()])
        if (each === path || each.startsWith(`${path}/`)) this.places.delete(each);
      return;
    }
    if (this.places.has(path)) throw new Error(`${path} is there`);
    if (change.kind === 'directory') this.places.set(path, 'directory');
    else if (change.kind === 'file') this.places.set(path, `file ${(this.#files += 1)}`);
    else if (change.kind === 'symlink') this.places.set(path, `-> ${change.target}`);
    else {
      const target = this.places.get(change.to);
      if (target === undefined || target === 'directory') throw new Error(`${change.to} cannot be linked to`);
      this.places.set(path, target);
    }
  }

  get listing(): readonly string[] {
    return [...this.places]
      .filter(([, kind]) => kind !== 'directory')
      .map(([path, kind]) => `${path} ${kind}`)
      .sort();
  }
}

const limits = { entriesMax: 1_000, ownerMax: 65_535 };

function build(...layers: readonly (readonly TarEntry[])[]): { readonly disk: Disk; readonly tree: LayerTree } {
  const tree = new LayerTree(limits);
  const disk = new Disk();
  for (const layer of layers) {
    tree.beginLayer();
    for (const each of layer) for (const change of tree.apply(each)) disk.carryOut(change);
  }
  return { disk, tree };
}

const listing = (...layers: readonly (readonly TarEntry[])[]): readonly string[] => build(...layers).disk.listing;

function codeOf(...layers: readonly (readonly TarEntry[])[]): string {
  try {
    build(...layers);
    return 'taken';
  } catch (error) {
    if (error instanceof LayerError) return error.code;
    throw error;
  }
}

describe('layer tree', () => {
  const trees: readonly (readonly [
    what: string,
    layers: readonly (readonly TarEntry[])[],
    listing: readonly string[],
  ])[] = [
    ['a file of an upper layer replaces one below', [[entry('a')], [entry('a')]], ['a file 2']],
    ['the last of two entries of one name holds', [[entry('a'), entry('./a')]], ['a file 2']],
    [
      'a directory keeps what is in it when it is said again',
      [[entry('d/a')], [directory('d'), entry('d/b')]],
      ['d/a file 1', 'd/b file 2'],
    ],
    ['a file replaces a directory with all in it', [[entry('d/a'), entry('d/e/b')], [entry('d')]], ['d file 3']],
    [
      'a directory replaces a link to one',
      [
        [directory('usr/bin'), symlink('bin', 'usr/bin')],
        [directory('bin'), entry('bin/a')],
      ],
      ['bin/a file 1'],
    ],
    [
      'what is written through a link to a directory lands in it',
      [[directory('usr/bin'), symlink('bin', 'usr/bin')], [entry('bin/sh')]],
      ['bin -> usr/bin', 'usr/bin/sh file 1'],
    ],
    [
      'an absolute link begins at the root of the image',
      [[directory('usr/bin'), symlink('a/bin', '/usr/bin'), entry('a/bin/sh')]],
      ['a/bin -> /usr/bin', 'usr/bin/sh file 1'],
    ],
    [
      'a link that goes up stops at the root of the image',
      [[symlink('up', '../../../../etc'), entry('up/passwd')]],
      ['etc/passwd file 1', 'up -> ../../../../etc'],
    ],
    [
      'links lead on through links',
      [[directory('x'), symlink('b', 'x'), symlink('a', 'b'), entry('a/f')]],
      ['a -> b', 'b -> x', 'x/f file 1'],
    ],
    ['a link that is written to is replaced, not followed', [[symlink('a', '/etc/passwd'), entry('a')]], ['a file 1']],
    [
      'a hard link is broken, not written through',
      [[entry('a'), hardLink('b', 'a')], [entry('b')]],
      ['a file 1', 'b file 2'],
    ],
    ['hard links name one file', [[entry('a'), hardLink('d/b', './a')]], ['a file 1', 'd/b file 1']],
    ['a hard link to a file of a lower layer', [[entry('a')], [hardLink('b', 'a')]], ['a file 1', 'b file 1']],
    ['a hard link to a symbolic link is that link', [[symlink('a', '/x'), hardLink('b', 'a')]], ['a -> /x', 'b -> /x']],
    ['a hard link to itself changes nothing', [[entry('a'), hardLink('a', 'a')]], ['a file 1']],
    ['a whiteout hides what lower layers have', [[entry('d/a'), entry('d/b')], [entry('d/.wh.a')]], ['d/b file 2']],
    ['a whiteout hides a directory', [[entry('d/a')], [entry('.wh.d')]], []],
    [
      'a whiteout hides nothing of its own layer, before it',
      [[entry('a')], [entry('a'), entry('.wh.a')]],
      ['a file 2'],
    ],
    ['a whiteout hides nothing of its own layer, after it', [[entry('a')], [entry('.wh.a'), entry('a')]], ['a file 2']],
    [
      'a directory that is hidden and made again has only what is new',
      [
        [entry('d/a'), entry('d/e/b')],
        [entry('d/c'), entry('.wh.d')],
      ],
      ['d/c file 3'],
    ],
    ['a whiteout of nothing', [[entry('a')], [entry('.wh.b'), entry('x/.wh.a')]], ['a file 1']],
    [
      'a whiteout through a link hides in the directory',
      [[entry('usr/bin/a'), symlink('bin', 'usr/bin')], [entry('bin/.wh.a')]],
      ['bin -> usr/bin'],
    ],
    [
      'a whiteout through a link that goes up stays in the image',
      [[entry('etc/a'), symlink('up', '../../etc')], [entry('up/.wh.a')]],
      ['up -> ../../etc'],
    ],
    [
      'an opaque directory has only what its layer puts there',
      [
        [entry('d/a'), entry('d/e/b')],
        [entry('d/e/c'), entry('d/.wh..wh..opq'), entry('d/f')],
      ],
      ['d/e/c file 3', 'd/f file 4'],
    ],
    [
      'an opaque root',
      [
        [entry('a'), entry('d/b')],
        [entry('.wh..wh..opq'), entry('c')],
      ],
      ['c file 3'],
    ],
    [
      'a device takes the place of a file and is not there',
      [[entry('a')], [entry('a', { type: 'character-device' })]],
      [],
    ],
    ['the root itself may be said', [[directory('./'), entry('a')]], ['a file 1']],
  ];
  for (const [what, layers, expected] of trees) it(what, () => expect(listing(...layers)).to.deep.equal(expected));

  const deep = (depth: number): string => Array.from({ length: depth }, () => 'd').join('/');
  const refusals: readonly (readonly [what: string, code: string, layers: readonly (readonly TarEntry[])[]])[] = [
    ['a path that goes up', 'layer-path-escapes', [[entry('../a')]]],
    ['a path that goes up and comes back', 'layer-path-escapes', [[entry('a/../b')]]],
    ['an absolute path', 'layer-path-escapes', [[entry('/etc/passwd')]]],
    ['a name of 256 bytes', 'name-too-long', [[entry('n'.repeat(256))]]],
    ['a name of 86 characters of three bytes', 'name-too-long', [[entry('\u20ac'.repeat(86))]]],
    ['a path of 4,000 bytes', 'name-too-long', [[entry(`${'a/'.repeat(2_000)}b`)]]],
    [
      'a path that links make too long',
      'name-too-long',
      [
        [
          directory(`${'l'.repeat(200)}/`.repeat(10)),
          symlink('s', `${'l'.repeat(200)}/`.repeat(10)),
          entry(`s/${'m'.repeat(200)}`),
        ],
      ],
    ],
    ['257 directories', 'path-too-deep', [[entry(deep(257))]]],
    ['a file as a directory', 'parent-not-directory', [[entry('a'), entry('a/b')]]],
    ['a link to a file as a directory', 'parent-not-directory', [[entry('a'), symlink('s', 'a'), entry('s/b')]]],
    ['a link to itself', 'symlink-loop', [[symlink('a', 'a'), entry('a/b')]]],
    ['links in a circle', 'symlink-loop', [[symlink('a', 'b'), symlink('b', '/a/'), entry('a/b')]]],
    ['a link that grows as it is followed', 'symlink-loop', [[directory('x'), symlink('x/l', 'l/l'), entry('x/l/f')]]],
    ['a link to nothing', 'symlink-invalid', [[symlink('a', '')]]],
    ['a hard link outside', 'hard-link-escapes', [[hardLink('a', '../../etc/passwd')]]],
    ['an absolute hard link', 'hard-link-escapes', [[hardLink('a', '/etc/passwd')]]],
    ['a hard link to a later entry', 'hard-link-target-missing', [[hardLink('a', 'b'), entry('b')]]],
    ['a hard link to what it replaces', 'hard-link-target-missing', [[entry('d/a'), hardLink('d', 'd/a')]]],
    [
      'a hard link to what a whiteout hid',
      'hard-link-target-missing',
      [[entry('a')], [entry('.wh.a'), hardLink('b', 'a')]],
    ],
    ['a hard link to a directory', 'hard-link-to-directory', [[directory('d'), hardLink('a', 'd')]]],
    ['a whiteout of nothing named', 'whiteout-invalid', [[entry('.wh.')]]],
    ['a whiteout of the directory itself', 'whiteout-invalid', [[entry('d/.wh..')]]],
    ['a whiteout of the parent', 'whiteout-invalid', [[entry('d/.wh...')]]],
    ['a whiteout of whiteouts', 'whiteout-invalid', [[entry('.wh..wh.plnk')]]],
    ['a whiteout as a directory', 'whiteout-invalid', [[directory('.wh.a')]]],
    ['something in a whiteout', 'whiteout-invalid', [[entry('.wh.a/b')]]],
    ['a whiteout with contents', 'whiteout-invalid', [[entry('.wh.a', { size: 1 })]]],
    ['the root as a file', 'root-not-directory', [[entry('./')]]],
    ['an owner beyond the range', 'owner-out-of-range', [[entry('a', { owner: 65_536 })]]],
    ['more entries than are taken', 'too-many-entries', [Array.from({ length: 1_001 }, () => entry('a'))]],
    [
      'more directories than are taken, though few are named',
      'too-many-entries',
      [Array.from({ length: 6 }, (_, at) => entry(`${at}/${deep(200)}`))],
    ],
  ];
  for (const [what, code, layers] of refusals)
    it(`refuses ${what}: ${code}`, () => expect(codeOf(...layers)).to.equal(code));

  it('says what it left out, how often, and where first', () => {
    const { tree } = build(
      [entry('su', { mode: 0o4755 }), entry('dev/null', { type: 'character-device' })],
      [entry('x', { mode: 0o2755 }), entry('p', { type: 'fifo' }), entry('c', { hasAttributes: true })],
    );
    expect(tree.notes).to.have.deep.members([
      { code: 'setuid-stripped', count: 2, layer: 0, entry: 'su' },
      { code: 'device-skipped', count: 1, layer: 0, entry: 'dev/null' },
      { code: 'fifo-skipped', count: 1, layer: 1, entry: 'p' },
      { code: 'attributes-dropped', count: 1, layer: 1, entry: 'c' },
    ]);
  });

  it('gives files without set-id bits, and directories with what the last layer said of them, the inner ones first', () => {
    const tree = new LayerTree(limits);
    tree.beginLayer();
    const [change] = tree.apply(entry('su', { mode: 0o6755, owner: 7 }));
    expect(change).to.deep.include({ attributes: { mode: 0o755, owner: 7, group: 0, modifiedAt: 0 } });
    tree.apply(entry('tmp', { type: 'directory', mode: 0o1777 }));
    tree.apply(entry('tmp/a/b', { type: 'directory', mode: 0o2775 }));
    expect(
      [...tree.directories()].map(({ path, attributes }) => `${path} ${attributes.mode.toString(8)}`),
    ).to.deep.equal(['tmp/a/b 2775', 'tmp/a 755', 'tmp 1777', ' 755']);
  });

  it('counts the bytes of hard links once', () => {
    expect(build([entry('a', { size: 5 }), hardLink('b', 'a'), entry('c', { size: 2 })]).tree.bytes).to.equal(7);
    expect(build([entry('a', { size: 5 })], [entry('a', { size: 1 })]).tree.bytes).to.equal(1);
  });

  const name = fc.constantFrom('a', 'b', 'c', '.wh.a', '.wh.b', '.wh..wh..opq', '..', '.wh..');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const target = fc.oneof(
    path,
    path.map((text) => `/${text}`),
    path.map((text) => `../../${text}`),
  );
  const anyEntry = fc.oneof(
    path.map((text) => entry(text)),
    path.map(directory),
    fc.tuple(path, target).map(([from, to]) => symlink(from, to)),
    fc.tuple(path, path).map(([from, to]) => hardLink(from, to)),
    path.map((text) => entry(text, { type: 'fifo' })),
  );

  it('never leads out of the tree or through a link, whatever the layers are', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyEntry, { maxLength: 12 }), { maxLength: 3 }), (layers) => {
        const tree = new LayerTree(limits);
        const disk = new Disk();
        for (const layer of layers) {
          tree.beginLayer();
          for (const each of layer) {
            try {
              for (const change of tree.apply(each)) disk.carryOut(change);
            } catch (error) {
              if (!(error instanceof LayerError)) throw error;
              return;
            }
          }
        }
        const known = [...tree.directories()].map((each) => each.path).filter((each) => each !== '');
        const made = [...disk.places].filter(([, kind]) => kind === 'directory').map(([each]) => each);
        expect(known.sort()).to.deep.equal(made.sort());
      }),
      { numRuns: 3_000 },
    );
  });

  it('comes to the tree of an oracle that hides first and adds then', () => {
    const plainName = fc.constantFrom('a', 'b', 'c', 'd');
    const plain = fc.array(plainName, { minLength: 1, maxLength: 3 });
    const item = fc.tuple(fc.constantFrom('file', 'whiteout', 'opaque'), plain);
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), (plan) => {
        // Files lie at the third level only and directories above them, so that no file is ever in the way.
        const layers = plan.map((layer) =>
          layer.map(([kind, names]) => {
            const above = names.slice(0, -1);
            const last = names.at(-1) ?? 'a';
            if (kind === 'file')
              return ['x', ...names, ...Array.from({ length: 3 - names.length }, () => 'z')].join('/').concat('/f');
            return [...(kind === 'opaque' ? ['x', ...names, '.wh..wh..opq'] : ['x', ...above, `.wh.${last}`])].join(
              '/',
            );
          }),
        );
        let expected = new Set<string>();
        for (const layer of layers) {
          const hidden = layer.flatMap((each) => {
            const at = each.lastIndexOf('/') + 1;
            const last = each.slice(at);
            if (last === '.wh..wh..opq') return [each.slice(0, at)];
            return last.startsWith('.wh.') ? [`${each.slice(0, at)}${last.slice(4)}/`] : [];
          });
          expected = new Set([...expected].filter((each) => !hidden.some((prefix) => each.startsWith(prefix))));
          for (const each of layer) if (!each.includes('.wh.')) expected.add(each);
        }
        const { disk } = build(...layers.map((layer) => layer.map((each) => entry(each))));
        const found = [...disk.places].filter(([, kind]) => kind !== 'directory').map(([each]) => each);
        expect(found.sort()).to.deep.equal([...expected].sort());
      }),
      { numRuns: 1_000 },
    );
  });
});

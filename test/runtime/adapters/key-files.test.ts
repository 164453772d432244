// Goal: key files that are safe to rely on: complete, private, never overwritten, and clear about what is wrong with them.
// Method: each way in which a file can be wrong, made on a real file system.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { createSigner, createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import {
  createKeyFile,
  exportKeyFile,
  KeyFileError,
  readPassphrase,
  readSeed,
  readSigner,
  readVrfSigner,
  rotateKeyFile,
  showKeyFile,
  type KeyFileErrorCode,
} from '../../../src/runtime/adapters/key-files.ts';

type Json = Record<string, unknown>;

describe('key files', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-keys-'));
    path = join(directory, 'keys', 'node.json');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const codeOf = async (action: () => unknown): Promise<KeyFileErrorCode> => {
    try {
      await action();
    } catch (error) {
      if (error instanceof KeyFileError) return error.code;
      throw error;
    }
    throw new Error('not refused');
  };
  const contentOf = (file: string): Json => JSON.parse(readFileSync(file, 'utf8')) as Json;
  const change = (file: string, edit: (content: Json) => void): void => {
    const content = contentOf(file);
    edit(content);
    writeFileSync(file, JSON.stringify(content));
  };

  for (const passphrase of [null, 'correct horse']) {
    it(`makes a private file ${passphrase === null ? 'in clear' : 'under a passphrase'} that signs with the named key`, async () => {
      const made = await createKeyFile(path, 'ed25519', passphrase);
      expect(made.encrypted).to.equal(passphrase !== null);
      expect(showKeyFile(path)).to.deep.equal(made);
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      expect(statSync(join(directory, 'keys')).mode & 0o777).to.equal(0o700);
      expect(readdirSync(join(directory, 'keys'))).to.deep.equal(['node.json']);
      const signer = await readSigner(path, passphrase, made.publicKey);
      const message = toUtf8('message');
      expect(createVerifier().verify(made.publicKey, message, signer.sign(message))).to.equal(true);
      const seed = await readSeed(path, passphrase);
      expect(createSigner(seed).publicKey).to.equal(made.publicKey);
      expect(readFileSync(path, 'utf8').includes(toHex(seed))).to.equal(passphrase === null);
    });
  }

  it('keeps VRF keys apart from signing keys', async () => {
    const { publicKey } = await createKeyFile(path, 'vrf', null);
    expect((await readVrfSigner(path, null)).publicKey).to.equal(publicKey);
    expect(await codeOf(() => readSigner(path, null))).to.equal('wrong-key');
    expect(await codeOf(() => readSeed(path, null))).to.equal('wrong-key');
  });

  it('never overwrites', async () => {
    await createKeyFile(path, 'ed25519', null);
    const before = readFileSync(path, 'utf8');
    expect(await codeOf(() => createKeyFile(path, 'ed25519', null))).to.equal('exists');
    expect(readFileSync(path, 'utf8')).to.equal(before);
    expect(readdirSync(join(directory, 'keys'))).to.deep.equal(['node.json']);
  });

  it('refuses a file that others may read, and says how to mend it', async () => {
    await createKeyFile(path, 'ed25519', null);
    for (const mode of [0o640, 0o604, 0o660, 0o644, 0o610]) {
      chmodSync(path, mode);
      expect(await codeOf(() => readSigner(path, null))).to.equal('loose-permissions');
      expect(() => showKeyFile(path)).to.throw(/mode 06\d\d.*chmod 600/);
    }
    chmodSync(path, 0o400);
    await readSigner(path, null);
  });

  it('tells a missing file, a missing passphrase, a wrong one and a wrong key apart', async () => {
    expect(await codeOf(() => readSigner(path, null))).to.equal('missing');
    const { publicKey } = await createKeyFile(path, 'ed25519', 'right');
    expect(await codeOf(() => readSigner(path, null))).to.equal('passphrase-missing');
    expect(await codeOf(() => readSigner(path, 'wrong'))).to.equal('wrong-passphrase');
    expect(await codeOf(() => readSigner(path, 'right', 'ab'.repeat(32) as PublicKey))).to.equal('wrong-key');
    expect((await readSigner(path, 'right', publicKey)).publicKey).to.equal(publicKey);
  });

  it('notices a public key that is not the one of its seed, in clear and encrypted', async () => {
    const other = createSigner(new Uint8Array(32).fill(1)).publicKey;
    await createKeyFile(path, 'ed25519', null);
    change(path, (content) => (content['publicKey'] = other));
    expect(await codeOf(() => readSigner(path, null))).to.equal('wrong-key');
    const sealed = join(directory, 'sealed.json');
    await createKeyFile(sealed, 'ed25519', 'right');
    change(sealed, (content) => (content['publicKey'] = other));
    expect(await codeOf(() => readSigner(sealed, 'right'))).to.equal('wrong-passphrase');
  });

  it('calls everything corrupt that is not exactly a key file', async () => {
    await createKeyFile(path, 'ed25519', 'right');
    const good = readFileSync(path, 'utf8');
    const encrypted = (content: Json): Json => content['encrypted'] as Json;
    const edits: ((content: Json) => void)[] = [
      (content) => (content['version'] = 2),
      (content) => (content['kind'] = 'rsa'),
      (content) => (content['publicKey'] = 'AB'.repeat(32)),
      (content) => (content['extra'] = 1),
      (content) => (content['seed'] = '00'.repeat(32)),
      (content) => delete content['encrypted'],
      (content) => (encrypted(content)['kdf'] = 'md5'),
      (content) => (encrypted(content)['N'] = 1000),
      (content) => (encrypted(content)['N'] = 2 ** 24),
      (content) => (encrypted(content)['r'] = 0),
      (content) => (encrypted(content)['p'] = 1.5),
      (content) => (encrypted(content)['salt'] = ''),
      (content) => (encrypted(content)['nonce'] = '00'),
      (content) => (encrypted(content)['ciphertext'] = 'zz'.repeat(48)),
    ];
    for (const edit of edits) {
      writeFileSync(path, good);
      change(path, edit);
      expect(await codeOf(() => readSigner(path, 'right')), edit.toString()).to.equal('corrupt');
    }
    for (const text of ['', 'null', '[]', '{', good.slice(0, -4), good + ' '.repeat(20_000)]) {
      writeFileSync(path, text);
      expect(await codeOf(() => readSigner(path, 'right'))).to.equal('corrupt');
    }
    mkdirSync(join(directory, 'folder'), { mode: 0o700 });
    expect(await codeOf(() => readSigner(join(directory, 'folder'), null))).to.equal('corrupt');
  });

  it('rotates to a new key of the same kind and passphrase, and keeps the old file', async () => {
    const { publicKey } = await createKeyFile(path, 'vrf', 'right');
    expect(await codeOf(() => rotateKeyFile(path, 'wrong'))).to.equal('wrong-passphrase');
    const { previous, current, kept } = await rotateKeyFile(path, 'right');
    expect(previous).to.equal(publicKey);
    expect(current).to.not.equal(publicKey);
    expect((await readVrfSigner(path, 'right')).publicKey).to.equal(current);
    expect((await readVrfSigner(kept, 'right')).publicKey).to.equal(previous);
    expect(readdirSync(join(directory, 'keys'))).to.have.length(2);
  });

  it('exports under another passphrase to a new file', async () => {
    const { publicKey } = await createKeyFile(path, 'ed25519', null);
    const to = { path: join(directory, 'backup.json'), passphrase: 'of the backup' };
    expect(await exportKeyFile(path, null, to)).to.deep.equal({ kind: 'ed25519', publicKey, encrypted: true });
    expect((await readSigner(to.path, to.passphrase)).publicKey).to.equal(publicKey);
    expect(await codeOf(() => exportKeyFile(path, null, to))).to.equal('exists');
    expect(await codeOf(() => exportKeyFile(path, null, { ...to, path: join(path, 'below') }))).to.equal('exists');
  });

  it('reads a passphrase from a descriptor or an environment variable', async () => {
    const file = join(directory, 'passphrase');
    const fromFile = (content: string): string => {
      writeFileSync(file, content);
      const descriptor = openSync(file, 'r');
      try {
        return readPassphrase({ descriptor });
      } finally {
        closeSync(descriptor);
      }
    };
    expect(fromFile('two words\n')).to.equal('two words');
    expect(fromFile('\u00fcml\u00e4ut\r\n')).to.equal('\u00fcml\u00e4ut');
    for (const content of ['', '\n', 'x'.repeat(4097)])
      expect(await codeOf(() => fromFile(content))).to.equal('passphrase-missing');
    expect(await codeOf(() => readPassphrase({ descriptor: 999 }))).to.equal('passphrase-missing');
    expect(readPassphrase({ variable: 'PASS' }, { PASS: 'word' })).to.equal('word');
    expect(await codeOf(() => readPassphrase({ variable: 'PASS' }, {}))).to.equal('passphrase-missing');
  });

  it('leaves nothing behind where the device is full', async function () {
    const mountPoint = join(directory, 'small');
    mkdirSync(mountPoint);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'bpci-test', mountPoint]).status !== 0) {
      console.log('      skipped: no right to mount a small file system in memory');
      this.skip();
    }
    try {
      expect(() => writeFileSync(join(mountPoint, 'filler'), new Uint8Array(100_000))).to.throw(/ENOSPC/);
      const small = join(mountPoint, 'node.json');
      expect(await codeOf(() => createKeyFile(small, 'ed25519', null))).to.equal('failed');
      expect(existsSync(small)).to.equal(false);
      expect(readdirSync(mountPoint)).to.deep.equal(['filler']);
    } finally {
      spawnSync('umount', [mountPoint]);
    }
  });
});

/**
 * A person's own keys: `$BPCI_HOME/keys` or `~/.bpci/keys`, one key file and one public key file (`NAME.pub`) a name.
 * Key files are encrypted where BPCI_PASSPHRASE is set when they are made.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isHex64 } from '../../protocols/shared/brands.ts';
import { createKeyFile, readSigner } from '../../runtime/adapters/key-files.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { CommandError } from '../terminal.ts';

export interface NamedKey {
  readonly name: string;
  readonly publicKey: string;
  readonly file: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export class KeyStore {
  readonly directory: string;
  readonly #passphrase: string | null;

  constructor(environment: Environment) {
    const home = environment['BPCI_HOME'] ?? '';
    this.directory = join(home === '' ? join(homedir(), '.bpci') : home, 'keys');
    const passphrase = environment['BPCI_PASSPHRASE'] ?? '';
    this.#passphrase = passphrase === '' ? null : passphrase;
  }

  /** Ascending by name. */
  list(): readonly NamedKey[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory)
      .filter((file) => file.endsWith('.pub'))
      .map((file) => file.slice(0, -'.pub'.length))
      .sort()
      .map((name) => this.find(name));
  }

  /** Makes a key. Throws CommandError `usage` where the name is taken or no name. */
  async generate(name: string): Promise<NamedKey> {
    if (!namePattern.test(name)) {
      throw new CommandError('usage', `${name} cannot name a key`, [
        'A name has lower-case letters, digits, dots and dashes, at most 64 of them.',
      ]);
    }
    const file = this.#file(name);
    if (existsSync(file)) {
      throw new CommandError('usage', `there is a key ${name} already`, [
        `Show it:  npx bpci keys show ${name}`,
        `It lies in ${file} and is never overwritten.`,
      ]);
    }
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    await createKeyFile(file, 'ed25519', this.#passphrase);
    const { publicKey } = await readSigner(file, this.#passphrase);
    writeFileSync(this.#publicFile(name), `${publicKey}\n`, { mode: 0o644 });
    return { name, publicKey, file };
  }

  /** Throws CommandError `usage` where there is no such key. */
  find(name: string): NamedKey {
    const file = this.#publicFile(name);
    if (!namePattern.test(name) || !existsSync(file)) throw this.#unknown(name);
    const publicKey = readFileSync(file, 'utf8').trim();
    if (!isHex64(publicKey)) throw new CommandError('failed', `${file} holds no public key`);
    return { name, publicKey, file: this.#file(name) };
  }

  /** The public key that a name or a key stands for. */
  resolve(text: string): string {
    return isHex64(text) ? text : this.find(text).publicKey;
  }

  /** Rejects with CommandError where the key file cannot be opened. */
  async signer(name: string): Promise<Signer> {
    const { file, publicKey } = this.find(name);
    const signer = await openSigner(file, this.#passphrase);
    if (signer.publicKey === publicKey) return signer;
    throw new CommandError('failed', `${file} holds another key than ${this.#publicFile(name)} says`);
  }

  #file(name: string): string {
    return join(this.directory, `${name}.key`);
  }

  #publicFile(name: string): string {
    return join(this.directory, `${name}.pub`);
  }

  #unknown(name: string): CommandError {
    const names = this.list().map((key) => key.name);
    return new CommandError('usage', `there is no key ${name}`, [
      names.length === 0 ? `${this.directory} has no keys yet.` : `Keys: ${names.join(', ')}`,
      `Make one:  npx bpci keys generate ${namePattern.test(name) ? name : 'NAME'}`,
    ]);
  }
}

/** Rejects with CommandError. */
export async function openSigner(file: string, passphrase: string | null): Promise<Signer> {
  try {
    return await readSigner(file, passphrase);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(
      'failed',
      `the key file ${file} cannot be used: ${reason}`,
      passphrase === null ? ['An encrypted key file needs its passphrase in BPCI_PASSPHRASE.'] : [],
      cause,
    );
  }
}

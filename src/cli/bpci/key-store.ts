/**
 * A person's own keys: `$BPCI_HOME/keys` or `~/.bpci/keys`, one key file a name. Key files are encrypted where
 * BPCI_PASSPHRASE is set when they are made. Accounts of a network that was started here are found by their names too.
 */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isHex64 } from '../../protocols/shared/brands.ts';
import {
  createKeyFile,
  exportKeyFile,
  KeyFileError,
  readPassphrase,
  readSigner,
  showKeyFile,
} from '../../runtime/adapters/key-files.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { CommandError } from '../terminal.ts';
import { networkAccountFiles, networkAccountNames } from './network-accounts.ts';

export interface NamedKey {
  readonly name: string;
  readonly publicKey: string;
  readonly encrypted: boolean;
  readonly file: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const extension = '.key';

export class KeyStore {
  /** `$BPCI_HOME` or `~/.bpci`. */
  readonly home: string;
  readonly directory: string;
  readonly #passphrase: string | null;

  constructor(environment: Environment) {
    const home = environment['BPCI_HOME'] ?? '';
    this.home = home === '' ? join(homedir(), '.bpci') : home;
    this.directory = join(this.home, 'keys');
    const passphrase = environment['BPCI_PASSPHRASE'] ?? '';
    this.#passphrase = passphrase === '' ? null : passphrase;
  }

  /** Ascending by name. */
  list(): readonly NamedKey[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory)
      .filter((file) => file.endsWith(extension))
      .map((file) => file.slice(0, -extension.length))
      .sort()
      .map((name) => this.find(name));
  }

  /** Every key that {@link find} finds: a person's own, then accounts of networks that were started here. */
  everyKey(): readonly NamedKey[] {
    const own = this.list();
    const names = networkAccountNames().filter(
      (name) => !own.some((key) => key.name === name) && networkAccountFiles(name).length === 1,
    );
    return [...own, ...names.map((name) => this.find(name))];
  }

  /** Makes a key. Rejects with CommandError where the name is taken or no name. */
  async generate(name: string): Promise<NamedKey> {
    if (!namePattern.test(name)) {
      throw new CommandError('usage', `${name} cannot name a key`, [
        'A name has lower-case letters, digits, dots and dashes, at most 64 of them.',
      ]);
    }
    try {
      await createKeyFile(this.#file(name), 'ed25519', this.#passphrase);
    } catch (error) {
      if (!(error instanceof KeyFileError) || error.code !== 'exists') throw asCommandError(error);
      throw new CommandError('usage', `there is a key ${name} already`, [
        `Show it:  npx bpci keys show ${name}`,
        `It lies in ${this.#file(name)} and is never overwritten.`,
      ]);
    }
    return this.find(name);
  }

  /**
   * A key of this person, or of an account that the network which was started here has made. Throws CommandError where there
   * is no such key, where several networks have one, or its file is none.
   */
  find(name: string): NamedKey {
    if (!namePattern.test(name)) throw this.#unknown(name);
    const own = this.#file(name);
    const [file, ...others] = existsSync(own) ? [own] : networkAccountFiles(name);
    if (file === undefined) throw this.#unknown(name);
    if (others.length > 0) {
      throw new CommandError('usage', `several networks here have a key ${name}`, [
        `They lie in ${[file, ...others].join(', ')}.`,
        `Copy the one that is meant to ${own}.`,
      ]);
    }
    try {
      const { publicKey, encrypted } = showKeyFile(file);
      return { name, publicKey, encrypted, file };
    } catch (error) {
      throw asCommandError(error);
    }
  }

  /** The public key that a name or a key stands for. */
  resolve(text: string): string {
    return isHex64(text) ? text : this.find(text).publicKey;
  }

  /** Rejects with CommandError where the key file cannot be opened. */
  signer(name: string): Promise<Signer> {
    return openSigner(this.find(name).file, this.#passphrase);
  }

  /** Writes an encrypted copy, under the passphrase of another variable. Rejects with CommandError. */
  async export(name: string, path: string, passphraseVariable: string): Promise<void> {
    const { file } = this.find(name);
    try {
      const passphrase = readPassphrase({ variable: passphraseVariable });
      await exportKeyFile(file, this.#passphrase, { path, passphrase });
    } catch (error) {
      throw asCommandError(error);
    }
  }

  #file(name: string): string {
    return join(this.directory, `${name}${extension}`);
  }

  #unknown(name: string): CommandError {
    const names = [...this.list().map((key) => key.name), ...networkAccountNames()];
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
  } catch (error) {
    throw asCommandError(error);
  }
}

const advice: Readonly<Partial<Record<KeyFileError['code'], string>>> = {
  'passphrase-missing': 'Give the passphrase in an environment variable: BPCI_PASSPHRASE for your keys.',
  'wrong-passphrase': 'The passphrase in BPCI_PASSPHRASE does not open it.',
  'loose-permissions': 'Only its owner may read a key file: chmod 600 FILE.',
};

/** What a key file says of itself, as something that a person can act on. */
function asCommandError(error: unknown): unknown {
  if (!(error instanceof KeyFileError)) return error;
  const next = advice[error.code];
  return new CommandError('failed', error.message, next === undefined ? [] : [next], error);
}

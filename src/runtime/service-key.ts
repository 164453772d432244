/** The key of a service, made at its first start. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyFile, readSigner } from './adapters/key-files.ts';
import type { Signer } from './ports/signer.ts';

/** Of `<directory>/<name>.key`. Rejects with KeyFileError. */
export async function serviceSigner(directory: string, name: string): Promise<Signer> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${name}.key`);
  if (!existsSync(file)) await createKeyFile(file, 'ed25519', null);
  return readSigner(file, null);
}

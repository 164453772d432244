/** The key of a service: its account on chain. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyFile, readSigner } from './adapters/key-files.ts';
import type { Signer } from './ports/signer.ts';

/** `dataDir/keys/<name>.key`, made where it is absent. Rejects with KeyFileError. */
export async function serviceSigner(dataDir: string, name: string): Promise<Signer> {
  const keys = join(dataDir, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const file = join(keys, `${name}.key`);
  if (!existsSync(file)) await createKeyFile(file, 'ed25519', null);
  return readSigner(file, null);
}

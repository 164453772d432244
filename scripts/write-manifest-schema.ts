/** Writes schemas/manifest.schema.json from the one description of manifests. Run it after that description has changed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { manifestJsonSchema } from '../src/runtime/manifest-network.ts';

const file = new URL('../schemas/manifest.schema.json', import.meta.url);
mkdirSync(new URL('.', file), { recursive: true });
writeFileSync(file, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);

/** `npm run bench [-- NAME …]`: all benchmarks, or those named, one after the other. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Benchmark {
  run(): Promise<void>;
}

const directory = import.meta.dirname;
const known = readdirSync(directory)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('-peers.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of asked.length > 0 ? asked : known) {
    console.log(`\n== ${name}`);
    const benchmark = (await import(pathToFileURL(join(directory, `${name}.ts`)).href)) as Benchmark;
    await benchmark.run();
  }
}

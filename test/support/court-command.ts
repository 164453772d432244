/** People at the command line of the court, in this process: a home of keys, and what a command printed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAgreementCourt } from '../../src/cli/agreement-court/program.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class CourtPeople {
  readonly home = mkdtempSync(join(tmpdir(), 'court-people-'));
  endpoint = '';

  /** A key whose seed is this byte, 32 times: the one that `signerOf` gives. Returns the public key. */
  key(name: string, value: number): string {
    const seed = new Uint8Array(32).fill(value);
    const { publicKey } = createSigner(seed);
    mkdirSync(join(this.home, 'keys'), { recursive: true });
    const content = { version: 1, kind: 'ed25519', publicKey, seed: Buffer.from(seed).toString('hex') };
    writeFileSync(join(this.home, 'keys', `${name}.key`), JSON.stringify(content), { mode: 0o600 });
    return publicKey;
  }

  /** Returns its path. */
  file(name: string, text = `${name}\n`): string {
    const path = join(this.home, name);
    writeFileSync(path, text);
    return path;
  }

  async run(...args: readonly string[]): Promise<Printed> {
    const [out, err]: [string[], string[]] = [[], []];
    const terminal = {
      out: (line = '') => out.push(line),
      err: (line = '') => err.push(line),
      json: (value: unknown) => out.push(JSON.stringify(value)),
      paint: (_style: unknown, text: string) => text,
      readerGone: new AbortController().signal,
    };
    const environment = { BPCI_HOME: this.home };
    const argv = ['node', 'agreement-court', '--endpoint', this.endpoint, ...args];
    const code = await runAgreementCourt(argv, terminal, environment);
    return { code, out: out.join('\n'), err: err.join('\n') };
  }

  /** What a command prints for programs; it must succeed. */
  async json<T>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await this.run('--json', ...args);
    if (code !== 0) throw new Error(`${args.join(' ')}: ${err}`);
    return JSON.parse(out) as T;
  }

  /** What a command says on standard error; it must fail with this code. */
  async refused(code: 1 | 2, ...args: readonly string[]): Promise<string> {
    const printed = await this.run(...args);
    if (printed.code !== code) throw new Error(`${args.join(' ')}: ended with ${printed.code}: ${printed.err}`);
    return printed.err;
  }

  remove(): void {
    rmSync(this.home, { recursive: true });
  }
}

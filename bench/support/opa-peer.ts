/**
 * A peer of the policy benchmark: Open Policy Agent. The rules are written as Rego, compiled to WebAssembly by the `opa` program,
 * which is built from its published Go module where Go is present, and evaluated by its npm package.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import type { Rule } from '../../src/protocols/policy/rules.ts';

// Node.js 20 dies where a call into WebAssembly that was inlined is deoptimised; set before anything is optimised.
setFlagsFromString('--no-turbo-inline-js-wasm-calls');

export const opaVersion = 'v1.4.2';
const modulePath = 'github.com/open-policy-agent/opa';
const heapBytes = 16 * 2 ** 20;

/** Path of the program, built on first use and kept in the system's temporary folder; null where it cannot be had. */
function findOpa(): string | null {
  const directory = join(tmpdir(), `opa-${opaVersion}`);
  const program = join(directory, 'opa');
  if (existsSync(program)) return program;
  if (spawnSync('go', ['version']).status !== 0) {
    console.log('OPA is not measured: there is no Go compiler to build it with');
    return null;
  }
  mkdirSync(directory, { recursive: true });
  console.log(`Building OPA ${opaVersion}`);
  const { status, stderr } = spawnSync('go', ['install', `${modulePath}@${opaVersion}`], {
    env: { ...process.env, GOBIN: directory },
    encoding: 'utf8',
  });
  if (status === 0) return program;
  console.log(`OPA is not measured: it could not be built\n${stderr.trim().split('\n').slice(-3).join('\n')}`);
  return null;
}

type Json = Readonly<Record<string, unknown>>;
type Operands = { readonly left: unknown; readonly right: unknown };

const comparisons = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** Rego of Cedar's JSON form, as far as the default pack needs it. Throws for what it does not know. */
class Rego {
  readonly #lines = ['package bench', '', 'default allow := false', '', 'allow if { permitted; not forbidden }', ''];
  #named = 0;

  rule({ policy }: Rule): void {
    const { effect, action, conditions } = policy as unknown as {
      readonly effect: 'permit' | 'forbid';
      readonly action: { readonly op: string; readonly entity?: { id: string }; readonly entities?: { id: string }[] };
      readonly conditions: readonly { readonly kind: 'when' | 'unless'; readonly body: unknown }[];
    };
    const actions = action.entities ?? (action.entity === undefined ? [] : [action.entity]);
    const asked = action.op === 'All' ? [] : [`input.action in ${JSON.stringify(actions.map(({ id }) => id))}`];
    const tests = conditions.map(({ kind, body }) => (kind === 'when' ? this.#test(body) : this.#negation(body)));
    const body = [...asked, ...tests];
    this.#lines.push(
      `${effect === 'permit' ? 'permitted' : 'forbidden'} if { ${body.length === 0 ? 'true' : body.join('; ')} }`,
    );
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #name(): string {
    return `part_${this.#named++}`;
  }

  /** Of a rule of its own, one body for each of `bodies`. */
  #either(bodies: readonly string[]): string {
    const name = this.#name();
    for (const body of bodies) this.#lines.push(`${name} if { ${body} }`);
    return name;
  }

  #negation(expression: unknown): string {
    return `not ${this.#either([this.#test(expression)])}`;
  }

  #test(expression: unknown): string {
    const [[operator, operands] = ['', {}]] = Object.entries(expression as Json);
    const { left, right } = operands as Operands;
    if (operator === '&&') return `${this.#test(left)}; ${this.#test(right)}`;
    if (operator === '||') return this.#either([this.#test(left), this.#test(right)]);
    if (operator === '!') return this.#negation((operands as { arg: unknown }).arg);
    if (operator === 'contains') return `${this.#value(right)} in ${this.#value(left)}`;
    if (operator === 'containsAny')
      return this.#either(wordsOf(right).map((word) => `${word} in ${this.#value(left)}`));
    if (operator === 'containsAll')
      return wordsOf(right)
        .map((word) => `${word} in ${this.#value(left)}`)
        .join('; ');
    if (comparisons.has(operator)) return `${this.#value(left)} ${operator} ${this.#value(right)}`;
    if (operator === 'Value') return String(operands);
    throw new Error(`no Rego for ${operator}`);
  }

  #value(expression: unknown): string {
    const json = expression as Json;
    if ('Value' in json) return JSON.stringify(json['Value']);
    if ('Set' in json) return `[${wordsOf(json).join(', ')}]`;
    if ('Var' in json) return `input.${String(json['Var'])}`;
    const { left, attr } = json['.'] as { readonly left: unknown; readonly attr: string };
    return `${this.#value(left)}.${attr}`;
  }
}

const wordsOf = (set: unknown): readonly string[] =>
  (set as { readonly Set: readonly { readonly Value: string }[] }).Set.map(({ Value }) => JSON.stringify(Value));

/** Answers allow or deny of `{ action, context }`; null where OPA is not to be had. */
export async function opaPeer(rules: readonly Rule[]): Promise<((input: unknown) => boolean) | null> {
  const program = findOpa();
  if (program === null) return null;
  const rego = new Rego();
  for (const rule of rules) rego.rule(rule);
  const directory = mkdtempSync(join(tmpdir(), 'opa-bench-'));
  try {
    writeFileSync(join(directory, 'bench.rego'), rego.text);
    const inDirectory = { cwd: directory, encoding: 'utf8' } as const;
    const build = ['build', '-t', 'wasm', '-e', 'bench/allow', '-o', 'bundle.tar.gz', 'bench.rego'];
    const built = spawnSync(program, build, inDirectory);
    if (built.status !== 0) throw new Error(`opa build: ${built.stderr}`);
    const unpacked = spawnSync('tar', ['-xzf', 'bundle.tar.gz', '/policy.wasm'], inDirectory);
    if (unpacked.status !== 0) throw new Error(`tar: ${unpacked.stderr}`);
    const policy = await loadPolicy(readFileSync(join(directory, 'policy.wasm')), { initial: heapBytes / 65_536 });
    policy.setData({});
    return (input) => {
      const [answer] = policy.evaluate(input) as readonly { readonly result: unknown }[];
      return answer?.result === true;
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

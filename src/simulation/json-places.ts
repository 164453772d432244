/**
 * JSON with the line of every value, so that an error in a file names its place. The engine's own parser gives no lines,
 * and words its errors differently from one version to the next.
 */

export type Path = readonly (string | number)[];

export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

export interface PlacedJson {
  readonly value: unknown;
  /** Line of the value at a path, from 1; of the nearest one around it where the path leads nowhere. */
  lineOf(path: Path): number;
}

const depthMax = 64;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** What is between the quotes is read by the engine. */
const textPattern = /"(?:[^"\\\n]|\\.)*"/y;
const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Throws JsonError where the text is no JSON, or nested more than 64 deep. */
export function parsePlacedJson(text: string): PlacedJson {
  const reader = new PlacedReader(text);
  const value = reader.document();
  return {
    value,
    lineOf: (path) => {
      for (let length = path.length; length > 0; length--) {
        const line = reader.lines.get(nameOf(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return reader.lines.get(nameOf([])) ?? 1;
    },
  };
}

const nameOf = (path: Path): string => JSON.stringify(path);

class PlacedReader {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('nothing more is expected');
    return value;
  }

  #value(): unknown {
    this.#space();
    if (this.#path.length > depthMax) this.#fail(`nested more than ${depthMax} deep`);
    this.lines.set(nameOf(this.#path), this.#line);
    const next = this.#text[this.#at];
    if (next === '{') return this.#object();
    if (next === '[') return this.#list();
    if (next === '"') return this.#string();
    for (const [word, value] of words) if (this.#take(word)) return value;
    const number = this.#match(numberPattern);
    return number === null ? this.#fail('a value is expected') : Number(number);
  }

  #object(): Readonly<Record<string, unknown>> {
    const entries = new Map<string, unknown>();
    this.#at += 1;
    this.#space();
    if (this.#take('}')) return {};
    for (;;) {
      this.#space();
      const key = this.#string();
      if (entries.has(key)) this.#fail(`${JSON.stringify(key)} is there twice`);
      this.#space();
      if (!this.#take(':')) this.#fail('":" is expected');
      this.#path.push(key);
      entries.set(key, this.#value());
      this.#path.pop();
      this.#space();
      if (this.#take('}')) return Object.fromEntries(entries);
      if (!this.#take(',')) this.#fail('"," or "}" is expected');
    }
  }

  #list(): readonly unknown[] {
    const values: unknown[] = [];
    this.#at += 1;
    this.#space();
    if (this.#take(']')) return values;
    for (;;) {
      this.#path.push(values.length);
      values.push(this.#value());
      this.#path.pop();
      this.#space();
      if (this.#take(']')) return values;
      if (!this.#take(',')) this.#fail('"," or "]" is expected');
    }
  }

  #string(): string {
    const quoted = this.#match(textPattern);
    if (quoted === null) return this.#fail('a text in double quotes is expected');
    try {
      return JSON.parse(quoted) as string;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return this.#fail('this text has a character or an escape that JSON does not know');
    }
  }

  #space(): void {
    for (;;) {
      const next = this.#text[this.#at];
      if (next === '\n') this.#line += 1;
      else if (next !== ' ' && next !== '\t' && next !== '\r') return;
      this.#at += 1;
    }
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.#at += found[0].length;
    return found[0];
  }

  #fail(problem: string): never {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 12)) : 'the end';
    throw new JsonError(this.#line, `${problem}, found ${found}`);
  }
}

/** A YAML file as a tree in which every value knows where it stands. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Document } from 'yaml';
import type { Origin, Problem } from './manifest-problems.ts';

interface LocatedScalar {
  readonly kind: 'scalar';
  readonly origin: Origin;
  readonly value: string | number | boolean | null;
}
export interface LocatedMap {
  readonly kind: 'map';
  readonly origin: Origin;
  readonly entries: Map<string, { readonly origin: Origin; value: Located }>;
}
interface LocatedList {
  readonly kind: 'list';
  readonly origin: Origin;
  readonly items: Located[];
}
export type Located = LocatedScalar | LocatedMap | LocatedList;

/** Values in one document, aliases counted where they are used: keeps a file of nested aliases from filling memory. */
const valuesMax = 50_000;

/** The tree, or null where the text is not one YAML document; problems are appended. */
export function readLocated(source: string, file: string, problems: Problem[]): Located | null {
  const lines = new LineCounter();
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
  });
  const at = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { kind: 'file', file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of document.errors) {
    problems.push({
      code: 'syntax',
      origin: at(error.pos[0]),
      path: '',
      message: `not valid YAML: ${error.message.replaceAll('\n', ' ')}`,
      found: null,
      allowed: null,
    });
  }
  if (document.errors.length > 0) return null;
  if (document.contents === null) {
    problems.push({
      code: 'syntax',
      origin: at(0),
      path: '',
      message: 'the file is empty',
      found: null,
      allowed: null,
    });
    return null;
  }
  return new TreeReader(document, at, problems).read(document.contents, '');
}

class TreeReader {
  readonly #document: Document;
  readonly #at: (offset: number) => Origin;
  readonly #problems: Problem[];
  #count = 0;

  constructor(document: Document, at: (offset: number) => Origin, problems: Problem[]) {
    this.#document = document;
    this.#at = at;
    this.#problems = problems;
  }

  read(node: unknown, path: string): Located | null {
    const origin = this.#at((node as Node | null)?.range?.[0] ?? 0);
    this.#count += 1;
    if (this.#count > valuesMax) {
      if (this.#count === valuesMax + 1) this.#report('syntax', origin, path, `more than ${valuesMax} values`);
      return null;
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) {
        this.#report('syntax', origin, path, `the alias *${node.source} names no anchor before it`);
        return null;
      }
      return this.read(target, path);
    }
    if (isMap(node)) return this.#map(node.items, origin, path);
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.read(item, `${path}[${index}]`));
      return { kind: 'list', origin, items: items.filter((item) => item !== null) };
    }
    return { kind: 'scalar', origin, value: isScalar(node) ? scalarValue(node.value) : null };
  }

  #map(items: readonly { key: unknown; value: unknown }[], origin: Origin, path: string): LocatedMap {
    const entries: LocatedMap['entries'] = new Map();
    for (const { key, value } of items) {
      const keyOrigin = this.#at((key as Node | null)?.range?.[0] ?? 0);
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.#report('syntax', keyOrigin, path, 'a field name must be plain text');
        continue;
      }
      const name = key.value;
      const fieldPath = path === '' ? name : `${path}.${name}`;
      if (entries.has(name)) {
        this.#report('duplicate-field', keyOrigin, fieldPath, 'the field stands here twice');
        continue;
      }
      const located: Located | null =
        value === null ? { kind: 'scalar', origin: keyOrigin, value: null } : this.read(value, fieldPath);
      if (located !== null) entries.set(name, { origin: keyOrigin, value: located });
    }
    return { kind: 'map', origin, entries };
  }

  #report(code: Problem['code'], origin: Origin, path: string, message: string): void {
    this.#problems.push({ code, origin, path, message, found: null, allowed: null });
  }
}

/** Values of YAML's core schema; anything richer (a tagged date, say) is its text. */
function scalarValue(value: unknown): LocatedScalar['value'] {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}

/** A value from outside the file (environment), as a tree of one origin. */
export function toLocated(value: unknown, origin: Origin): Located {
  if (Array.isArray(value))
    return { kind: 'list', origin, items: value.map((item: unknown) => toLocated(item, origin)) };
  if (typeof value === 'object' && value !== null) {
    const entries: LocatedMap['entries'] = new Map();
    for (const [name, inner] of Object.entries(value)) entries.set(name, { origin, value: toLocated(inner, origin) });
    return { kind: 'map', origin, entries };
  }
  return { kind: 'scalar', origin, value: scalarValue(value) };
}

export function fromLocated(located: Located): unknown {
  switch (located.kind) {
    case 'scalar':
      return located.value;
    case 'list':
      return located.items.map(fromLocated);
    case 'map':
      return Object.fromEntries([...located.entries].map(([name, entry]) => [name, fromLocated(entry.value)]));
  }
}

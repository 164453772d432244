/** JSON from outside: strict UTF-8, bounded depth, no prototype keys. */
import { HttpProblem } from './problem.ts';

const jsonDepthMax = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws HttpProblem `empty-body`, `invalid-json` or `json-too-deep`. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new HttpProblem('empty-body', { status: 400, detail: 'the body is empty' });
  if (depthOf(bytes, jsonDepthMax) > jsonDepthMax) {
    throw new HttpProblem('json-too-deep', {
      status: 400,
      detail: `the body is nested more than ${jsonDepthMax} levels deep`,
    });
  }
  try {
    return JSON.parse(utf8.decode(bytes), withoutPrototype) as unknown;
  } catch (cause) {
    if (cause instanceof HttpProblem) throw cause;
    throw new HttpProblem('invalid-json', { status: 400, detail: 'the body is not well-formed JSON in UTF-8' });
  }
}

function withoutPrototype(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') throw new HttpProblem('invalid-json', { status: 400, detail: 'a key named __proto__' });
  return value;
}

/** Deepest nesting of arrays and objects, counted no further than one above `limit`. Looks at bytes, allocates nothing. */
export function depthOf(bytes: Uint8Array, limit: number): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) {
      inText = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
      if (deepest > limit) return deepest;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return deepest;
}

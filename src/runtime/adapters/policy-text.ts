/** Policies of a text, each with its place: Cedar's own splitting loses the places and the ids. */

export interface PolicyText {
  readonly text: string;
  /** Of the text in its source, in UTF-8 bytes, as Cedar counts. */
  readonly byteOffset: number;
}

const blankOrComment = /(?:\s|\/\/[^\n]*)*/y;
const piece = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|[^";/]+|["/]/y;

/** What stands between semicolons outside texts and comments. A rest without a semicolon counts: Cedar says what is wrong with it. */
export function splitPolicies(source: string): readonly PolicyText[] {
  const policies: PolicyText[] = [];
  let at = 0;
  for (;;) {
    blankOrComment.lastIndex = at;
    blankOrComment.exec(source);
    const start = blankOrComment.lastIndex;
    if (start >= source.length) return policies;
    at = start;
    while (at < source.length && source[at] !== ';') {
      piece.lastIndex = at;
      at = piece.test(source) ? piece.lastIndex : at + 1;
    }
    at += 1;
    policies.push({ text: source.slice(start, at), byteOffset: Buffer.byteLength(source.slice(0, start)) });
  }
}

/** Line, from 1, of a place in a text, given in UTF-8 bytes. */
export function lineAt(source: string, byteOffset: number): number {
  let line = 1;
  for (const byte of Buffer.from(source).subarray(0, byteOffset)) if (byte === 0x0a) line += 1;
  return line;
}

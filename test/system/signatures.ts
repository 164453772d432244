/** What validators signed over all their lifetimes, from their signature logs, and whether any contradicted itself. */
import { existsSync, readFileSync } from 'node:fs';
import type { SignatureRecord } from '../../src/runtime/adapters/signature-log.ts';

export function readSignatures(file: string): readonly SignatureRecord[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as SignatureRecord);
}

const contentOf = (record: SignatureRecord): string =>
  record.kind === 'round-change'
    ? `prepared ${record.preparedRound ?? 'never'} ${record.preparedDigest ?? ''}`
    : record.digest;

/** Equivocation: one author, height, round and kind, two contents. */
function equivocations(records: readonly SignatureRecord[]): string[] {
  const contents = new Map<string, string>();
  return records.flatMap((record) => {
    const slot = `${record.author} ${record.kind} at height ${record.height} round ${record.round}`;
    const content = contentOf(record);
    const first = contents.get(slot) ?? content;
    contents.set(slot, first);
    return first === content ? [] : [`${slot}: ${first} and ${content}`];
  });
}

/** Amnesia: a round change to a round above that of a commit, which does not own up to having been prepared there. */
function amnesias(records: readonly SignatureRecord[]): string[] {
  const commits = new Map<string, number>();
  for (const { author, kind, height, round } of records) {
    const place = `${author} ${height}`;
    if (kind === 'commit') commits.set(place, Math.max(round, commits.get(place) ?? 0));
  }
  return records.flatMap((record) => {
    if (record.kind !== 'round-change') return [];
    const { author, height, round, preparedRound } = record;
    const committed = commits.get(`${author} ${height}`);
    // Only commits below the round change are contradicted by it; the highest one says it all where it is below.
    if (committed === undefined || round <= committed) return [];
    if (preparedRound !== null && preparedRound >= committed) return [];
    return [`${author} committed in round ${committed} of height ${height} and forgot it at round ${round}`];
  });
}

export const conflicts = (records: readonly SignatureRecord[]): readonly string[] => [
  ...equivocations(records),
  ...amnesias(records),
];

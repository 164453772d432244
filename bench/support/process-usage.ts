/** What the kernel says of a process (Linux). */
import { readFileSync } from 'node:fs';

/** Of the kernel's counters in /proc. */
const ticksPerSecond = 100;

/** Time on a processor since its start, user and system, ms. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

export interface MemoryMiB {
  /** Everything mapped and present, files that processes share included. */
  readonly resident: number;
  /** The process' own: heap, stacks, what was written. */
  readonly anonymous: number;
  /** Shared pages counted in part. */
  readonly proportional: number;
}

export function memoryOf(pid: number): MemoryMiB {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { resident: read('Rss'), anonymous: read('Anonymous'), proportional: read('Pss') };
}

/** Files that a command was asked for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Terminal } from '../../terminal.ts';

/** Makes the directory where it is missing. */
export function writeTextFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A schedule, and how to run it again. */
export function saveSchedule(file: string, schedule: string, terminal: Terminal): void {
  writeTextFile(file, schedule);
  terminal.err(`saved; run it again: mainnet simulate --replay ${file}`);
}

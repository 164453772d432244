/** Runs a program of the system to its end. */
import { execFile } from 'node:child_process';

export interface ProgramResult {
  /** 0: it did what it was asked. */
  readonly code: number;
  /** What it complained of. */
  readonly complaint: string;
}

const longestMs = 120_000;

/** Never rejects: a program that is not there, or hangs, has failed. */
export function runProgram(program: string, args: readonly string[], directory: string): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const options = { cwd: directory, timeout: longestMs, killSignal: 'SIGKILL' } as const;
    execFile(program, args, options, (error, _output, complaint) => {
      if (error === null) resolve({ code: 0, complaint: '' });
      else
        resolve({
          code: typeof error.code === 'number' ? error.code : -1,
          complaint: complaint.trim() || error.message,
        });
    });
  });
}

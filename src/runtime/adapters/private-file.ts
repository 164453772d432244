/** Files that only their owner reads: whole and on stable storage, or not there at all. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** What was named in it, or lost its name, is on stable storage when this returns. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Mode 0700 where it is made; the names of what was made are on stable storage too. */
function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) syncDirectory(dirname(made));
}

/**
 * Writes a temporary file of mode 0600 beside `path`, which `place` gives its name; both are fsynced when this returns.
 * Throws what the file system throws (`ErrnoException`).
 */
export function placePrivateFile(path: string, text: string, place: (temporary: string) => void): void {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  try {
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
    place(temporary);
  } finally {
    closeSync(descriptor);
    rmSync(temporary, { force: true });
  }
  syncDirectory(dirname(path));
}

/** Throws `EEXIST` where there is one already: it is never overwritten. */
export function createPrivateFile(path: string, text: string): void {
  makeDirectory(dirname(path));
  // A link, unlike a rename, fails where the name is taken.
  placePrivateFile(path, text, (temporary) => linkSync(temporary, path));
}

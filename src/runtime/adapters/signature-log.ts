/**
 * An audit aid: a file with every consensus signature of a node, one JSON object a line, written before the signature
 * leaves the process. The lines of all lifetimes of a validator show whether it ever contradicted itself, apart from the
 * guard that prevents it. What is written survives the process, not a loss of power.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';

/** One line: a payload, who signed it, and the signature in hex. */
export type SignatureRecord = UnsignedPayload & { readonly author: PublicKey; readonly signature: string };

export interface SignatureLog {
  /** Throws where the line cannot be written: then the signature must not leave. */
  append(payload: UnsignedPayload, signature: Uint8Array): void;
  close(): void;
}

/** Appends to what the file holds. Makes its directory where it is missing. */
export function openSignatureLog(file: string, author: PublicKey): SignatureLog {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a', 0o600);
  return {
    append: (payload, signature) => {
      const record: SignatureRecord = { ...payload, author, signature: toHex(signature) };
      // One write a line: lines of a process that is killed are whole or absent.
      writeSync(descriptor, `${JSON.stringify(record)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

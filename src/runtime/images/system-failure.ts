/** What the system says went wrong, as the image store says it. */
import { LayerError } from '../../protocols/docklock/layer-error.ts';
import { ImageError, type ImageErrorCode } from '../ports/image-store.ts';

const codes: Readonly<Record<string, ImageErrorCode>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EMLINK: 'too-many-entries',
};

const isSystemError = (cause: unknown): cause is NodeJS.ErrnoException => cause instanceof Error && 'code' in cause;

/** `doing`: what was tried, for a person. Mistakes of ours stay what they are. */
export function toImageError(cause: unknown, doing: string): unknown {
  if (cause instanceof ImageError) return cause;
  if (cause instanceof LayerError)
    return new ImageError(cause.code, cause.message, { cause, details: { ...cause.details } });
  if (!isSystemError(cause) || typeof cause.code !== 'string' || cause.syscall === undefined) return cause;
  const code = codes[cause.code] ?? 'failed';
  const reason = code === 'full' ? 'there is no space left on the device' : cause.message;
  return new ImageError(code, `${doing}: ${reason}`, { cause });
}

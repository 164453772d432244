/** The own prepares that a journal holds: in certificates, which is how they leave after a restart. */
import type { JournalRecord } from '../../protocols/ibft/machine-types.ts';
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';

/**
 * An own prepare may have become durable when nobody was there any more to be told of it: the disk was full, or the process
 * died. It leaves with the certificate that it is part of, so it is told before that.
 */
export const ownPrepares = (
  records: readonly JournalRecord[],
  self: PublicKey,
): readonly { readonly payload: UnsignedPayload; readonly signature: Uint8Array }[] =>
  records.flatMap((record) =>
    record.type === 'prepared'
      ? record.prepares
          .filter(({ author }) => author === self)
          .map(({ height, round, digest, signature }) => ({
            payload: { kind: 'prepare', height, round, digest },
            signature,
          }))
      : [],
  );

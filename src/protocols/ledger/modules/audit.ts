/**
 * Heads of nodes' audit logs on chain: what is anchored cannot be dropped or written anew without being seen. Each account anchors
 * its own log. Source: security-and-audit design, "Audit trail".
 */
import type { PublicKey } from '../../shared/brands.ts';
import { type Codec, digest32, struct, uint } from '../../shared/codec.ts';
import type { AuditHead } from '../../audit/entry.ts';
import { jsonDigest, jsonStruct, jsonUint } from '../json-codec.ts';
import { kind, type LedgerModule, ok, type Outcome, refuse, type TransactionContext } from '../module.ts';
import { type ReadView, table, type View } from '../view.ts';

export interface AnchoredHead extends AuditHead {
  /** Height of the anchor. */
  readonly anchoredAt: number;
}

const headCodec: Codec<AnchoredHead> = struct<AnchoredHead>({
  began: uint,
  size: uint,
  digest: digest32,
  anchoredAt: uint,
});
const heads = table('audit/head/', headCodec);

/** undefined: it has anchored nothing. */
export const readAuditHead = (view: ReadView, account: PublicKey): AnchoredHead | undefined => view.get(heads, account);

const bodyCodec = jsonStruct<AuditHead>({
  began: jsonUint(),
  size: jsonUint(Number.MAX_SAFE_INTEGER, 1),
  digest: jsonDigest,
});

/** A log only grows. One that was lost gives way to one that began later, and that stays to be seen in the events. */
function anchor(head: AuditHead, view: View, { sender, height }: TransactionContext): Outcome {
  const before = view.get(heads, sender);
  const isNewer =
    before === undefined || head.began > before.began || (head.began === before.began && head.size > before.size);
  if (!isNewer) return refuse('not-newer');
  view.set(heads, sender, { ...head, anchoredAt: height });
  const attributes = {
    account: sender,
    began: String(head.began),
    size: String(head.size),
    digest: head.digest,
  };
  view.emit({ module: 'audit', kind: 'anchored', attributes });
  return ok;
}

export const auditModule: LedgerModule = {
  name: 'audit',
  kinds: new Map([['anchor', kind<AuditHead>({ body: bodyCodec, execute: anchor })]]),
};

/** A service lists itself in the chain's registry, and renews its lease, by transactions of its own account. */
import { readService } from '../ledger/modules/registry.ts';
import type { ReadView } from '../ledger/view.ts';
import type { PublicKey } from '../shared/brands.ts';

/** What a service says of itself. */
export interface ServiceListing {
  /** Unique in the network. */
  readonly id: string;
  /** URLs, the preferred first. */
  readonly endpoints: readonly string[];
  readonly region: string;
}

/** A service that is gone is listed for so long, ms. */
const leaseMs = 600_000;

interface DueTransaction {
  readonly kind: 'registry.register' | 'registry.update';
  readonly body: unknown;
}

/** Whether the registry has the name, and whose it is. */
export const isListed = (view: ReadView, { id }: ServiceListing, account: PublicKey): boolean =>
  readService(view, id)?.owner === account;

/**
 * What has to be sent so that the service stays listed; null: nothing, or the name is somebody else's.
 *
 * @param time header time, ms since 1970
 */
export function listingDue(
  view: ReadView,
  { id, endpoints, region }: ServiceListing,
  own: { readonly kind: string; readonly account: PublicKey },
  time: number,
): DueTransaction | null {
  const description = { id, endpoints, region, leaseMs };
  const found = readService(view, id);
  if (found === undefined)
    return { kind: 'registry.register', body: { ...description, kind: own.kind, node: own.account } };
  if (found.owner !== own.account) return null;
  const isAsListed = found.region === region && found.endpoints.join(' ') === endpoints.join(' ');
  return isAsListed && found.leaseUntil - time > leaseMs / 2 ? null : { kind: 'registry.update', body: description };
}

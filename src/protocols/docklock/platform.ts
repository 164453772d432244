/** Which of an image's platforms a machine runs. */
import type { Platform } from '../shared/images.ts';

export const shownPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === '' ? [] : [variant])].join('/');

/** What runs where a variant is asked for; the best first. Empty is what says nothing. */
const variants: Readonly<Record<string, readonly string[]>> = {
  amd64: ['', 'v1'],
  arm64: ['v8', ''],
  arm: ['v7', 'v6', 'v5', ''],
};

/** The less, the better; null: it does not run. `accepted` is in order of preference. */
function rank(offered: Platform, accepted: readonly Platform[]): number | null {
  const at = accepted.findIndex(({ os, architecture }) => os === offered.os && architecture === offered.architecture);
  if (at === -1) return null;
  const variant = (variants[offered.architecture] ?? ['']).indexOf(offered.variant);
  return variant === -1 ? null : at * 10 + variant;
}

export const runsOn = (offered: Platform, accepted: readonly Platform[]): boolean => rank(offered, accepted) !== null;

/** The best of what is offered; the first of equals. null where none runs. */
export function choosePlatform<T>(
  offers: readonly T[],
  platformOf: (offer: T) => Platform,
  accepted: readonly Platform[],
): T | null {
  let best: { readonly offer: T; readonly rank: number } | null = null;
  for (const offer of offers) {
    const own = rank(platformOf(offer), accepted);
    if (own !== null && (best === null || own < best.rank)) best = { offer, rank: own };
  }
  return best?.offer ?? null;
}

/** Amounts for people: whole units with up to six decimals. The chain counts minor units, 10^6 of them to a unit. */

export const minorUnitsPerUnit = 1_000_000n;
const amountMax = 0xffff_ffff_ffff_ffffn;

/** `5`, `0.25`, `1000.000001` → minor units; null for anything else, for more than six decimals and for too much. */
export function parseAmount(text: string): bigint | null {
  const match = /^([0-9]{1,14})(?:\.([0-9]{1,6}))?$/.exec(text);
  if (match === null) return null;
  const [, units = '0', decimals = ''] = match;
  const amount = BigInt(units) * minorUnitsPerUnit + BigInt(decimals.padEnd(6, '0'));
  return amount <= amountMax ? amount : null;
}

/** Minor units → `5`, `0.25`: no trailing zeros. */
export function formatAmount(minor: bigint): string {
  const units = minor / minorUnitsPerUnit;
  const decimals = String(minor % minorUnitsPerUnit)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return decimals === '' ? String(units) : `${units}.${decimals}`;
}

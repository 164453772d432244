/** Drawn mutants that no run can tell from the product, each with the reason, by name. */
export const equivalents: Readonly<Record<string, string>> = {};

/** Drawn mutants that no run can tell from the product, each with the reason, by name. */
export const equivalents: Readonly<Record<string, string>> = {
  'upon-proposal-uponProposal-comparison-037c':
    'A proposal exactly 1,000 rounds ahead is passed over, but for the round changes in it: they move the validator near it, and it comes again with a resend. No schedule decides otherwise, only half a time-out later.',
};

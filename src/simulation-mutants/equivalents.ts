/** Drawn mutants that no run can tell from the product, each with the reason, by name. */
export const equivalents: Readonly<Record<string, string>> = {
  'chain-prune-comparison-0221':
    'Nothing becomes stale at height 0, so that there is nothing to delete at the one height where the two differ.',
  'upon-message-isSameRequest-connective-0a75':
    'Own messages of a kind are signed in the order in which they were asked for, and nothing reads them in between: what an earlier one leaves is replaced by the later one before any resend.',
  'upon-proposal-uponProposal-comparison-037c':
    'A proposal exactly 1,000 rounds ahead is passed over, but for the round changes in it: they move the validator near it, and it comes again with a resend. No schedule decides otherwise, only half a time-out later.',
};

/** Every checker that watches a network of validators. A new one: a file here, a name and a line in this list. */
import { Acknowledgements } from './acknowledgements.ts';
import { Agreement } from './agreement.ts';
import { Certificates } from './certificates.ts';
import { Books } from './books.ts';
import type { CheckedRun, Checker } from './checker.ts';
import { courtCheckerNames, createReplayCheckers } from './court/court-checkers.ts';
import { Decisions } from './decisions.ts';
import { EvidenceChecker } from './evidence.ts';
import { Executions, type StateOf } from './executions.ts';
import { FinalityChecker } from './finality.ts';
import { Innocence } from './innocence.ts';
import { Ledger } from './ledger.ts';
import { LogHeads } from './log-heads.ts';
import { Memory } from './memory.ts';
import { Proofs } from './proofs.ts';
import { Signatures } from './signatures.ts';
import { stateAgeMsMax } from '../traffic/lights.ts';
import { Validity } from './validity.ts';

/** In the order in which verdicts are given; new ones go to the end. */
export const checkerNames = [
  'agreement',
  'signatures',
  'transactions',
  'value',
  'liveness',
  'recovery',
  'no-failures',
  'sealed-off',
  'certificates',
  'validity',
  'memory',
  'log-heads',
  'evidence',
  'books',
  'finality',
  'innocence',
  'proofs',
  ...courtCheckerNames,
  'decisions',
  'lights',
  'counters',
  'executions',
] as const;
export type CheckerName = (typeof checkerNames)[number];

/** Those that have something to look at. */
export function checkerNamesFor({
  disputants = 0,
  decisionsPerSecond = 0,
  workloads = 0,
}: {
  readonly disputants?: number;
  readonly decisionsPerSecond?: number;
  readonly workloads?: number;
}): readonly CheckerName[] {
  const idle: readonly CheckerName[] = [
    ...(disputants > 0 ? [] : courtCheckerNames),
    ...(decisionsPerSecond > 0 ? [] : (['decisions', 'lights', 'counters'] as const)),
    ...(workloads > 0 ? [] : (['executions'] as const)),
  ];
  return checkerNames.filter((name) => !idle.includes(name));
}

/** Those that look at every step; the others need a run to its end. */
export const continuousCheckers: readonly CheckerName[] = [
  'agreement',
  'signatures',
  'sealed-off',
  'certificates',
  'validity',
  'memory',
  'finality',
  'innocence',
];

/** Those of one run that need more than to be told facts are the network's own: liveness, recovery, failures. */
export function createCheckers(
  run: CheckedRun,
  stateOf: StateOf,
): {
  readonly all: readonly (Checker & { readonly name: CheckerName })[];
  readonly agreement: Agreement;
  readonly acknowledgements: Acknowledgements;
  readonly decisions: Decisions;
  readonly executions: Executions;
} {
  const agreement = new Agreement();
  const acknowledgements = new Acknowledgements();
  const decisions = new Decisions(run, stateAgeMsMax);
  const executions = new Executions(stateOf);
  const all = [
    ...[agreement, new Signatures(run.chainId), new Certificates(run), new Validity(run), new Memory()],
    ...[acknowledgements, new Ledger(run), new LogHeads(), new EvidenceChecker(run)],
    ...[new Books(run), new FinalityChecker(), new Innocence(run), new Proofs(run)],
    ...createReplayCheckers(run, decisions),
    decisions,
    executions,
  ] as const;
  return { all, agreement, acknowledgements, decisions, executions };
}

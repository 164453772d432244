/** What each checker of a network of validators stands for, in a sentence for whoever reads a failure. */
import type { CheckerName } from './system/checkers/index.ts';

export const checkerMeanings: Readonly<Record<CheckerName, string>> = {
  agreement: 'At every height all correct validators make the same block final, for ever.',
  signatures:
    'No validator ever signs two different things of one kind for one height and round, across crashes too, nor forgets in a later round that it committed.',
  transactions: 'A transaction that a validator said it has stored gets into the chain.',
  value: 'Replayed from genesis the chain gives the same state, and no money appears or vanishes.',
  liveness: 'Once the faults are over and a quorum is linked, the next block comes within the recovery bound.',
  recovery: 'At the end every correct validator has caught up.',
  'no-failures': 'No actor of a node throws, and no node gives up, unless a fault makes it.',
  'sealed-off': 'Nothing that is simulated reads the real clock, randomness, timers or files.',
  certificates:
    'What may have been decided is never forgotten: once enough validators committed to a block, no later round proposes another.',
  validity:
    'Every final block was proposed by a member of its set, on its parent, at a time that the rules allow, with a beacon that its proposer proves.',
  memory: 'What a node holds for others stays within its documented bounds.',
  'log-heads': 'The transparency log only grows: every head that anybody showed is a beginning of the last one.',
  evidence: 'A contradiction that a correct validator saw ends as a record on chain.',
  books: 'Bookkeeping and counting of seals that share no code with the ledger come to the same accounts and blocks.',
  finality: 'What a node has called final is on its disk: it starts again from there or later.',
  innocence: 'Nothing that a correct validator sends is refused by another, and none of them is ever accused.',
  agreements:
    'No agreement ever changes; none is in force unsigned or unfunded; escrow is what was paid in and not out.',
  stages: 'Every stage of a case has a deadline, nothing hangs past it, and nothing is taken too late or out of turn.',
  exhibits: 'Evidence counts once, and statements only where their source signed them about this very breach.',
  panels:
    'Panels can be drawn again from the chain, nobody concerned sits on one or votes twice, and rulings are what the votes add up to.',
  enforcement:
    'Nothing that a ruling says takes effect before it is final, and nobody pays more than was claimed and agreed.',
  decisions:
    'What a light answered is in its log for ever, made again it is the same, and nothing passes on old state or after a deadline.',
  lights:
    'Decisions rest on the set in force, attested and tightened, and on the orders of the court; anchors match the logs.',
  counters: 'No light lets more persons pass than the chain has leased to it, whatever became of its disk.',
  executions:
    'Of a workload one container runs at most, only under a lease, a decision and agreements in force, and every start has one receipt.',
  proofs: 'What a node proves to strangers holds: transactions, state, its log, against the genesis document alone.',
};

/** Defects of execution clusters: leases, what follows from them, receipts. */
import type { WrittenMutant } from './mutant.ts';

const actors = 'actors/enc';
const protocols = 'protocols/enc';
const ledger = 'protocols/ledger/modules/enc';
const trials = ['workloads'];
const cutOff = ['workloads, one stands still'];

/** By the invariant that they break. */
export const encMutants: readonly WrittenMutant[] = [
  {
    name: 'enc-lease-never-stale',
    file: `${actors}/executions.ts`,
    original: 'headerTime + leaseStaleMs - holdMarginMs',
    replacement: 'headerTime + 100 * leaseStaleMs - holdMarginMs',
    breaks: 'containers of an operator that stands still run on for as long as it does',
    trials: cutOff,
  },
  {
    name: 'enc-taken-at-once',
    file: `${ledger}/enc.ts`,
    original: 'wasHeld ? context.time + leaseTakeoverMs :',
    replacement: 'wasHeld ? context.time :',
    breaks: 'a lease that was not given back counts at once for the next holder',
    trials: cutOff,
  },
  {
    name: 'enc-nobody-held-it',
    file: `${ledger}/enc.ts`,
    original: 'const wasHeld = before?.isHeld ?? false;',
    replacement: 'const wasHeld = before === null;',
    breaks: 'a lease is given to a second holder as if nobody had it',
    trials: cutOff,
  },
  {
    name: 'enc-holder-not-awaited',
    file: `${protocols}/life.ts`,
    original: "if (headerTime < lease.notBefore) return wait('holder-before');",
    replacement: '',
    breaks: 'a container is started while that of the holder before may run',
    trials: cutOff,
  },
  {
    name: 'enc-agreement-forgotten',
    file: `${actors}/operator.ts`,
    original: 'execution === null || place === undefined\n          ? null',
    replacement: 'execution === null || place !== undefined\n          ? null',
    breaks: 'what was admitted under an agreement runs on when that ends',
    trials,
  },
  {
    name: 'enc-receipt-dropped',
    file: `${actors}/record-store.ts`,
    original:
      'const writes: Write[] = [{ table: workloadsTable, key: fromHex(id), value: encode(workloadRecordCodec, record) }];\n    if (receipt !== undefined)',
    replacement:
      'const writes: Write[] = [{ table: workloadsTable, key: fromHex(id), value: encode(workloadRecordCodec, record) }];\n    if (receipt !== undefined && receipt.epoch > 1)',
    breaks: 'the first execution of a workload leaves no receipt',
    trials,
  },
  {
    name: 'enc-receipts-unchained',
    file: `${actors}/executions.ts`,
    original: 'previous: lastReceipt },',
    replacement: 'previous: lastReceipt === null ? lastReceipt : null },',
    breaks: 'a receipt does not name the one before it',
    trials,
  },
  {
    name: 'enc-lease-reused',
    file: `${actors}/executor.ts`,
    original: 'w-${workload.slice(0, 40)}-${epoch}',
    replacement: 'w-${workload.slice(0, 40)}-${Math.min(epoch, 1)}',
    breaks: 'later executions take the name of the first',
    trials,
  },
  {
    name: 'enc-other-decision',
    file: `${actors}/admissions.ts`,
    original: 'decision: state.decision.id, agreements',
    replacement: 'decision: id, agreements',
    breaks: 'the lease names another decision than the one that let the workload pass',
    trials,
  },
  {
    name: 'enc-receipt-of-first-lease',
    file: `${protocols}/receipt.ts`,
    original: 'clusterKey: key, epoch, image',
    replacement: 'clusterKey: key, epoch: 1, image',
    breaks: 'every receipt of a workload says that it is of its first lease',
    trials,
  },
];

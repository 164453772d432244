/** The scenarios that come along. */
import governance from '../../simulations/governance.ts';
import crashAnywhere from '../../simulations/crash-anywhere.ts';
import bondOnItsWayBack from '../../simulations/bond-on-its-way-back.ts';
import cheatingClients from '../../simulations/cheating-clients.ts';
import crashOne from '../../simulations/crash-one.ts';
import crashTwoOfSeven from '../../simulations/crash-two-of-seven.ts';
import emptyPromises from '../../simulations/empty-promises.ts';
import equivocation from '../../simulations/equivocation.ts';
import disputeUnderFaults from '../../simulations/dispute-under-faults.ts';
import encUnderFaults from '../../simulations/enc-under-faults.ts';
import policyChangeUnderLoad from '../../simulations/policy-change-under-load.ts';
import trafficUnderFaults from '../../simulations/traffic-under-faults.ts';
import everything from '../../simulations/everything.ts';
import fraudulentProposer from '../../simulations/fraudulent-proposer.ts';
import partitionHeal from '../../simulations/partition-heal.ts';
import powerCutWithLiar from '../../simulations/power-cut-with-liar.ts';
import restoredBackup from '../../simulations/restored-backup.ts';
import restoredRunningCopy from '../../simulations/restored-running-copy.ts';
import rollingRestart from '../../simulations/rolling-restart.ts';
import steady from '../../simulations/steady.ts';
import twinValidators from '../../simulations/twin-validators.ts';
import wipedValidator from '../../simulations/wiped-validator.ts';
import forgedCertificates from '../../simulations/forged-certificates.ts';
import mempoolFlood from '../../simulations/mempool-flood.ts';
import validatorChurn from '../../simulations/validator-churn.ts';
import withheldProposals from '../../simulations/withheld-proposals.ts';
import minorityIsolated from '../../simulations/minority-isolated.ts';
import oneWayLoss from '../../simulations/one-way-loss.ts';
import roundChangeStorm from '../../simulations/round-change-storm.ts';
import clockSkew from '../../simulations/clock-skew.ts';
import slowDisk from '../../simulations/slow-disk.ts';
import tornWrite from '../../simulations/torn-write.ts';
import flapping from '../../simulations/flapping.ts';
import fullDisk from '../../simulations/full-disk.ts';
import syncFromFar from '../../simulations/sync-from-far.ts';
import type { Scenario } from '../../src/simulation.ts';
import type { SettledScenario } from '../../src/simulation/system/scenario.ts';

export const shippedScenarios: readonly Scenario[] = [
  steady,
  governance,
  crashAnywhere,
  crashOne,
  crashTwoOfSeven,
  partitionHeal,
  rollingRestart,
  powerCutWithLiar,
  restoredBackup,
  restoredRunningCopy,
  wipedValidator,
  equivocation,
  twinValidators,
  withheldProposals,
  validatorChurn,
  mempoolFlood,
  forgedCertificates,
  fraudulentProposer,
  cheatingClients,
  emptyPromises,
  bondOnItsWayBack,
  minorityIsolated,
  oneWayLoss,
  roundChangeStorm,
  clockSkew,
  slowDisk,
  tornWrite,
  flapping,
  fullDisk,
  syncFromFar,
  disputeUnderFaults,
  trafficUnderFaults,
  policyChangeUnderLoad,
  encUnderFaults,
  everything,
];

/** As short as a scenario may be. */
export const brief: SettledScenario = {
  name: 'brief',
  expects: 'Enough happens to tell two runs apart.',
  validators: 4,
  durationMs: 50_000,
  blockTimeMs: 5_000,
  transfersPerSecond: 1,
  faults: (draw) => [{ kind: 'crash', node: draw.between(0, 3), atMs: 6_000, forMs: 1_000 }],
};

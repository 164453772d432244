/** What the fake chain says of consensus and services: fixed facts around its height. */
import type { ChainApi, ConsensusView } from '../../../src/runtime/ports/chain-api.ts';
import { aliceKey, genesis, set, validatorKeys } from './fake-genesis.ts';

export function consensusView(height: number, problems: ConsensusView['problems']): ConsensusView {
  return {
    height: height + 1,
    round: 0,
    step: 'prepare',
    validators: 4,
    quorum: set.quorum,
    faultyMax: 1,
    proposer: validatorKeys[0]!.publicKey,
    missing: problems.map(() => ({ kind: 'prepare', needed: 2, from: [validatorKeys[1]!.publicKey] })),
    waitingFor: 'round timer in 800 ms',
    nextTimeoutMs: 800,
    lastBlockTime: genesis.time + 200 * height,
    lastBlockAgeMs: 12,
    problems: problems,
    peers: genesis.validators.map(({ publicKey, name }, i) => ({
      publicKey,
      name,
      self: i === 0,
      link: i === 0 ? 'self' : 'up',
      height: height,
      round: 0,
      step: 'prepare',
      lag: 0,
      rttMs: i === 0 ? null : 0.42,
      clockOffsetMs: i === 0 ? null : -3,
      lastError: '',
    })),
  };
}

export const fakeServices: ReturnType<ChainApi['services']> = [
  {
    id: 'court-1',
    kind: 'court',
    owner: aliceKey.publicKey,
    endpoint: 'http://127.0.0.1:21002',
    leaseUntil: 1_700_000_900_000,
  },
];

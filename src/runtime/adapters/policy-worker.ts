/** A thread that works on policy sets. One job at a time; what it cannot do it says. */
import { parentPort } from 'node:worker_threads';
import type { PolicyWork, WorkName } from '../../actors/policy/workshop.ts';
import { PolicyError, type PolicyErrorCode } from '../../protocols/policy/policy-error.ts';
import { doPolicyWork } from './policy-work.ts';

export type WorkOrder = {
  readonly [Name in WorkName]: { readonly name: Name; readonly job: PolicyWork[Name]['job'] };
}[WorkName];

export type WorkAnswer =
  | { readonly kind: 'done'; readonly result: PolicyWork[WorkName]['result'] }
  | { readonly kind: 'refused'; readonly code: PolicyErrorCode; readonly place: string; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

function answerOf({ name, job }: WorkOrder): WorkAnswer {
  try {
    return { kind: 'done', result: doPolicyWork(name, job) };
  } catch (error) {
    if (error instanceof PolicyError)
      return { kind: 'refused', code: error.code, place: error.place, message: error.message };
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (order: WorkOrder) => parentPort?.postMessage(answerOf(order)));

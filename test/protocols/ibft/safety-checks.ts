/**
 * What no run may show: two blocks at one height, a decision without a quorum of seals that were really signed, a
 * machine that asks its guard for anything that contradicts what it signed before, also across crashes.
 */
import type { UnsignedPayload } from '../../../src/protocols/ibft/messages.ts';
import { commitRefusal } from '../../../src/protocols/ledger/block-limits.ts';
import type { Commit } from '../../../src/protocols/ledger/block.ts';
import type { ValidatorSet } from '../../../src/protocols/ledger/validator-set.ts';
import type { ModelNode } from './model-types.ts';
import { keyOf } from './world.ts';

export class SafetyChecks {
  readonly violations: string[] = [];
  readonly #set: ValidatorSet;
  readonly #agreed = new Map<number, string>();
  readonly #seals = new Set<string>();

  constructor(set: ValidatorSet) {
    this.#set = set;
  }

  signed(node: ModelNode, payload: UnsignedPayload): void {
    const { kind, height, round } = payload;
    const content = JSON.stringify(payload);
    const held = node.guard.get(kind);
    const left = node.guard.get('round-change');
    const isLower = held !== undefined && (height < held.height || (height === held.height && round < held.round));
    const isOther = held?.height === height && held.round === round && held.content !== content;
    const isAfterLeaving = kind !== 'round-change' && left?.height === height && round < left.round;
    if (isLower || isOther || isAfterLeaving)
      this.violations.push(
        `node ${node.id} asked to sign ${content} after ${held?.content ?? '-'} and ${left?.content ?? '-'}`,
      );
    node.guard.set(kind, { height, round, content });
    if (payload.kind === 'commit') this.#seals.add(`${keyOf(node.member)}/${height}/${round}/${payload.digest}`);
  }

  decided(
    node: ModelNode,
    { height, digest, commit }: { readonly height: number; readonly digest: string; readonly commit: Commit },
  ): void {
    if (height !== node.chain.length + 1) this.violations.push(`node ${node.id} decided height ${height} out of order`);
    if (node.isFaulty) return;
    if (commitRefusal(commit, height, this.#set) !== null)
      this.violations.push(`node ${node.id} decided ${height} without a quorum of seals`);
    for (const { validator } of commit.seals)
      if (!this.#seals.has(`${validator}/${height}/${commit.round}/${digest}`))
        this.violations.push(`a seal that nobody signed decided height ${height}`);
    const agreed = this.#agreed.get(height) ?? digest;
    this.#agreed.set(height, agreed);
    if (agreed !== digest) this.violations.push(`two blocks decided at height ${height}`);
  }
}

/**
 * Operators who change the validator set, as they would: a validator proposes, the others vote, each through its own node,
 * until the chain has made the change or it is clear that it will not.
 */
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import { possessionSigningBytes } from '../../protocols/ledger/possession.ts';
import { accountAt, membersAt } from '../../protocols/ledger/queries.ts';
import { transactionHash } from '../../protocols/ledger/transaction.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import type { ChainId } from '../../protocols/shared/brands.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import { isReachable, signedTransaction, submit } from './client.ts';
import { memberBond } from './genesis.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface MembershipOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly nodes: readonly ValidatorNode[];
  readonly isCorrect: (node: number) => boolean;
  readonly count: (what: string) => void;
}

/** Numbers of nodes. */
export interface WantedChange {
  readonly joins: number | null;
  readonly leaves: number | null;
}

const everyMs = 700;
/** After this the proposal is made again: it may have been refused, or lost with its proposer. */
const proposalLastsMs = 25_000;
const campaignLastsMs = 120_000;

interface Campaign extends WantedChange {
  readonly untilMs: number;
  proposal: { readonly hash: Digest; readonly atMs: number; readonly voters: Set<number> } | null;
}

export class Membership {
  readonly #options: MembershipOptions;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  start(wanted: WantedChange): void {
    const { clock } = this.#options;
    const campaign: Campaign = { ...wanted, untilMs: clock.monotonicMs() + campaignLastsMs, proposal: null };
    const next = (): void => {
      if (this.#isOver(campaign)) return;
      this.#advance(campaign);
      clock.setTimer(everyMs, next);
    };
    clock.setTimer(0, next);
  }

  #isOver({ joins, leaves, untilMs }: Campaign): boolean {
    const chain = this.#best()?.parts?.chain;
    if (chain === undefined) return false;
    const { validators } = chain.tip.set;
    const isMember = (node: number): boolean =>
      validators.some(({ publicKey }) => publicKey === this.#options.nodes[node]?.key);
    if ((joins === null || isMember(joins)) && (leaves === null || !isMember(leaves))) {
      this.#options.count('validator set changed');
      return true;
    }
    return this.#options.clock.monotonicMs() > untilMs;
  }

  #advance(campaign: Campaign): void {
    const best = this.#best();
    const parts = best?.parts ?? null;
    if (parts === null) return;
    const { chain, wiring } = parts;
    const candidate = campaign.joins === null ? undefined : this.#options.nodes[campaign.joins];
    const held = candidate === undefined ? memberBond : (accountAt(chain.state, candidate.key)?.bonded ?? 0n);
    if (candidate !== undefined && held < memberBond) {
      this.send(candidate, 'accounts.bond', { amount: memberBond });
      return;
    }
    const members = membersAt(chain.state);
    const voters = this.#correct().filter((node) => members.has(node.key) && isReachable(node));
    const nowMs = this.#options.clock.monotonicMs();
    if (campaign.proposal !== null && nowMs - campaign.proposal.atMs > proposalLastsMs) campaign.proposal = null;
    if (campaign.proposal === null) this.#propose(campaign, voters);
    else this.#vote(campaign.proposal, voters, wiring.reader);
  }

  #propose(campaign: Campaign, voters: readonly ValidatorNode[]): void {
    const proposer = voters.find(({ index }) => index !== campaign.leaves);
    if (proposer === undefined) return;
    const change = this.#changeOf(campaign);
    const voted = new Set([proposer.index]);
    this.send(proposer, 'validators.propose', change, (hash) => {
      campaign.proposal = { hash, atMs: this.#options.clock.monotonicMs(), voters: voted };
    });
  }

  #vote(
    { hash, voters: voted }: NonNullable<Campaign['proposal']>,
    voters: readonly ValidatorNode[],
    reader: ChainReader,
  ): void {
    if (reader.place(hash) === undefined) return;
    for (const voter of voters) {
      if (voted.has(voter.index)) continue;
      const isOpen = voter.parts?.wiring.reader.place(hash) !== undefined;
      if (!isOpen) continue;
      this.send(voter, 'validators.vote', { proposal: hash, approve: true }, () => voted.add(voter.index));
    }
  }

  #changeOf({ joins, leaves }: WantedChange): unknown {
    const leaver = leaves === null ? undefined : this.#options.nodes[leaves]?.key;
    const candidate = joins === null ? undefined : this.#candidateOf(this.#options.nodes[joins] as ValidatorNode);
    if (candidate === undefined) return { type: 'remove', publicKey: leaver };
    return leaver === undefined ? { type: 'add', candidate } : { type: 'replace', publicKey: leaver, candidate };
  }

  #candidateOf({ index, identity: { signer, vrf } }: ValidatorNode): unknown {
    const { chainName } = this.#options.genesis;
    return {
      publicKey: signer.publicKey,
      vrfPublicKey: vrf.publicKey,
      name: `validator-${index}`,
      possession: signer.sign(possessionSigningBytes(chainName, signer.publicKey, vrf.publicKey)),
      bond: memberBond,
    };
  }

  /** A transaction of the node's account, through its own mempool, which knows the nonces that its key has used. */
  send(node: ValidatorNode, kind: string, body: unknown, onAccepted: (hash: Digest) => void = () => undefined): void {
    const { chainId } = this.#options;
    if (!isReachable(node)) return;
    node.enter(() => {
      const { signer } = node.identity;
      const nonce = node.parts?.wiring.pool.nextNonce(signer.publicKey) ?? 0;
      const bytes = signedTransaction({ chainId, sender: signer.publicKey, nonce, kind, body }, signer);
      submit(node, [bytes], (outcomes) => {
        if (outcomes?.[0]?.outcome === 'accepted') onAccepted(transactionHash(bytes));
      });
    });
  }

  #correct(): readonly ValidatorNode[] {
    return this.#options.nodes.filter(({ index }) => this.#options.isCorrect(index));
  }

  /** The correct node that is furthest. */
  #best(): ValidatorNode | undefined {
    const running = this.#correct().filter(({ parts }) => parts !== null);
    const heightOf = ({ parts }: ValidatorNode): number => parts?.chain.tip.height ?? 0;
    return running.reduce<ValidatorNode | undefined>(
      (best, node) => (best === undefined || heightOf(node) > heightOf(best) ? node : best),
      undefined,
    );
  }
}

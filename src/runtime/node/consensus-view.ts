/** Answers "why is it stuck": what this node sees of consensus, and the causes of a stall by name. */
import { type ConsensusReport, explain } from '../../protocols/ibft/report.ts';
import type { MachineState } from '../../protocols/ibft/machine-types.ts';
import type { NodeStatus } from '../../protocols/ibft/status.ts';
import { readStatus } from '../../actors/node/peer-status.ts';
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ChainTip } from '../../actors/chain/chain.ts';
import type { ConsensusView } from '../ports/chain-api.ts';
import type { PeerState } from '../ports/links.ts';

/** Offset from which a clock is called off: proposals from it are held. */
const clockOffMs = 500;
/** A block this much later than due is a stall. */
const lateMs = 3_000;

export interface ConsensusFacts {
  readonly self: PublicKey;
  readonly tip: ChainTip;
  readonly now: number;
  /** null on a node that does not validate. */
  readonly machine: MachineState | null;
  /** Code of what keeps this node itself from voting. */
  readonly trouble: string | null;
  readonly peers: readonly PeerState[];
  readonly names: ReadonlyMap<PublicKey, string>;
}

type PeerView = ConsensusView['peers'][number];
type Problem = ConsensusView['problems'][number];

export function consensusView(facts: ConsensusFacts): ConsensusView {
  const { tip, machine, names } = facts;
  const report = machine === null ? null : explain(machine);
  const members = tip.set.validators.map(({ publicKey }) => publicKey);
  const peers = members.map((key) => peerView(facts, key, report));
  const lastBlockAgeMs = Math.max(0, facts.now - tip.time);
  const isLate = lastBlockAgeMs > tip.parameters.blockTimeMs + lateMs && tip.parameters.blockTimeMs > 0;
  const nameOf = (key: PublicKey): string => names.get(key) ?? key.slice(0, 8);
  return {
    height: tip.height + 1,
    round: report?.round ?? 0,
    step: report?.step ?? 'following',
    validators: members.length,
    quorum: tip.set.quorum,
    faultyMax: faultyCountMax(members.length),
    proposer: report === null ? '' : nameOf(report.proposer),
    missing: (report?.missing ?? []).map(({ kind, needed, from }) => ({ kind, needed, from: from.map(nameOf) })),
    waitingFor: report?.waitingFor ?? 'final blocks from validators',
    nextTimeoutMs: report?.roundTimeoutMs ?? null,
    lastBlockTime: tip.time,
    lastBlockAgeMs,
    problems: problemsOf(facts, peers, isLate),
    peers,
  };
}

function peerView(facts: ConsensusFacts, key: PublicKey, report: ConsensusReport | null): PeerView {
  const name = facts.names.get(key) ?? key.slice(0, 8);
  if (key === facts.self) {
    return {
      publicKey: key,
      name,
      self: true,
      link: 'self',
      height: facts.tip.height + 1,
      round: report?.round ?? 0,
      step: report?.step ?? 'following',
      lag: 0,
      rttMs: 0,
      clockOffsetMs: 0,
      lastError: '',
    };
  }
  const peer = facts.peers.find((candidate) => candidate.key === key);
  const status = peer === undefined ? null : readStatus(peer);
  const isUp = peer?.state === 'up' || peer?.state === 'suspect';
  return {
    publicKey: key,
    name,
    self: false,
    link: peer?.state ?? 'down',
    height: status?.height ?? null,
    round: status?.round ?? null,
    step: status?.step ?? null,
    lag: status === null ? null : Math.max(0, facts.tip.height - status.finalHeight),
    rttMs: isUp ? peer.rttMs : null,
    clockOffsetMs: isUp ? peer.clockOffsetMs : null,
    lastError: peer?.lastError ?? 'no link was ever made',
  };
}

/** Most important first. What is normal for a moment (a link being made) is named only while blocks are late. */
function problemsOf(facts: ConsensusFacts, peers: readonly PeerView[], isLate: boolean): Problem[] {
  const problems: Problem[] = [];
  const problem = (code: string, message: string, validator: string | null): void => {
    problems.push({ code, message, validator });
  };
  if (facts.trouble !== null) problem(facts.trouble, `this node does not vote: ${facts.trouble}`, null);
  for (const peer of peers) {
    // What a peer said before its link went down is no longer news.
    const trouble = isLinked(peer) ? (statusOf(facts, peer)?.trouble ?? null) : null;
    if (trouble !== null) problem(trouble, `${peer.name} does not vote: ${trouble}`, peer.name);
    if (peer.lastError.includes('wrong-chain')) {
      problem('wrong-genesis', `${peer.name} is on another chain: its genesis differs`, peer.name);
    }
  }
  clockProblems(peers, problem);
  if (!isLate) return problems;
  const unlinked = peers.filter((peer) => !isLinked(peer));
  for (const { name, link, lastError } of unlinked) {
    problem('not-linked', `no link to ${name} (${link}${lastError === '' ? '' : `: ${lastError}`})`, name);
  }
  const { quorum } = facts.tip.set;
  const linked = peers.length - unlinked.length;
  if (linked < quorum) {
    const message = `${linked} of ${peers.length} validators are linked, ${quorum} are needed to decide`;
    problems.unshift({ code: 'too-few-linked', message, validator: null });
  }
  if (linked === 1 && peers.length > 1) {
    const message = 'this node is linked to no other validator: it is cut off, or all others are down';
    problems.unshift({ code: 'partitioned', message, validator: null });
  }
  return problems;
}

const isLinked = ({ self, link }: PeerView): boolean => self || link === 'up' || link === 'suspect';

function statusOf(facts: ConsensusFacts, view: PeerView): NodeStatus | null {
  const peer = facts.peers.find(({ key }) => key === view.publicKey);
  return peer === undefined ? null : readStatus(peer);
}

/** The clock that differs from the median of all clocks is the one that is off; ours may be it. */
function clockProblems(
  peers: readonly PeerView[],
  problem: (code: string, message: string, validator: string | null) => void,
): void {
  const offsets = peers.flatMap(({ clockOffsetMs }) => (clockOffsetMs === null ? [] : [clockOffsetMs]));
  if (offsets.length < 3) return;
  const median = offsets.sort((a, b) => a - b)[Math.floor(offsets.length / 2)] ?? 0;
  for (const { name, clockOffsetMs } of peers) {
    if (clockOffsetMs === null) continue;
    const off = Math.round(clockOffsetMs - median);
    if (Math.abs(off) <= clockOffMs) continue;
    problem('clock-off', `the clock of ${name} is ${Math.abs(off)} ms ${off > 0 ? 'ahead' : 'behind'}`, name);
  }
}

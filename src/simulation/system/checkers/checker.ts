/** What checkers are and what they are told. They see what nodes say and do, and the chain that they agree on; no actor's state. */
import type { Chain } from '../../../actors/chain/chain.ts';
import type { ChainReader } from '../../../actors/chain/chain-reader.ts';
import type { UnsignedPayload } from '../../../protocols/ibft/messages.ts';
import type { BlockHeader } from '../../../protocols/ledger/block.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import type { ValidatorSet } from '../../../protocols/ledger/validator-set.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';
import type { DecisionAudited, DecisionSeen, Judged, KnownPolicies, LightAudited } from './told-decisions.ts';

/** Of the run that is checked. */
export interface CheckedRun {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** What a VRF proof leads to; null where it does not hold. */
  readonly vrfOutput: (key: PublicKey, input: Uint8Array, proof: Uint8Array) => Uint8Array | null;
  /** Members of any set that lie in this run. What they do is not told to checkers. */
  readonly liars: ReadonlySet<PublicKey>;
  /** null: there are no lights. */
  readonly policies: KnownPolicies | null;
  /** The set that decides a height, where it is known yet. */
  setAt(height: number): ValidatorSet | undefined;
}

/** A block is final and durable on a correct node. */
export interface FinalBlock {
  readonly node: number;
  readonly height: number;
  readonly digest: Digest;
  /** The round of the seals that the node holds. */
  readonly round: number;
  readonly header: BlockHeader;
  readonly atMs: number;
  /** Milliseconds since 1970, and by how much any correct node's clock was ever ahead of it. */
  readonly nowMs: number;
  readonly aheadMsMax: number;
}

/** A correct node found that a validator contradicts itself. */
export interface Accusation {
  readonly node: number;
  readonly offender: PublicKey;
  readonly height: number;
  readonly atMs: number;
}

/** A head of the log that a correct node signed or served. */
export interface ShownHead {
  readonly node: number;
  readonly size: number;
  readonly root: Digest;
}

/** What a correct node says of what it holds for others. */
export interface Holdings {
  readonly node: number;
  readonly poolCount: number;
  readonly poolBytes: number;
  /** Messages that wait for the actor that has the most. */
  readonly mailboxDepth: number;
  /** Bytes of consensus messages beyond the current round, one number a validator. */
  readonly keptBytes: readonly number[];
  /** Bytes of messages for the peer for which most are held. */
  readonly linkBytes: number;
  /** Rounds of which votes are held. */
  readonly roundsHeld: number;
}

/** A correct node at the end of a run. */
export interface FinalNode {
  readonly node: number;
  readonly chain: Chain;
  readonly reader: ChainReader;
}

export interface RunEnd {
  readonly atMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Those that run. */
  readonly nodes: readonly FinalNode[];
  /** One of them that has every block and is as far as any; null where there is none. */
  readonly whole: FinalNode | null;
}

/** Every method returns what is wrong, or null; those that only take note return nothing. Facts come in their order. */
export interface Checker {
  readonly name: string;
  /** A correct validator signed; the signature has not left it yet. */
  onSigned?(node: number, payload: UnsignedPayload): string | null;
  onFinal?(block: FinalBlock): string | null;
  /** A correct validator said that it has stored the transaction durably. */
  onAcknowledged?(hash: string, node: number): void;
  onCrash?(node: number, atMs: number): void;
  /** A correct node has started; its disk holds the blocks up to this height. */
  onStart?(node: number, height: number): string | null;
  /** A correct node says that a peer sent what no correct one sends. */
  onReport?(node: number, peer: PublicKey, reason: string): string | null;
  /** The disk of the node forgets what it held. */
  onDiskLost?(node: number): void;
  onAccusation?(accusation: Accusation): string | null;
  onHead?(head: ShownHead): void;
  onDecision?(seen: DecisionSeen): string | null;
  /** An engine of a correct node answered. */
  onEvaluation?(judged: Judged): void;
  onDecisionAudited?(audited: DecisionAudited): string | null;
  onLightAudited?(audited: LightAudited): string | null;
  onHoldings?(holdings: Holdings): string | null;
  /** Were this the end: whether something is missing that a later block may bring. */
  isOutstanding?(end: RunEnd): boolean;
  onEnd?(end: RunEnd): string | null;
}

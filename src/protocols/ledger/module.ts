/** The interface between the executor and the application's modules, and what a module is given. */
import type { ChainId, Digest, Height, PublicKey } from '../shared/brands.ts';
import type { Genesis } from './genesis.ts';
import type { JsonCodec } from './json-codec.ts';
import type { Role } from './permissions.ts';
import type { ReadView, View } from './view.ts';

/** Pure verification under the one rule for ed25519: the same verdict on every node. */
export interface SignatureRule {
  /** Whether the key may be used at all: canonical, torsion-free, not of small order. */
  isAdmissible(key: PublicKey): boolean;
  /** False for inadmissible keys and malformed input; never throws. */
  verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Facts of the block that is executed. Header time is the only time. */
export interface BlockContext {
  readonly chainId: ChainId;
  readonly height: Height;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Of the parent's header, or of genesis. */
  readonly parentTime: number;
  /** The block's own beacon output, 64 bytes. */
  readonly beacon: Uint8Array;
  readonly signatures: SignatureRule;
}

/** Facts of the transaction that is executed. */
export interface TransactionContext extends BlockContext {
  readonly sender: PublicKey;
  readonly hash: Digest;
}

/** How a transaction ended. A refusal undoes all its writes and events; its nonce stays used. */
export type Outcome = { readonly code: 'ok' } | { readonly code: string };

export const ok: Outcome = { code: 'ok' };
export const refuse = (code: string): Outcome => ({ code });

/** One kind of transaction. */
export interface Kind<Body> {
  readonly body: JsonCodec<Body>;
  /**
   * Roles that the sender has towards the object that this body names (`service-owner`). Roles that hold whatever the
   * object is come from {@link LedgerModule.roles}. Which roles suffice is decided by the permission table alone.
   */
  readonly relation?: (body: Body, view: ReadView, context: TransactionContext) => readonly Role[];
  readonly execute: (body: Body, view: View, context: TransactionContext) => Outcome;
}

/** A deadline that has come. */
export interface DueDeadline {
  readonly action: string;
  readonly subject: string;
}

export interface LedgerModule {
  /** First part of its kinds and of its state keys. */
  readonly name: string;
  /** By the part of the kind after the dot. */
  readonly kinds: ReadonlyMap<string, Kind<never>>;
  readonly genesis?: (genesis: Genesis, view: View) => void;
  /** Roles of an existing account that depend on nothing else. */
  readonly roles?: (account: PublicKey, view: ReadView) => readonly Role[];
  readonly onDeadline?: (due: DueDeadline, view: View, context: BlockContext) => void;
  /** After the transactions and the deadlines of a block, in the modules' order. */
  readonly endBlock?: (view: View, context: BlockContext) => void;
}

/** Erases the body's type, so that kinds of different bodies fit one map. */
export const kind = <Body>(definition: Kind<Body>): Kind<never> => definition as unknown as Kind<never>;

/** What is asked of a court, and what it tells itself. */
import type { AgreementRecord } from '../../protocols/ledger/modules/court/agreement-state.ts';
import type { CaseStage } from '../../protocols/ledger/modules/court/case-state.ts';
import type { Json } from '../../protocols/ledger/json-codec.ts';
import type { Operation } from '../../protocols/traffic/constraints.ts';
import type { HandedIn } from '../../protocols/court/handed-in.ts';
import type { ProvedBreach } from '../../protocols/court/obligation-watch.ts';
import type { ServiceListing } from '../../protocols/registry/listing.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { EventView } from '../../runtime/ports/chain-api.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';
import type { FollowedState, Sent } from '../traffic/chain-feed.ts';
import type { Taken } from './obligation-monitor.ts';

/** Answered from the state of the newest block that is followed. */
export type CourtQuestion =
  | {
      readonly about: 'agreements';
      readonly party: PublicKey | null;
      readonly state: AgreementRecord['state'] | null;
      readonly limit: number;
    }
  | {
      readonly about: 'agreement' | 'obligations' | 'statements' | 'case' | 'panel' | 'timeline';
      readonly id: Digest;
    }
  | {
      readonly about: 'cases';
      readonly agreement: Digest | null;
      readonly party: PublicKey | null;
      readonly stage: CaseStage | null;
      readonly limit: number;
    }
  | { readonly about: 'deadlines'; readonly limit: number }
  | { readonly about: 'compliance'; readonly operation: Operation }
  | { readonly about: 'arbitrators' | 'status' };

export type CourtAnswer =
  | { readonly kind: 'answer'; readonly value: Json }
  | { readonly kind: 'refused'; readonly reason: 'not-ready' | 'not-found' };

/** `taken`: it is on stable storage. */
export type StatementAnswer = Taken | { readonly kind: 'refused'; readonly reason: 'not-ready' | 'not-kept' };

/** How something ended that was waited for. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export type CourtMessage =
  | { readonly type: 'ask'; readonly question: CourtQuestion; readonly replyTo: ReplyTo<CourtAnswer> }
  | { readonly type: 'state'; readonly state: FollowedState }
  | { readonly type: 'events'; readonly events: readonly EventView[]; readonly isLast: boolean }
  | { readonly type: 'events-failed'; readonly error: unknown }
  | { readonly type: 'statement'; readonly handedIn: HandedIn; readonly replyTo: ReplyTo<StatementAnswer> }
  | {
      readonly type: 'kept';
      readonly taken: Taken;
      readonly outcome: Outcome<unknown>;
      readonly replyTo: ReplyTo<StatementAnswer>;
    }
  | { readonly type: 'noticed'; readonly breach: ProvedBreach; readonly outcome: Outcome<Sent> }
  /** What the registry is to say of the court. */
  | { readonly type: 'announce'; readonly listing: ServiceListing }
  | { readonly type: 'listed'; readonly outcome: Outcome<Sent> };

/** What can be watched of a run, for pictures and traces. Nothing of it goes into the trace hash; nobody listens by default. */
import type { PayloadKind } from '../protocols/ibft/messages.ts';
import type { Fault } from './system/faults/index.ts';

export interface MessageLabel {
  /** A vote's kind, or the name of the actor that it is for. */
  readonly kind: string;
  /** Of consensus messages; null of others. */
  readonly height: number | null;
  readonly round: number | null;
  /** What else tells it from others of its kind, for people. */
  readonly text: string;
}

export type EventContent =
  | { readonly type: 'started' | 'down' | 'paused' | 'resumed'; readonly node: number }
  /** A message left a node, or reached one. Equal `id`s of one pair of nodes are one message. */
  | {
      readonly type: 'sent' | 'arrived';
      readonly from: number;
      readonly to: number;
      readonly id: string;
      readonly label: MessageLabel;
    }
  | {
      readonly type: 'signed';
      readonly node: number;
      readonly kind: PayloadKind;
      readonly height: number;
      readonly round: number;
      /** Of the block; null for a round change without one. */
      readonly digest: string | null;
    }
  | { readonly type: 'final'; readonly node: number; readonly height: number; readonly digest: string }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'violated'; readonly checker: string; readonly detail: string };

export type SimulationEvent = { readonly atMs: number } & EventContent;
export type OnEvent = (event: SimulationEvent) => void;

/** What the DockLock actor is told and asked. */
import type { ContainerExit } from '../../protocols/shared/containers.ts';
import type { ContainerDriver, ContainerState } from '../../runtime/ports/container-driver.ts';
import type { ContainerView, DeployRequest } from '../../runtime/ports/docklock-api.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';

/** An answer, or what it failed with: the asker throws it. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

interface Stop {
  readonly graceMs: number;
  readonly by: string;
}

export type DocklockMessage =
  | {
      readonly type: 'deploy';
      readonly request: DeployRequest;
      readonly by: string | null;
      readonly replyTo: ReplyTo<Outcome<ContainerView>>;
    }
  | { readonly type: 'list'; readonly replyTo: ReplyTo<Outcome<readonly ContainerView[]>> }
  | { readonly type: 'find'; readonly id: string; readonly replyTo: ReplyTo<Outcome<FoundContainer>> }
  | {
      readonly type: 'stop';
      readonly id: string;
      readonly stop: Stop;
      readonly replyTo: ReplyTo<Outcome<ContainerView>>;
    }
  | { readonly type: 'remove'; readonly id: string; readonly replyTo: ReplyTo<Outcome<null>> }
  // What its own work comes back with.
  | { readonly type: 'reconciled'; readonly outcome: Outcome<readonly Reconciled[]> }
  | {
      readonly type: 'deployed';
      readonly id: string;
      readonly outcome: Outcome<Deployed>;
      readonly replyTo: ReplyTo<Outcome<ContainerView>>;
    }
  | { readonly type: 'exited'; readonly id: string; readonly exit: ContainerExit }
  | { readonly type: 'settled'; readonly id: string; readonly error: unknown }
  | {
      readonly type: 'removed';
      readonly id: string;
      readonly outcome: Outcome<null>;
      readonly replyTo: ReplyTo<Outcome<null>>;
    };

export interface FoundContainer {
  readonly view: ContainerView;
  readonly driver: ContainerDriver;
}

export interface Reconciled {
  readonly driver: ContainerDriver;
  readonly states: readonly ContainerState[];
}

export interface Deployed {
  readonly imageDigest: string;
  readonly state: ContainerState;
}

/** What a node tells its peers on every heartbeat. At most 96 bytes. */
import { type Codec, nullable, struct, textMax, uint } from '../shared/codec.ts';

export interface NodeStatus {
  /** Last final height stored by the node. */
  readonly finalHeight: number;
  /** Height, round and step in which its consensus is; a follower's height is finalHeight + 1. */
  readonly height: number;
  readonly round: number;
  readonly step: string;
  /** Code of what keeps the node from voting (`disk-full`, `abstaining`, …), or null. */
  readonly trouble: string | null;
}

export const nodeStatusCodec: Codec<NodeStatus> = struct<NodeStatus>({
  finalHeight: uint,
  height: uint,
  round: uint,
  step: textMax(24),
  trouble: nullable(textMax(32)),
});

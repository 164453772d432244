/** What a peer said of itself on its last heartbeat. */
import { type NodeStatus, nodeStatusCodec } from '../../protocols/ibft/status.ts';
import { tryDecode } from '../../protocols/shared/codec.ts';
import type { PeerState } from '../../runtime/ports/links.ts';

/** null: nothing yet, or nothing that is a status. */
export function readStatus(peer: PeerState): NodeStatus | null {
  if (peer.status === null) return null;
  const decoded = tryDecode(nodeStatusCodec, peer.status);
  return 'value' in decoded ? decoded.value : null;
}

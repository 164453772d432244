/** What nodes tell of themselves with their heartbeats. */
import type { MachineState } from '../../protocols/ibft/machine-types.ts';
import { explain } from '../../protocols/ibft/report.ts';
import { type NodeStatus, nodeStatusCodec } from '../../protocols/ibft/status.ts';
import { encode, tryDecode } from '../../protocols/shared/codec.ts';
import type { PeerState } from '../../runtime/ports/links.ts';

/** null: nothing yet, or nothing that is a status. */
export function readStatus(peer: PeerState): NodeStatus | null {
  if (peer.status === null) return null;
  const decoded = tryDecode(nodeStatusCodec, peer.status);
  return 'value' in decoded ? decoded.value : null;
}

interface OwnState {
  readonly finalHeight: NodeStatus['finalHeight'];
  /** null on nodes that only follow. */
  readonly machine: MachineState | null;
  readonly trouble: NodeStatus['trouble'];
}

/** Tells peers what has changed. */
export class StatusTeller {
  readonly #setStatus: (status: Uint8Array) => void;
  #told = '';

  constructor(setStatus: (status: Uint8Array) => void) {
    this.#setStatus = setStatus;
  }

  /** Called after every message of the validator: does nothing where nothing that peers are told has changed. */
  tell({ finalHeight, machine, trouble }: OwnState): void {
    const { round, proposal, prepared, proposing, decided } = machine ?? {};
    const told = [finalHeight, round, proposal?.status, prepared?.round, proposing, decided === null, trouble].join();
    if (told === this.#told) return;
    this.#told = told;
    const report = machine === null ? null : explain(machine);
    this.#setStatus(
      encode(nodeStatusCodec, {
        finalHeight,
        height: report?.height ?? finalHeight + 1,
        round: report?.round ?? 0,
        step: report?.step ?? 'following',
        trouble,
      }),
    );
  }
}

import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Lane } from '../ports/actors.ts';
import type { Envelope, PeerState } from '../ports/links.ts';
import type { Transport } from '../ports/transport.ts';
import type { BatchPool } from './batch-pool.ts';
import type { Handshake, HandshakeIdentity } from './handshake.ts';
import type { LinkLimits } from './limits.ts';
import type { TurnEnd } from './turn-end.ts';

/** What all links of a node share. */
export interface LinkContext extends HandshakeIdentity {
  readonly transport: Transport;
  readonly limits: LinkLimits;
  readonly pool: BatchPool;
  readonly turnEnd: TurnEnd;
  readonly status: () => Uint8Array;
  readonly handshakes: Set<Handshake>;
  readonly onEnvelope: (peer: PublicKey, envelope: Envelope, consumed: () => void, lane: Lane) => void;
  readonly onUp: (peer: PublicKey, resumed: boolean) => void;
  readonly onDown: (peer: PublicKey, reason: string) => void;
  readonly onChange: (peer: { state(): PeerState }) => void;
  readonly onRefusal: (peer: PublicKey, refusal: string, detail: string) => void;
  readonly onRoundTrip: (peer: PublicKey, rttMs: number) => void;
}

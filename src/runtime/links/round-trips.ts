/**
 * Round trip time and clock offset from heartbeats that echo each other (RFC 5905, section 8: on-wire protocol). No
 * heartbeat is answered: each carries the last one seen and how long ago that was.
 */
const remembered = 8;

export class RoundTrips {
  /** Monotonic time of sending, by sequence modulo `remembered`. */
  readonly #sentAtMs: number[] = [];
  readonly #samples: { readonly rttMs: number; readonly offsetMs: number }[] = [];
  #next = 0;
  #sequence = 0;
  #peerSequence = 0;
  #peerHeardAtMs = 0;

  /** The fields of the next heartbeat. */
  send(nowMs: number): { sequence: number; echoSequence: number; echoHeldUs: number } {
    this.#sequence += 1;
    this.#sentAtMs[this.#sequence % remembered] = nowMs;
    const heldMs = this.#peerSequence === 0 ? 0 : Math.max(0, nowMs - this.#peerHeardAtMs);
    return { sequence: this.#sequence, echoSequence: this.#peerSequence, echoHeldUs: Math.round(heldMs * 1000) };
  }

  /** The round trip that this heartbeat closes, ms; null where it echoes none that is remembered. */
  receive(
    nowMs: number,
    nowWallMs: number,
    heartbeat: { sequence: number; wallMs: number; echoSequence: number; echoHeldUs: number },
  ): number | null {
    const { echoSequence } = heartbeat;
    const isRemembered =
      echoSequence > 0 && echoSequence <= this.#sequence && echoSequence > this.#sequence - remembered;
    this.#peerSequence = heartbeat.sequence;
    this.#peerHeardAtMs = nowMs;
    if (!isRemembered) return null;
    const sentAtMs = this.#sentAtMs[echoSequence % remembered] ?? nowMs;
    const rttMs = Math.max(0, nowMs - sentAtMs - heartbeat.echoHeldUs / 1000);
    this.#samples[this.#next] = { rttMs, offsetMs: heartbeat.wallMs + rttMs / 2 - nowWallMs };
    this.#next = (this.#next + 1) % remembered;
    return rttMs;
  }

  /** The sample of the shortest trip of the last eight: the one that queues distorted least. */
  best(): { readonly rttMs: number; readonly offsetMs: number } {
    let best = this.#samples[0];
    if (best === undefined) return { rttMs: 0, offsetMs: 0 };
    for (const sample of this.#samples) if (sample.rttMs < best.rttMs) best = sample;
    return best;
  }
}

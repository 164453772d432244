/** Randomness as an input: cryptographic in production, a seeded stream in the simulator. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). For jitter, never for keys. */
  fraction(): number;
}

/**
 * Signatures for simulations: an authority keeps every signature that it has issued, and one that it has not issued never
 * holds. Nothing that a node can compute is a signature, so none can be forged; signing and verifying cost about a
 * microsecond. Keys are 32 random bytes, signatures and proofs the place of their record and filling.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { equalBytes, toHex } from '../../protocols/shared/bytes.ts';
import type { Random } from '../ports/random.ts';
import type { Signer, Verifier, VrfSigner } from '../ports/signer.ts';
import { SeededRandom } from './seeded-random.ts';

const signatureBytes = 64;
const proofBytes = 80;
const outputBytes = 64;

interface Issued {
  readonly key: PublicKey;
  readonly message: Uint8Array;
  /** The signature or the proof. */
  readonly token: Uint8Array;
}

/** Of one simulation: what another one issued does not hold here. */
export class SignatureAuthority {
  readonly verifier: Verifier;
  readonly #random: Random;
  readonly #keys = new Set<PublicKey>();
  readonly #issued: Issued[] = [];
  /** Places in `#issued` by a hash of key and message: the same message gets the same signature. */
  readonly #places = new Map<number, number[]>();
  readonly #outputs = new Map<Issued, Uint8Array>();

  constructor(random: Random) {
    this.#random = random;
    this.verifier = {
      isAdmissible: (key) => this.#keys.has(key),
      verify: (key, message, signature) => this.#find(key, message, signature, signatureBytes) !== undefined,
      verifyMany: (items) =>
        Promise.resolve(items.map(({ key, message, signature }) => this.verifier.verify(key, message, signature))),
      verifyVrf: (key, input, proof) => Promise.resolve(this.vrfOutput(key, input, proof)),
    };
  }

  /** What the verifier says of a proof, without waiting. */
  vrfOutput(key: PublicKey, input: Uint8Array, proof: Uint8Array): Uint8Array | null {
    const issued = this.#find(key, input, proof, proofBytes);
    return issued === undefined ? null : this.#outputOf(issued);
  }

  createSigner(): Signer {
    const publicKey = this.#createKey();
    return { publicKey, sign: (message) => this.#issue(publicKey, message, signatureBytes).token.slice() };
  }

  createVrfSigner(): VrfSigner {
    const publicKey = this.#createKey();
    return {
      publicKey,
      prove: (input) => {
        const issued = this.#issue(publicKey, input, proofBytes);
        return Promise.resolve({ output: this.#outputOf(issued), proof: issued.token.slice() });
      },
    };
  }

  #createKey(): PublicKey {
    const key = toHex(this.#random.bytes(32)) as PublicKey;
    this.#keys.add(key);
    return key;
  }

  #issue(key: PublicKey, message: Uint8Array, length: number): Issued {
    const hash = hashOf(key, message);
    const places = this.#places.get(hash) ?? [];
    for (const place of places) {
      const known = this.#issued[place];
      if (known?.key === key && known.token.length === length && equalBytes(known.message, message)) return known;
    }
    const issued = { key, message: message.slice(), token: tokenOf(this.#issued.length, hash, length) };
    this.#places.set(hash, [...places, this.#issued.length]);
    this.#issued.push(issued);
    return issued;
  }

  #find(key: PublicKey, message: Uint8Array, token: Uint8Array, length: number): Issued | undefined {
    if (token.length !== length) return undefined;
    const issued = this.#issued[new DataView(token.buffer, token.byteOffset, 4).getUint32(0)];
    const holds = issued?.key === key && equalBytes(issued.token, token) && equalBytes(issued.message, message);
    return holds ? issued : undefined;
  }

  /** A function of key and input alone that nobody can tell before the proof was made. */
  #outputOf(issued: Issued): Uint8Array {
    let output = this.#outputs.get(issued);
    if (output === undefined) {
      output = new SeededRandom(`${issued.key}/${toHex(issued.message)}`).bytes(outputBytes);
      this.#outputs.set(issued, output);
    }
    return output.slice();
  }
}

function tokenOf(place: number, hash: number, length: number): Uint8Array {
  const token = new Uint8Array(length);
  const view = new DataView(token.buffer);
  view.setUint32(0, place);
  for (let at = 4; at < length; at += 4) view.setUint32(at, Math.imul(hash ^ (place + at), 0x9e3779b1) >>> 0);
  return token;
}

/** Finds candidates; what is found is compared byte for byte. */
function hashOf(key: PublicKey, message: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < 16; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  for (const byte of message) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

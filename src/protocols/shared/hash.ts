import type { ChainId, Digest } from './brands.ts';
import { concatBytes, fromHex, toHex, toUtf8 } from './bytes.ts';
import { sha256, sha256Hex } from './sha256.ts';

export { sha256 };

export const toDigest = (bytes: Uint8Array): Digest => toHex(bytes) as Digest;

/**
 * Everything of ours that is signed or hashed under a name. The tag is `bpci/<object>/v<n>` followed by a zero byte,
 * so no tag is a prefix of another.
 */
export type Domain =
  | 'bpci/genesis/v1'
  | 'bpci/block/v1'
  | 'bpci/transaction/v1'
  | 'bpci/proposal/v1'
  | 'bpci/prepare/v1'
  | 'bpci/commit/v1'
  | 'bpci/round-change/v1'
  | 'bpci/validator-possession/v1'
  | 'bpci/validator-set/v1'
  | 'bpci/beacon/v1'
  | 'bpci/link-hello/v1'
  | 'bpci/start-counter/v1'
  | 'bpci/join/v1'
  | 'bpci/log-leaf/v1'
  | 'bpci/result/v1'
  | 'bpci/event/v1'
  | 'bpci/last-commit/v1'
  | 'bpci/key-rotation/v1'
  | 'bpci/court-agreement/v1'
  | 'bpci/court-content/v1'
  | 'bpci/court-case/v1'
  | 'bpci/court-statement/v1'
  | 'bpci/court-draw-seed/v1'
  | 'bpci/court-draw-seat/v1'
  | 'bpci/court-vote/v1'
  | 'bpci/court-reasons/v1'
  | 'bpci/policy-set/v1'
  | 'bpci/fact-set/v1'
  | 'bpci/compiled-policy/v1'
  | 'bpci/policy-request/v1'
  | 'bpci/policy-publication/v1'
  | 'bpci/policy-overlay/v1'
  | 'bpci/traffic-log/v1'
  | 'bpci/traffic-identity/v1'
  | 'bpci/traffic-request/v1'
  | 'bpci/traffic-subject/v1'
  | 'bpci/traffic-discharge/v1'
  | 'bpci/traffic-release/v1'
  | 'bpci/audit-entry/v1'
  | 'bpci/cluster-possession/v1'
  | 'bpci/workload/v1'
  | 'bpci/execution-receipt/v1';

const tags = new Map<Domain, Uint8Array>();

function tagOf(domain: Domain): Uint8Array {
  let tag = tags.get(domain);
  if (tag === undefined) {
    tag = toUtf8(`${domain}\0`);
    tags.set(domain, tag);
  }
  return tag;
}

/** The bytes that are signed: domain tag, chain id (32 bytes), body. A signature never holds in another role or chain. */
export function signingBytes(domain: Domain, chain: ChainId, body: Uint8Array): Uint8Array {
  return concatBytes(tagOf(domain), fromHex(chain), body);
}

/** SHA-256 under a domain tag. */
export function taggedHash(domain: Domain, body: Uint8Array): Digest {
  return sha256Hex(concatBytes(tagOf(domain), body)) as Digest;
}

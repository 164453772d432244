/**
 * A light client: from a validator set that is trusted to a header that is final, without the blocks between. A quorum of a set
 * seals a header that names the next set; the header's roots commit to state and log.
 * Source: ledger design, "Transparency log"; consensus design, "Validator set".
 */
import type { ChainId } from '../shared/brands.ts';
import { type BlockHeader, blockDigest, type Commit } from './block.ts';
import { commitRefusal, sealsToVerify } from './block-limits.ts';
import { type JsonCodec, jsonStruct, jsonUint } from './json-codec.ts';
import { jsonChainId, jsonValidatorSet, type SetChange } from './proof-bundle.ts';
import type { SignatureCheck } from './signed-note.ts';
import { type ValidatorSet, validatorSetHash } from './validator-set.ts';

/** A height up to which everything is trusted, and who decides what comes after it. */
export interface TrustedHeight {
  readonly chainId: ChainId;
  /** 0: genesis. */
  readonly height: number;
  readonly set: ValidatorSet;
  /** For so many blocks more, as the parameters of that height say: validators that left before are bonded no more. */
  readonly trustPeriodBlocks: number;
}

export const trustedHeightCodec: JsonCodec<TrustedHeight> = jsonStruct<TrustedHeight>({
  chainId: jsonChainId,
  height: jsonUint(),
  set: jsonValidatorSet,
  trustPeriodBlocks: jsonUint(),
});

interface SealedHeader {
  readonly header: BlockHeader;
  readonly commit: Commit;
}

/** What is wrong with the seals of a header, or null. Every one must hold, not a quorum of them only: there is no room for junk. */
export function sealsFinding(
  verify: SignatureCheck,
  { header, commit }: SealedHeader,
  set: ValidatorSet,
): string | null {
  const refusal = commitRefusal(commit, header.height, set);
  if (refusal !== null) return `the commit is refused: ${refusal}`;
  const bad = sealsToVerify(header.chainId, header.height, blockDigest(header), commit).find(
    ({ key, message, signature }) => !verify(key, message, signature),
  );
  return bad === undefined ? null : `the seal of ${bad.key} does not hold`;
}

/**
 * Why the header is not one that follows from what is trusted, or null.
 *
 * @param changes headers above the trusted height and below the header whose next set is another one, ascending
 */
export function headerFinding(
  trusted: TrustedHeight,
  changes: readonly SetChange[],
  sealed: SealedHeader,
  verify: SignatureCheck,
): string | null {
  let { height, set } = trusted;
  const step = (next: SealedHeader): string | null => {
    const { header } = next;
    if (header.chainId !== trusted.chainId) return `the header at ${header.height} is of chain ${header.chainId}`;
    if (header.height <= height) return `height ${header.height} follows height ${height}`;
    if (header.validatorsHash !== validatorSetHash(set)) return `height ${header.height} is decided by another set`;
    const finding = sealsFinding(verify, next, set);
    return finding === null ? null : `at height ${header.height}: ${finding}`;
  };
  for (const change of changes) {
    const finding = step(change);
    if (finding !== null) return finding;
    const { header, nextValidators } = change;
    if (header.nextValidatorsHash !== validatorSetHash(nextValidators))
      return `the set after ${header.height} is not the one that its header names`;
    ({ height } = header);
    set = nextValidators;
  }
  return step(sealed);
}

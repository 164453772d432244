/** The court and the policies that a manifest's genesis begins with. The same keys give the same document. */
import type { GenesisCourt } from '../protocols/ledger/modules/court/genesis-court.ts';
import type { GenesisPolicies } from '../protocols/ledger/modules/policies/genesis-policies.ts';
import { compilePolicySet } from '../protocols/policy/compile.ts';
import { encodeContent, namesOf } from '../protocols/policy/content.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { compareText } from '../protocols/shared/bytes.ts';
import type { ManifestChain } from './manifest-network.ts';
import type { NetworkDirectory } from './network-directory.ts';
import { ensureAccountKey } from './network-keys.ts';

type GenesisSettings = NonNullable<ManifestChain['genesis']>;

/** Arbitrators with fresh keys, or those whose key files are there already. Undefined where the manifest asks for none. */
export async function genesisCourt(
  { arbitrators: wanted }: GenesisSettings,
  directory: NetworkDirectory,
  passphrase: string | null,
): Promise<GenesisCourt | undefined> {
  if (wanted === null) return undefined;
  const { count, bond, jurisdictions, languages } = wanted;
  const arbitrators: GenesisCourt['arbitrators'][number][] = [];
  for (let number = 1; number <= count; number++) {
    const account = await ensureAccountKey(directory.accountKeyFile(`arbitrator-${number}`), passphrase);
    arbitrators.push({ account, bond, jurisdictions, languages, affiliations: [] });
  }
  arbitrators.sort((a, b) => compareText(a.account, b.account));
  // Those that are built in hold as they are.
  return { arbitrators, jurisdictions: [] };
}

/**
 * The pack compiled for its own day. Undefined where the manifest asks for none.
 *
 * Rejects with PolicyError where the pack does not compile.
 */
export async function genesisPolicies(
  { policyPack }: GenesisSettings,
  { author, evaluators }: { readonly author: PublicKey | undefined; readonly evaluators: readonly PublicKey[] },
): Promise<GenesisPolicies | undefined> {
  if (policyPack === null || author === undefined) return undefined;
  const { defaultPackDirectory } = await import('./shipped-pack.ts');
  const { readPolicyPack } = await import('./adapters/policy-pack.ts');
  const pack = readPolicyPack(policyPack === 'default' ? defaultPackDirectory : policyPack);
  const { compiledHash } = compilePolicySet(pack.set, pack.facts, pack.asOf);
  const names = namesOf(pack, encodeContent(pack));
  const attesting = [...evaluators].sort(compareText);
  return {
    rule: attesting.length === 0 ? null : { evaluators: attesting, attestationsMin: 1 },
    network: { ...names, tenant: null, author, compiled: compiledHash },
  };
}

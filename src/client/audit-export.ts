/** Gathers a tenant's audit archive from a node of the chain and a traffic light. What it gathers proves itself. */
import type { StateReader } from '../protocols/ledger/view.ts';
import { View } from '../protocols/ledger/view.ts';
import { auditArchiveCodec, auditArchiveFormat, concerns, type ProvedRecord } from '../protocols/audit/archive.ts';
import type { Json } from '../protocols/ledger/json-codec.ts';
import { readJson } from '../protocols/ledger/json-codec.ts';
import { agreementsAt, casesAt, courtStateKeys } from '../protocols/ledger/modules/court/court-queries.ts';
import { publishedSetKey, readSets } from '../protocols/ledger/modules/policies/policies.ts';
import { proofBundleCodec } from '../protocols/ledger/proof-bundle.ts';
import { chainId as toChainId, type Digest, type PublicKey } from '../protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../protocols/shared/bytes.ts';
import { type DecisionProof, decisionProofCodec } from '../protocols/traffic/decision-proof.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';
import type { TrafficClient } from './traffic-client.ts';

export interface ArchiveSources {
  readonly client: ChainClient;
  /** Null: without decisions. */
  readonly light: TrafficClient | null;
}

const pageEntries = 1000;
/** That a light lists at once. */
const decisionsMax = 500;

/** The archive as JSON. Rejects with ClientError. */
export async function exportArchive({ client, light }: ArchiveSources, tenant: PublicKey): Promise<Json> {
  const { chainId } = await client.network();
  const state = await readModules(client, ['agreements', 'court', 'policies']);
  const concerned = agreementsAt(state).filter((agreement) => concerns(agreement, tenant));
  const known = new Set(concerned.map(({ id }) => id));
  const names = tenantNames(concerned, tenant);
  const cases = casesAt(state).filter(({ record }) => known.has(record.agreement));
  const sets = readSets(new View(state)).filter((set) => set.tenant === null || set.tenant === tenant);
  return auditArchiveCodec.toJson({
    format: auditArchiveFormat,
    chainId: toChainId(chainId),
    tenant,
    agreements: await proved(client, concerned, courtStateKeys.stored),
    policySets: await proved(client, sets, publishedSetKey),
    decisions: light === null ? [] : await decisionsOf(light, [tenant, ...names]),
    cases: await proved(client, cases, courtStateKeys.case),
  });
}

/** Under which agreements bind the tenant's account: decisions name tenants as the caller did. */
const tenantNames = (agreements: ReturnType<typeof agreementsAt>, tenant: PublicKey): readonly string[] => [
  ...new Set(
    agreements.flatMap(({ terms }) =>
      terms.bindings.tenants.filter(({ account }) => account === tenant).map(({ name }) => name),
    ),
  ),
];

async function readModules(client: ChainClient, modules: readonly string[]): Promise<StateReader> {
  const entries: [key: string, value: Uint8Array][] = [];
  for (const module of modules) {
    for (let after: string | undefined; ; ) {
      const page = await client.stateEntries(module, { limit: pageEntries, ...(after === undefined ? {} : { after }) });
      for (const { key, value } of page.entries) entries.push([`${module}/${key}`, fromHex(value)]);
      after = page.entries.at(-1)?.key;
      if (!page.more || after === undefined) break;
    }
  }
  const byKey = new Map(entries);
  const decoder = new TextDecoder('latin1');
  return {
    get: (key) => byKey.get(decoder.decode(key)),
    *range(prefix) {
      const text = decoder.decode(prefix);
      for (const [key, value] of entries) if (key.startsWith(text)) yield [toUtf8(key), value];
    },
  };
}

async function proved(
  client: ChainClient,
  records: readonly { readonly id: Digest }[],
  keyOf: (id: Digest) => Uint8Array,
): Promise<readonly ProvedRecord[]> {
  const found: ProvedRecord[] = [];
  for (const { id } of records) {
    const [module = '', ...rest] = new TextDecoder('latin1').decode(keyOf(id)).split('/');
    const { proof } = await client.state(module, rest.join('/'), { proof: true });
    const read = readJson(proofBundleCodec, proof?.bundle);
    if ('problems' in read) throw new ClientError('bad-answer', `the node gave no proof of ${toHex(keyOf(id))}`);
    found.push({ id, proof: read.value });
  }
  return found;
}

async function decisionsOf(light: TrafficClient, tenants: readonly string[]): Promise<readonly DecisionProof[]> {
  const proofs: DecisionProof[] = [];
  for (const tenant of tenants) {
    const decisions = await light.decisions({ tenant, limit: String(decisionsMax) });
    if (decisions.length >= decisionsMax) {
      throw new ClientError(
        'refused',
        `${tenant} has more than ${decisionsMax - 1} decisions, which is more than one archive takes`,
      );
    }
    for (const { id } of decisions as readonly { readonly id: string }[]) {
      const read = readJson(decisionProofCodec, await light.proof(id));
      if ('problems' in read) throw new ClientError('bad-answer', `the light gave no proof of ${id}`);
      proofs.push(read.value);
    }
  }
  return proofs;
}

/** `ChainApi` over the chain of this node: what its HTTP interface and its embedders see. */
import type { Chain } from '../../actors/chain/chain.ts';
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import { setDeciding } from '../../actors/chain/validator-sets.ts';
import type { Finality } from '../../actors/node/finality.ts';
import { genesisToJson } from '../../protocols/ledger/genesis-json.ts';
import { readServices } from '../../protocols/ledger/modules/registry.ts';
import { accountAt, membersAt, protocolVersionAt, rolesAt } from '../../protocols/ledger/queries.ts';
import { View } from '../../protocols/ledger/view.ts';
import { isHex64, type Digest, type PublicKey } from '../../protocols/shared/brands.ts';
import type { ChainApi, ConsensusView, HealthView, ProofOptions } from '../ports/chain-api.ts';
import type { Clock } from '../ports/clock.ts';
import { blockView, eventViews, finalTransactionView, pendingTransactionView } from './chain-views.ts';
import { FinalityWaiters } from './finality-waiters.ts';
import { stateChanges } from './state-changes.ts';
import { stateEntries, stateView } from './state-view.ts';

/** What of the mempool the interface needs. */
interface PoolAccess {
  submit: ChainApi['submit'];
  /** Bytes of a transaction that waits. */
  pending(hash: Digest): Uint8Array | undefined;
  /** Lowest nonce of an account that is neither used in state nor waiting. */
  nextNonce(account: PublicKey): number;
  size(): { readonly count: number; readonly bytes: number };
}

export interface ChainApiParts {
  readonly chain: Chain;
  readonly reader: ChainReader;
  readonly pool: PoolAccess;
  readonly finality: Finality;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly consensus: () => ConsensusView;
  readonly checkpoint: () => Uint8Array | null;
  readonly transactionProof: (hash: Digest, options: ProofOptions) => unknown;
  readonly stateProof: (height: number, key: Uint8Array, options: ProofOptions) => unknown;
  readonly health: () => HealthView;
  readonly readiness: () => HealthView;
  readonly validatorAddresses: ReadonlyMap<PublicKey, { readonly name: string; readonly addresses: readonly string[] }>;
}

export function createChainApi(parts: ChainApiParts): ChainApi {
  const { chain, reader, pool, finality } = parts;
  const waiters = new FinalityWaiters(parts);
  const transaction = (hash: string): ReturnType<ChainApi['transaction']> => {
    if (!isHex64(hash)) return null;
    const final = finalTransactionView(reader, hash as Digest);
    if (final !== null) return final;
    const bytes = pool.pending(hash as Digest);
    return bytes === undefined ? null : pendingTransactionView(bytes);
  };
  return {
    network: () => networkView(parts),
    genesis: () => genesisToJson(chain.genesis),
    submit: (transactions, options) => pool.submit(transactions, options),
    transaction,
    whenFinal: (hash, timeoutMs, signal) =>
      isHex64(hash) ? waiters.wait(hash as Digest, timeoutMs, signal) : Promise.resolve(null),
    transactionProof: (hash, options = {}) => (isHex64(hash) ? parts.transactionProof(hash as Digest, options) : null),
    block: (height) => blockView(reader, height === 'latest' ? chain.tip.height : height),
    account: (key) => accountView(chain, pool, key),
    state: (module, key, options) => stateView(chain, reader, parts.stateProof, { module, key, ...options }),
    stateEntries: (module, after, limit) => stateEntries(chain, module, after, limit),
    stateChanges: (query) => stateChanges(chain, reader, query),
    validators: (height) => validatorViews(chain, height),
    consensus: parts.consensus,
    services: () =>
      readServices(new View(chain.state)).map((service) => ({
        id: service.id,
        kind: service.kind,
        owner: service.owner,
        endpoint: service.endpoints[0] ?? '',
        leaseUntil: service.leaseUntil,
      })),
    logFile: (path) => {
      if (path !== 'checkpoint') return reader.logTile(path, chain.logEdge.size);
      const bytes = parts.checkpoint();
      return bytes === null ? null : { bytes, immutable: false };
    },
    eventsAfter: (afterId, filter, limit) => eventViews(reader, chain.tip.height, afterId, filter, limit),
    lastEventId: () => {
      const height = reader.lastEventHeight();
      return height === undefined ? null : `${height}-${reader.events(height).length - 1}`;
    },
    onBlock: (listener) => finality.subscribe(listener),
    mempool: () => pool.size(),
    health: parts.health,
    readiness: parts.readiness,
    rolesOf: (key) => (isHex64(key) ? rolesAt(chain.state, chain.application, key as PublicKey) : []),
  };
}

function networkView({ chain, validatorAddresses }: ChainApiParts): ReturnType<ChainApi['network']> {
  const { genesis, chainId, tip } = chain;
  const members = membersAt(chain.state);
  return {
    chainId,
    chainName: genesis.chainName,
    genesisHash: chainId,
    protocolVersion: protocolVersionAt(chain.state),
    height: tip.height,
    parameters: { ...tip.parameters },
    validators: tip.set.validators.map(({ publicKey }) => ({
      publicKey,
      name: members.get(publicKey)?.name ?? '',
      addresses: validatorAddresses.get(publicKey)?.addresses ?? [],
    })),
  };
}

function accountView(chain: Chain, pool: PoolAccess, key: string): ReturnType<ChainApi['account']> {
  if (!isHex64(key)) return null;
  const account = accountAt(chain.state, key as PublicKey);
  if (account === undefined) return null;
  return {
    publicKey: key,
    signingKey: account.signingKey,
    balance: String(account.balance),
    bond: String(account.bonded),
    nextNonce: pool.nextNonce(key as PublicKey),
  };
}

function validatorViews(chain: Chain, height: number | undefined): ReturnType<ChainApi['validators']> {
  const next = chain.tip.height + 1;
  if (height !== undefined && height !== next) {
    if (height < 1 || height > next) return null;
    const { validators } = setDeciding(chain.store, chain.genesis, height);
    return validators.map((validator) => ({ ...validator, name: null, bond: null, jailed: null }));
  }
  const members = membersAt(chain.state);
  return chain.tip.set.validators.map(({ publicKey, vrfPublicKey }) => {
    const member = members.get(publicKey);
    return {
      publicKey,
      vrfPublicKey,
      name: member?.name ?? '',
      bond: String(member?.bond ?? 0n),
      jailed: typeof member?.leaving === 'number',
    };
  });
}

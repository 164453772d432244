/** Nodes and services that a launcher starts, with their audit logs. */
import { readFileSync } from 'node:fs';
import { signTransaction } from '../client/transactions.ts';
import { chainIdOf } from '../protocols/ledger/genesis.ts';
import { genesisFromJson } from '../protocols/ledger/genesis-json.ts';
import { chainId as toChainId, type ChainId } from '../protocols/shared/brands.ts';
import { readSigner, showKeyFile } from './adapters/key-files.ts';
import { createNode, type RunningNode } from './node.ts';
import { anchorKind, NodeAudit, type RunningAudited } from './node-audit.ts';
import type { NodeConfig } from './node-config.ts';
import type { HostedNode } from './node-host.ts';
import { type HostedConfig, isServiceConfig, type ServiceConfig } from './service-config.ts';
import { startService } from './service-host.ts';
import type { Signer } from './ports/signer.ts';

const finalWaitMs = 30_000;
const anchorExpiryBlocks = 100;

/** Runs what the configuration describes. Rejects with what its start rejects with, and with AuditLogError. */
export function startAudited(config: HostedConfig): Promise<HostedNode> {
  return isServiceConfig(config) ? startAuditedService(config) : startAuditedNode(config);
}

/** A validator's end is anchored at its next start, since the chain may stop with it. */
async function startAuditedNode(config: NodeConfig): Promise<HostedNode> {
  const chainId = chainOf(config.genesisFile);
  // What is wrong with the genesis is the node's to say.
  if (chainId === null) return createNode(config);
  const { vrfKeyFile } = config;
  const audit = auditOf(config, chainId, vrfKeyFile === null ? [] : [{ keyFile: vrfKeyFile, for: 'beacon' }]);
  const { onRefused, onSetting } = audit;
  return hosted(
    await audit.over(
      () => createNode(config, { onRefused, onSetting }),
      async (node, body) => sendLocally(node, await signerOf(config), chainId, body),
    ),
  );
}

async function startAuditedService(config: ServiceConfig): Promise<HostedNode> {
  const audit = auditOf(config, toChainId(config.chainId), []);
  return hosted(
    await audit.over(
      () => startService(config, audit.onRefused),
      async ({ send }, body) => (await send(anchorKind, body)).code === 'ok',
    ),
  );
}

function auditOf(
  config: HostedConfig,
  chainId: ChainId,
  others: readonly { readonly keyFile: string; readonly for: string }[],
): NodeAudit {
  const { publicKey: node } = showKeyFile(config.keyFile);
  return new NodeAudit({
    ...{ dataDir: config.dataDir, chainId, node, startedWith: config, anchorsEnd: isServiceConfig(config) },
    keys: [
      { key: node, for: 'identity' },
      ...others.map((other) => ({ key: showKeyFile(other.keyFile).publicKey, for: other.for })),
    ],
  });
}

function hosted({ node, failed, stop }: RunningAudited<HostedNode>): HostedNode {
  const { name, addresses, ready } = node;
  return { name, addresses, ready, failed, stop };
}

function chainOf(genesisFile: string): ChainId | null {
  try {
    const read = genesisFromJson(JSON.parse(readFileSync(genesisFile, 'utf8')));
    return 'value' in read ? chainIdOf(read.value) : null;
  } catch {
    return null;
  }
}

/** Of the node's own account. */
const signerOf = ({ keyFile, passphraseVariable }: NodeConfig): Promise<Signer> =>
  readSigner(keyFile, passphraseVariable === null ? null : (process.env[passphraseVariable] ?? null));

/** Whether it became final, and had an effect, before its time was over: what is not anchored now is with the next. */
async function sendLocally({ api }: RunningNode, signer: Signer, chainId: ChainId, body: unknown): Promise<boolean> {
  const account = api.account(signer.publicKey);
  if (account === null) return false;
  const signed = signTransaction(signer, {
    chainId,
    nonce: account.nextNonce,
    expiryHeight: api.network().height + anchorExpiryBlocks,
    kind: anchorKind,
    body,
  });
  await api.submit([signed.bytes]);
  const found = await api.whenFinal(signed.hash, finalWaitMs);
  return found?.result?.code === 'ok';
}

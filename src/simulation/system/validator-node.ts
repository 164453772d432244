/** What a simulated validator runs: the production actors, links, chain and stores of one node. */
import { Chain, type ChainOptions } from '../../actors/chain/chain.ts';
import { contradictionFound } from '../../actors/node/evidence.ts';
import { type Wiring, wireNode, type WiringOptions } from '../../actors/node/wiring.ts';
import type { MachineState } from '../../protocols/ibft/machine-types.ts';
import { chainIdOf, type Genesis } from '../../protocols/ledger/genesis.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { createActorSystem } from '../../runtime/actor-system.ts';
import { createLinks, type LocalLinks } from '../../runtime/links/create-links.ts';
import type { ActorSystem } from '../../runtime/ports/actors.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { LifePorts, SimulatedNode } from './node.ts';

/** What a validator's actors are given. A simulation may give them others, to see what then happens. */
export interface NodePorts extends LifePorts {
  /** The chain's. */
  readonly store: Store;
  /** Guard and consensus journal. */
  readonly records: Store;
}

export interface ValidatorProgram {
  readonly chain: Chain;
  readonly wiring: Wiring;
  readonly links: LocalLinks;
  readonly system: ActorSystem;
}

export type ValidatorNode = SimulatedNode<ValidatorProgram>;

export interface ValidatorBoot {
  readonly genesis: Genesis;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
  readonly onSigned: (node: number, ...signed: Parameters<NonNullable<WiringOptions['onSigned']>>) => void;
  /** Signs without hearing from others after a start. */
  readonly isRash: boolean;
  /** What checks a block on a state. */
  readonly checkBlock: NonNullable<ChainOptions['checkBlock']>;
  /** The links as the node's actors are to have them. */
  readonly linksOf: (node: number, links: LocalLinks) => LocalLinks;
  /** The node's chain is open: what it stands on is known, and what is next to be decided. */
  readonly onOpen: (node: ValidatorNode, chain: Chain) => void;
  /** The node found that a validator contradicts itself. */
  readonly onAccusation: (node: number, offender: PublicKey, height: number) => void;
  /** The node left a round early, because too few could still vote in it. */
  readonly onCutShort: () => void;
  /** A block is final and durable on the node. */
  readonly onFinal: (node: ValidatorNode, height: number) => void;
}

const historyBlocks = 100;

export async function bootValidator(
  node: ValidatorNode,
  life: LifePorts,
  running: (program: ValidatorProgram) => void,
  { genesis, ports, isRash, checkBlock, linksOf, onOpen, onAccusation, onSigned, onCutShort, onFinal }: ValidatorBoot,
): Promise<void> {
  const chainId = chainIdOf(genesis);
  const store = life.open('chain', { kind: 'chain', version: 1, chainId });
  const records = life.open('records', { kind: 'guard', version: 1 });
  const given = ports({ ...life, store, records }, node.index);
  const chain = new Chain({ store: given.store, genesis, signatures: given.verifier, historyBlocks, checkBlock });
  await given.store.durable();
  onOpen(node, chain);
  const own = createLinks({
    ...{ ...given, chainId },
    listenAddress: given.address,
    roles: ['validator'],
    protocolRange: { min: 1, max: 1 },
    authorize: () => false,
  });
  const links = linksOf(node.index, own);
  links.setPeers(given.peers);
  const system = createActorSystem({ ...given, links });
  const accused = accusing(given.telemetry, (offender, height) => onAccusation(node.index, offender, height));
  const wiring: Wiring = wireNode({
    ...{ ...given, chain, system, links },
    telemetry: countingCuts(accused, () => wiring.machine(), onCutShort),
    restoredWholeNetwork: isRash,
    onSigned: (payload, signature) => onSigned(node.index, payload, signature),
  });
  wiring.finality.subscribe((height) => onFinal(node, height));
  running({ chain, wiring, links, system });
  await links.start();
}

function accusing(telemetry: Telemetry, onAccusation: (offender: PublicKey, height: number) => void): Telemetry {
  const { log } = telemetry;
  return {
    ...telemetry,
    log: {
      ...log,
      error: (message, fields, cause) => {
        log.error(message, fields, cause);
        if (message === contradictionFound)
          onAccusation(String(fields?.['offender']) as PublicKey, Number(fields?.['height']));
      },
    },
  };
}

/** A round is counted before the machine's new state can be read: what can be is the one that its time-out has found. */
function countingCuts(telemetry: Telemetry, machine: () => MachineState | null, onCutShort: () => void): Telemetry {
  return {
    ...telemetry,
    counter: (name, description) => {
      const counter = telemetry.counter(name, description);
      if (name !== 'bpci.consensus.rounds') return counter;
      return {
        add: (value, attributes) => {
          counter.add(value, attributes);
          if (attributes?.['cause'] === 'time-out' && machine()?.roundTimer?.phase === 'hopeless') onCutShort();
        },
      };
    },
  };
}

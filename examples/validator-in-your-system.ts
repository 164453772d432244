/**
 * A validator in an actor system of your own, over ports that you made: your stores, your links, your clock. The validator
 * is one actor with its companions below it; yours live beside it.
 *
 *   npx tsx examples/validator-in-your-system.ts
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chainIdOf,
  createActorSystem,
  createLinks,
  createSigner,
  createSystemClock,
  createSystemRandom,
  createVerifier,
  createVrfSigner,
  createWsTransport,
  defineActor,
  type Genesis,
  noTelemetry,
  openLmdbStore,
  possessionSigningBytes,
  spawnValidator,
} from 'bpci';

const directory = mkdtempSync(join(tmpdir(), 'bpci-validator-'));
const seed = randomBytes(32);
const signer = createSigner(seed);
const vrf = createVrfSigner(randomBytes(32));
const verifier = createVerifier();

// A chain of one validator. On a real network the genesis comes from those who run it.
const chainName = 'one-validator';
const possession = signer.sign(possessionSigningBytes(chainName, signer.publicKey, vrf.publicKey));
const genesis: Genesis = {
  chainName,
  time: Date.now(),
  protocolVersion: 1,
  parameters: {
    blockTimeMs: 100,
    emptyBlockPeriodMs: 10_000,
    finalityThreshold: 67,
    roundTimeoutBaseMs: 1000,
    roundTimeoutMaxMs: 60_000,
    voteLapseBlocks: 1000,
    evidenceAgeBlocks: 100_000,
    unbondingBlocks: 200_000,
    trustPeriodBlocks: 100_000,
    checkpointIntervalBlocks: 1,
  },
  validators: [
    { publicKey: signer.publicKey, vrfPublicKey: vrf.publicKey, name: 'validator-1', possession, bond: 1_000_000n },
  ],
  accounts: [],
  governors: [],
  networkAuthority: null,
  previous: null,
};
const chainId = chainIdOf(genesis);

// Your ports.
const shared = { clock: createSystemClock(), random: createSystemRandom(), telemetry: noTelemetry };
const links = createLinks({
  ...{ ...shared, signer, verifier, chainId },
  transport: await createWsTransport(seed),
  listenAddress: '127.0.0.1:0',
  roles: ['validator'],
  protocolRange: { min: 1, max: 1 },
  authorize: () => false,
});
const system = createActorSystem({ ...shared, links });
const store = openLmdbStore({
  directory: join(directory, 'chain'),
  schema: { kind: 'chain', version: 1, chainId },
});
const records = openLmdbStore({ directory: join(directory, 'guard'), schema: { kind: 'guard', version: 1 } });

// Your actor, in the same system.
let onThird: () => void = () => undefined;
const third = new Promise<void>((resolve) => (onThird = resolve));
const witness = system.spawn(
  defineActor<number, { readonly height: number }>({
    name: 'witness',
    initial: () => 0,
    receive: (seen, { height }) => {
      if (height > 3) return seen;
      console.log(`block ${height} is final`);
      if (height === 3) onThird();
      return seen + 1;
    },
  }),
);

// The validator.
const ports = { ...shared, links, store, records, signer, vrf, verifier };
const validator = await spawnValidator(system, ports, { genesis });
validator.api.onBlock((height) => system.tell(witness, { height }));
await links.start();
await validator.ready;
await third;

// It goes; the system and your actor stay.
await validator.stop();
console.log(`the validator has ${await validator.ended}; ${system.stats().actors} actor is left`);

await system.terminate();
await links.stop();
await Promise.all([store.close(), records.close()]);
rmSync(directory, { recursive: true, force: true });

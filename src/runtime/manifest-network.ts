/** What a network manifest contains: the one description of every field. A new role adds its name and its section here. */
import {
  amount,
  choice,
  duration,
  flag,
  listOf,
  object,
  optional,
  required,
  type ShapeDraft,
  type ShapeValue,
  text,
  toJsonSchema,
  whole,
  withDefault,
} from './manifest-shape.ts';
import { builtInJurisdictions } from '../protocols/ledger/modules/court/jurisdictions.ts';
import { serviceRoleNames, serviceSections } from './manifest-services.ts';
import { chainRoles } from './node-config.ts';

const namePattern = '^[a-z][a-z0-9-]{0,62}$';
const nameAllowed = 'lower-case letters, digits and dashes, beginning with a letter, at most 63';
const keyPattern = '^[0-9a-f]{64}$';
const keyAllowed = 'an ed25519 public key: 64 lower-case hex digits';
const hostAllowed = 'an IP address, a DNS name, or the name of one of spec.hosts';
const hostPattern = '^[0-9A-Za-z][0-9A-Za-z.:-]{0,252}$|^::[0-9A-Fa-f:]*$';

const path = (about: string) => text(about, 'a path');
const port = (about: string) => whole(about, 1, 65535);
const blocks = (about: string, min = 1) => whole(about, min, 1_000_000_000);
const logLevels = ['debug', 'info', 'warn', 'error'] as const;

const restart = object('How often a crashed process is started again before it is declared failed.', {
  max: withDefault(whole('Restarts allowed within the window.', 0, 1000), 5),
  within: withDefault(duration('The window.'), '1m'),
});

const certificate = object("The operator's own certificate for HTTP, instead of one of the network's authority.", {
  certificateFile: required(path('PEM file: certificate chain.')),
  keyFile: required(path('PEM file: private key.')),
});

const genesis = object('What the chain starts with. Used once, when a fresh data directory is prepared.', {
  faucet: withDefault(amount('Balance of the faucet account, minor units; 0 makes none.'), 0),
  validatorBond: withDefault(amount('Bond of every validator, minor units.'), 1_000_000),
  accounts: withDefault(
    listOf(
      'Accounts with a balance.',
      object('An account.', {
        name: required(
          text('Its key file is made under DATA/accounts when no publicKey is given.', nameAllowed, namePattern),
        ),
        publicKey: optional(text('The holder’s key.', keyAllowed, keyPattern)),
        balance: required(amount('Minor units.')),
      }),
    ),
    [],
  ),
  arbitrators: optional(
    object('Arbitrators of the court. Their key files are made under DATA/accounts: arbitrator-1.key, …', {
      count: withDefault(whole('How many.', 1, 1000), 15),
      bond: withDefault(amount('Bond of each, minor units; it weighs in the draw.'), 100_000_000),
      jurisdictions: withDefault(
        listOf('Where they may sit.', text('A jurisdiction.', nameAllowed, namePattern), { distinct: true }),
        [...builtInJurisdictions],
      ),
      languages: withDefault(
        listOf('That they read.', text('A language.', 'a code such as en', '^[a-z]{2,3}$'), { distinct: true }),
        ['en', 'de'],
      ),
    }),
  ),
  policyPack: optional(path('Directory of the policy pack in force from the first block; `default`: the one shipped.')),
  governors: withDefault(
    listOf(
      'Accounts that may propose changes. Where empty, an operator account is made.',
      text('A governor.', keyAllowed, keyPattern),
      { distinct: true },
    ),
    [],
  ),
});

const chain = object('Parameters of the chain. They are part of the genesis: an existing chain keeps its own.', {
  consensus: withDefault(choice('The consensus protocol.', ['ibft']), 'ibft'),
  profile: withDefault(
    choice('mainnet: at least 4 validators. devnet: any number, for development.', ['mainnet', 'devnet']),
    'mainnet',
  ),
  blockTime: withDefault(duration('Least time between blocks; 0 makes blocks on demand.'), '2s'),
  emptyBlockPeriod: withDefault(duration('With blockTime 0: an empty block after this long.'), '10s'),
  finalityThreshold: withDefault(
    whole('Percent of validators whose seals decide; never below two thirds.', 1, 100),
    67,
  ),
  roundTimeout: withDefault(duration('Time-out of the first rounds.'), '1s'),
  roundTimeoutMax: withDefault(duration('Longest time-out of a round.'), '1m'),
  voteLapseBlocks: withDefault(blocks('A proposed validator change lapses after this many blocks.'), 1000),
  evidenceAgeBlocks: withDefault(blocks('Evidence older than this is refused.'), 100_000),
  unbondingBlocks: withDefault(blocks('A bond is returned after this many blocks.'), 200_000),
  trustPeriodBlocks: withDefault(blocks('A proof needs a trusted header younger than this.'), 100_000),
  checkpointIntervalBlocks: withDefault(blocks('Validators cosign a checkpoint every so many blocks.'), 1),
  genesisFile: withDefault(
    path('Where a copy of genesis.json is put for verifiers, from the working directory.'),
    'genesis.json',
  ),
  genesis: optional(genesis),
});

const settings = {
  dataDir: path('Directory of the network’s data, from the working directory; every node has its own in it.'),
  host: text('Where nodes run and listen.', hostAllowed, hostPattern),
  tls: flag('TLS on HTTP listeners. Plain HTTP is allowed on loopback only.'),
  logLevel: choice('Least severity that is logged.', logLevels),
  historyBlocks: blocks('Heights of state history kept for proofs of older states.', 0),
  otlpEndpoint: text('OTLP endpoint for traces.', 'a URL beginning with http:// or https://', '^https?://.+$'),
  signatureLog: flag('Every consensus signature of a validator is written to signatures.jsonl before it leaves.'),
  passphraseVariable: text(
    'Environment variable that holds the passphrase of the key files; absent: keys are not encrypted.',
    'a name of an environment variable',
    '^[A-Za-z_][A-Za-z0-9_]*$',
  ),
};

const defaults = object('Settings of every node that does not say otherwise.', {
  dataDir: withDefault(settings.dataDir, './data'),
  host: withDefault(settings.host, '127.0.0.1'),
  tls: withDefault(settings.tls, true),
  certificate: optional(certificate),
  restart: withDefault(restart, {}),
  logLevel: withDefault(settings.logLevel, 'info'),
  historyBlocks: withDefault(settings.historyBlocks, 1000),
  otlpEndpoint: optional(settings.otlpEndpoint),
  signatureLog: withDefault(settings.signatureLog, false),
  passphraseVariable: optional(settings.passphraseVariable),
});

const host = object('A machine that nodes run on.', {
  name: required(text('Named by nodes and by `mainnet up --host`.', nameAllowed, namePattern)),
  address: required(text('Where other machines reach it.', 'an IP address or a DNS name', hostPattern)),
  listen: optional(text('Address to bind, where it differs.', 'an IP address', hostPattern)),
});

const node = object('A node, or with replicas several alike.', {
  name: required(text('With replicas: validator becomes validator-1, validator-2, …', nameAllowed, namePattern)),
  replicas: withDefault(whole('How many.', 1, 64), 1),
  roles: required(
    listOf('What it runs.', choice('A role.', [...chainRoles, ...serviceRoleNames]), { itemsMin: 1, distinct: true }),
  ),
  host: optional(settings.host),
  process: optional(text('Nodes that name the same process share one.', nameAllowed, namePattern)),
  after: withDefault(
    listOf('Nodes that must be ready before this one starts.', text('A node.', nameAllowed, namePattern), {
      distinct: true,
    }),
    [],
  ),
  ports: required(
    object('Where it listens; replicas take consecutive ports.', {
      link: optional(port('Links from other nodes; validators and followers need it, services have none.')),
      api: optional(port('HTTP API; on the first replica only, unless apiEach.')),
      metrics: optional(port('Prometheus metrics, each replica.')),
    }),
  ),
  apiEach: withDefault(flag('Every replica serves the API, on consecutive ports.'), false),
  inGenesis: withDefault(flag('A validator of the first set. false: it joins later by vote.'), true),
  publicKeys: withDefault(
    listOf(
      'Node keys, one a replica in order, where their key files are on other machines.',
      text('A node key.', keyAllowed, keyPattern),
      { distinct: true },
    ),
    [],
  ),
  tls: optional(settings.tls),
  certificate: optional(certificate),
  restart: optional(restart),
  logLevel: optional(settings.logLevel),
  historyBlocks: optional(settings.historyBlocks),
  otlpEndpoint: optional(settings.otlpEndpoint),
  signatureLog: optional(settings.signatureLog),
  ...serviceSections,
});

export const manifestShape = object('A bpci network over any number of machines.', {
  apiVersion: required(choice('Format of this file.', ['bpci/v1'])),
  kind: required(choice('What this file describes.', ['Network'])),
  metadata: required(
    object('Names.', { name: required(text('Name of the network and its chain.', nameAllowed, namePattern)) }),
  ),
  spec: required(
    object('The network.', {
      chain: withDefault(chain, {}),
      hosts: withDefault(listOf('Machines, where there are several.', host), []),
      defaults: withDefault(defaults, {}),
      nodes: required(listOf('The nodes.', node, { itemsMin: 1 })),
    }),
  ),
});

export type Manifest = ShapeValue<typeof manifestShape>;
export type ManifestDraft = ShapeDraft<typeof manifestShape>;
export type ManifestNodeDraft = ShapeDraft<typeof node>;
export type ManifestChain = ShapeValue<typeof chain>;

/** The document published as schemas/manifest.schema.json. */
export const manifestJsonSchema = (): Record<string, unknown> => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'bpci network manifest',
  ...toJsonSchema(manifestShape),
});

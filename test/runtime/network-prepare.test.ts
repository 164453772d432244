/** Keys, genesis and certificates: made once, never again, and never in contradiction to the manifest. */
import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chainIdOf } from '../../src/protocols/ledger/genesis.ts';
import { application } from '../../src/protocols/ledger/application.ts';
import { genesisProblems, genesisState } from '../../src/protocols/ledger/genesis-state.ts';
import { readActiveSet } from '../../src/protocols/ledger/modules/policies/policies.ts';
import { type StateReader, type StateWrite, View } from '../../src/protocols/ledger/view.ts';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { encodeContent, namesOf } from '../../src/protocols/policy/content.ts';
import { regions } from '../../src/protocols/policy/request.ts';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import { readDefaultPack } from '../../src/runtime/shipped-pack.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { showKeyFile } from '../../src/runtime/adapters/key-files.ts';
import { type LoadedManifest, readManifest } from '../../src/runtime/manifest.ts';
import { ManifestError } from '../../src/runtime/manifest-problems.ts';
import { authorityDigest } from '../../src/runtime/network-authority.ts';
import { networkDirectory } from '../../src/runtime/network-directory.ts';
import { NetworkKeyError } from '../../src/runtime/network-keys.ts';
import {
  createGenesis,
  generateKeys,
  type PreparedNetwork,
  PrepareError,
  prepareNetwork,
} from '../../src/runtime/network-prepare.ts';
import { selectNodes } from '../../src/runtime/network-supervisor.ts';

const stateOf = (writes: readonly StateWrite[]): StateReader => {
  const cells = new Map(writes.flatMap(({ key, value }) => (value === null ? [] : [[toHex(key), value] as const])));
  return { get: (key) => cells.get(toHex(key)), range: () => [] };
};

const now = Date.parse('2026-01-01T00:00:00Z');

describe('preparing a network', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-prepare-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const load = (source: string, dataDir = join(directory, 'data')): LoadedManifest =>
    readManifest(source, 'net.yaml', {
      BPCI_DEFAULTS_DATA_DIR: dataDir,
      BPCI_CHAIN_GENESIS_FILE: join(directory, 'genesis.json'),
    });
  const manifest = (chain = '{ genesis: { faucet: 1000 } }', rest = ''): string => `apiVersion: bpci/v1
kind: Network
metadata: { name: test-net }
spec:
  chain: ${chain}
  nodes:
    - { name: validator, replicas: 4, roles: [validator], ports: { link: 22001, api: 21001 } }
    - { name: follower, roles: [follower], ports: { link: 23001 } }
${rest}`;
  const prepare = (
    loaded: LoadedManifest,
    environment: Record<string, string> = {},
    at = now,
  ): Promise<PreparedNetwork> => prepareNetwork({ loaded, nodes: loaded.nodes, environment, now: at });
  const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => expect.fail('it was accepted'),
      (error: unknown) => error,
    );

  it('makes an acceptable genesis out of fresh keys, private ones readable by their owner only', async () => {
    const { genesis, directory: files, isNew, configs } = await prepare(load(manifest()));
    expect(isNew).to.equal(true);
    expect(genesisProblems(genesis, createVerifier(), { devnet: false })).to.deep.equal([]);
    expect(genesis.validators).to.have.length(4);
    expect(genesis.accounts).to.deep.equal([
      { publicKey: showKeyFile(files.accountKeyFile('faucet')).publicKey, balance: 1000n },
    ]);
    expect(genesis.governors).to.deep.equal([showKeyFile(files.accountKeyFile('operator')).publicKey]);
    for (const config of configs) {
      expect(statSync(config.keyFile).mode & 0o777).to.equal(0o600);
      expect(config.peers).to.have.length(4);
      expect(config.vrfKeyFile === null).to.equal(config.roles.includes('follower'));
    }
    expect(readFileSync(join(directory, 'genesis.json'), 'utf8')).to.equal(readFileSync(files.genesisFile, 'utf8'));
  });

  it('seeds arbitrators, the policy set and an account for every service and reviewer; the same keys give the same', async () => {
    const governed = manifest(
      '{ genesis: { arbitrators: { count: 15, bond: 5 }, policyPack: default } }',
      `    - { name: judge, roles: [court], ports: { api: 21002 }, court: { jurisdiction: delaware } }
    - { name: engine, roles: [policy], ports: { api: 21003 } }
    - { name: light, roles: [traffic], ports: { api: 21004 }, traffic: { reviewers: [{ role: reviewer, account: officer }] } }\n`,
    );
    const { genesis, directory: files, services, configs } = await prepare(load(governed));
    expect(genesisProblems(genesis, createVerifier(), { devnet: false })).to.deep.equal([]);
    const keys = Array.from(
      { length: 15 },
      (_, i) => showKeyFile(files.accountKeyFile(`arbitrator-${i + 1}`)).publicKey,
    );
    expect(genesis.court?.arbitrators.map(({ account }) => account)).to.have.members(keys);
    const [judge, engine, light] = ['judge', 'engine', 'light'].map(
      (name) => showKeyFile(files.node(name).keyFile).publicKey,
    );
    const officer = showKeyFile(files.accountKeyFile('officer')).publicKey;
    expect(genesis.accounts.map(({ publicKey }) => publicKey)).to.include.members([judge, engine, light, officer]);
    expect(genesis.policies?.rule).to.deep.equal({ evaluators: [engine], attestationsMin: 1 });
    const view = new View(stateOf(genesisState(application, genesis).stateWrites));
    const pack = readDefaultPack();
    expect(readActiveSet(view, null)).to.include({
      ...namesOf(pack, encodeContent(pack)),
      compiled: compilePolicySet(pack.set, pack.facts, pack.asOf).compiledHash,
      activeFrom: 1,
    });
    expect(configs).to.have.length(5);
    expect(services.map(({ role, apiAddress }) => [role, apiAddress])).to.deep.equal([
      ['court', '127.0.0.1:21002'],
      ['policy', '127.0.0.1:21003'],
      ['traffic', '127.0.0.1:21004'],
    ]);
    expect(services[2]?.endpoints).to.deep.equal({
      bpci: 'http://127.0.0.1:21001',
      services: {
        court: 'http://127.0.0.1:21002',
        policy: 'http://127.0.0.1:21003',
        traffic: 'http://127.0.0.1:21004',
      },
    });
    expect(services[0]?.settings).to.deep.equal({
      ...{ name: 'court-1', jurisdiction: 'delaware', arbitrationThreshold: 200, legalFramework: 'v1.0' },
    });
    expect(services[1]?.settings).to.deep.include({ geographicRegions: [...regions] });
    expect(services[2]?.settings).to.deep.include({
      reviewers: [{ role: 'reviewer', account: null, publicKey: officer }],
    });
    // What a child process reads is what was meant.
    expect(JSON.parse(JSON.stringify(services))).to.deep.equal(services);
    rmSync(files.genesisFile);
    expect((await prepare(load(governed))).chainId).to.equal(chainIdOf(genesis));
  });

  it('gives a file for signatures to the nodes that are to have one', async () => {
    const text = manifest().replace('roles: [validator]', 'roles: [validator], signatureLog: true');
    const { directory: files, configs } = await prepare(load(text));
    expect(configs.map(({ signatureLog }) => signatureLog)).to.deep.equal(
      configs.map(({ name, roles }) => (roles.includes('validator') ? files.node(name).signatureLog : null)),
    );
  });

  it('issues HTTP certificates of an authority that the genesis names', async () => {
    const { genesis, directory: files, configs } = await prepare(load(manifest()));
    const authorityPem = readFileSync(files.authorityFile, 'utf8');
    expect(genesis.networkAuthority).to.equal(authorityDigest(authorityPem));
    const certificate = new X509Certificate(readFileSync(configs[0]?.http?.certificateFile ?? '', 'utf8'));
    expect(certificate.verify(new X509Certificate(authorityPem).publicKey)).to.equal(true);
    expect(certificate.checkIP('127.0.0.1')).to.equal('127.0.0.1');
    expect(statSync(files.authorityKeyFile).mode & 0o777).to.equal(0o600);
    expect(configs[4]?.http).to.equal(null);
  });

  it('continues with what is there: same chain, same keys, same certificates', async () => {
    const first = await prepare(load(manifest()));
    const certificate = readFileSync(first.configs[0]?.http?.certificateFile ?? '', 'utf8');
    const second = await prepare(load(manifest()), {}, now + 1000);
    expect(second.isNew).to.equal(false);
    expect(second.chainId).to.equal(first.chainId);
    expect(second.configs).to.deep.equal(first.configs);
    expect(readFileSync(second.configs[0]?.http?.certificateFile ?? '', 'utf8')).to.equal(certificate);
  });

  it('renews a certificate that is near its end', async () => {
    const first = await prepare(load(manifest()));
    const file = first.configs[0]?.http?.certificateFile ?? '';
    const before = new X509Certificate(readFileSync(file, 'utf8'));
    await prepare(load(manifest()), {}, now + 350 * 24 * 3_600_000);
    const after = new X509Certificate(readFileSync(file, 'utf8'));
    expect(Date.parse(after.validTo)).to.be.greaterThan(Date.parse(before.validTo));
    expect(after.publicKey.equals(before.publicKey)).to.equal(true);
  });

  it('refuses a manifest that contradicts the chain, naming every difference', async () => {
    await prepare(load(manifest()));
    const changed = manifest('{ blockTime: 1s, finalityThreshold: 75 }').replace('replicas: 4', 'replicas: 5');
    const error = await rejection(prepare(load(changed)));
    expect(error).to.be.instanceOf(ManifestError);
    const { problems } = error as ManifestError;
    expect(problems.map(({ code, path }) => `${code} ${path}`)).to.have.members([
      'genesis-differs spec.chain.blockTime',
      'genesis-differs spec.chain.finalityThreshold',
      'genesis-differs spec.nodes',
    ]);
    expect(problems.find(({ path }) => path === 'spec.chain.blockTime')).to.include({ found: '1s', allowed: '2s' });
  });

  it('refuses to go on when a key that the chain knows is missing, instead of making another', async () => {
    const { configs } = await prepare(load(manifest()));
    rmSync(configs[2]?.keyFile ?? '');
    const error = await rejection(prepare(load(manifest())));
    expect(error).to.be.instanceOf(NetworkKeyError).with.property('code', 'missing-key');
    expect(existsSync(configs[2]?.keyFile ?? '')).to.equal(false);
  });

  it('refuses the key of another node', async () => {
    const { configs } = await prepare(load(manifest()));
    cpSync(configs[0]?.keyFile ?? '', configs[1]?.keyFile ?? '');
    const error = await rejection(prepare(load(manifest())));
    expect(error).to.be.instanceOf(NetworkKeyError).with.property('code', 'wrong-key');
  });

  it('lets a follower and a later validator join an existing chain', async () => {
    const { chainId } = await prepare(load(manifest()));
    const grown = manifest(
      undefined,
      `    - { name: newcomer, roles: [validator], inGenesis: false, ports: { link: 24001 } }\n`,
    );
    const second = await prepare(load(grown));
    expect(second.chainId).to.equal(chainId);
    expect(second.configs.map(({ name }) => name)).to.include('newcomer');
    expect(second.genesis.validators).to.have.length(4);
  });

  it('encrypts the key files under the passphrase, and refuses to start without it', async () => {
    const loaded = load(manifest(undefined, '  defaults: { passphraseVariable: NET_SECRET }\n'));
    const error = await rejection(prepare(loaded));
    expect(error).to.have.property('code', 'passphrase-missing');
    const { configs } = await prepare(loaded, { NET_SECRET: 'open sesame' });
    expect(showKeyFile(configs[0]?.keyFile ?? '').encrypted).to.equal(true);
    expect(configs[0]?.passphraseVariable).to.equal('NET_SECRET');
  });

  it('sets a genesis of another chain aside instead of overwriting it', async () => {
    const first = await prepare(load(manifest()));
    const text = readFileSync(first.genesisCopy, 'utf8');
    await prepare(load(manifest(), join(directory, 'other')), {}, now + 1);
    expect(readFileSync(join(directory, `genesis-${first.chainId.slice(0, 8)}.json`), 'utf8')).to.equal(text);
  });

  it('does not invent a genesis where the manifest has none', async () => {
    const error = await rejection(prepare(load(manifest('{}'))));
    expect(error).to.be.instanceOf(PrepareError).with.property('code', 'no-genesis');
  });

  it('names what is wrong with a damaged genesis', async () => {
    const { directory: files } = await prepare(load(manifest()));
    writeFileSync(files.genesisFile, readFileSync(files.genesisFile, 'utf8').replace('"chainName"', '"chainNam"'));
    const error = await rejection(prepare(load(manifest())));
    expect(error).to.be.instanceOf(PrepareError).with.property('code', 'bad-genesis');
    expect((error as Error).message).to.include('chainName');
  });
});

describe('preparing a network of three hosts', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bpci-hosts-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const source = readFileSync('nodes/three-hosts.yaml', 'utf8');
  const loadFor = (host: string): LoadedManifest =>
    readManifest(source, 'three-hosts.yaml', {
      BPCI_DEFAULTS_DATA_DIR: join(directory, host),
      BPCI_CHAIN_GENESIS_FILE: join(directory, host, 'genesis.json'),
    });
  const inputs = (host: string) => {
    const loaded = loadFor(host);
    return { loaded, nodes: selectNodes(loaded, host), environment: {}, now };
  };

  it('never moves a private key: identities go to one machine, the network directory comes back', async () => {
    const hosts = ['alpha', 'beta', 'gamma'];
    for (const host of hosts) await generateKeys(inputs(host));
    const alpha = networkDirectory(join(directory, 'alpha'));
    for (const { name, host } of loadFor('alpha').nodes) {
      const from = networkDirectory(join(directory, host.name)).node(name).identityFile;
      const to = alpha.node(name).identityFile;
      if (from !== to) cpSync(from, to);
    }
    const genesis = await createGenesis(inputs('alpha'));
    const chainIds = [];
    for (const host of hosts) {
      const files = networkDirectory(join(directory, host));
      if (host !== 'alpha') {
        for (const file of [alpha.genesisFile, alpha.peersFile, alpha.authorityFile]) {
          cpSync(file, file.replace(alpha.root, files.root));
        }
        for (const { name } of selectNodes(loadFor(host), host)) {
          cpSync(alpha.node(name).certificateFile, files.node(name).certificateFile);
        }
        expect(existsSync(files.authorityKeyFile)).to.equal(false);
      }
      const prepared = await prepareNetwork(inputs(host));
      chainIds.push(prepared.chainId);
      for (const config of prepared.configs) expect(config.peers).to.have.length(7);
    }
    expect(chainIds).to.deep.equal(hosts.map(() => chainIdOf(genesis)));
    expect(existsSync(alpha.node('beta-validator-1').keyFile)).to.equal(false);
  });

  it('names the identities that are missing', async () => {
    await generateKeys(inputs('alpha'));
    try {
      await createGenesis(inputs('alpha'));
      expect.fail('a genesis without all validators was made');
    } catch (error) {
      expect(error).to.be.instanceOf(PrepareError).with.property('code', 'missing-identity');
      expect((error as Error).message)
        .to.include('nodes/beta-validator-1/identity.json')
        .and.include('5 nodes');
    }
  });

  it('names the nodes whose keys are not known on a machine', async () => {
    const all = { ...inputs('alpha'), nodes: loadFor('alpha').nodes };
    await generateKeys(all);
    await createGenesis(all);
    const files = networkDirectory(join(directory, 'alpha'));
    rmSync(files.peersFile);
    renameSync(files.node('gamma-follower').root, join(directory, 'away'));
    try {
      await prepareNetwork(inputs('alpha'));
      expect.fail('an unknown peer was accepted');
    } catch (error) {
      const { problems } = error as ManifestError;
      expect(problems.map(({ code, path }) => `${code} ${path}`)).to.deep.equal([
        'missing-key spec.nodes[3].publicKeys',
      ]);
    }
  });
});

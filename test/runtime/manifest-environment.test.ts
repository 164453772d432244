/** Overrides from the environment, and where each value in force comes from. */
import { expect } from 'chai';
import { effectiveValues } from '../../src/cli/mainnet/config.ts';
import { loadManifest } from '../../src/runtime/manifest.ts';
import { ManifestError } from '../../src/runtime/manifest-problems.ts';

const file = 'nodes/three-hosts.yaml';
const sourceOf = (environment: Record<string, string>, path: string): string | undefined =>
  effectiveValues(loadManifest(file, environment)).find((value) => value.path === path)?.source;

describe('environment overrides', () => {
  it('reach every part of the manifest by the path of the value', () => {
    const { manifest, nodes } = loadManifest(file, {
      BPCI_METADATA_NAME: 'other',
      BPCI_CHAIN_BLOCK_TIME: '500ms',
      BPCI_CHAIN_GENESIS_FAUCET: '7',
      BPCI_DEFAULTS_DATA_DIR: '/elsewhere',
      BPCI_DEFAULTS_RESTART_MAX: '2',
      BPCI_HOSTS_BETA_ADDRESS: '10.0.0.2',
      BPCI_NODES_ALPHA_VALIDATOR_PORTS_LINK: '23001',
      BPCI_NODES_GAMMA_FOLLOWER_AFTER: '[beta-validator]',
      BPCI_NODES_GAMMA_FOLLOWER_LOG_LEVEL: 'debug',
    });
    expect(manifest.metadata.name).to.equal('other');
    expect(manifest.spec.chain.blockTime).to.equal(500);
    expect(manifest.spec.chain.genesis?.faucet).to.equal(7n);
    expect(manifest.spec.defaults.dataDir).to.equal('/elsewhere');
    expect(manifest.spec.defaults.restart.max).to.equal(2);
    expect(nodes[0]?.linkPort).to.equal(23001);
    expect(nodes.find((node) => node.name === 'beta-validator-1')?.host.address).to.equal('10.0.0.2');
    const follower = nodes.find((node) => node.name === 'gamma-follower');
    expect(follower?.after).to.deep.equal(['beta-validator-1', 'beta-validator-2']);
    expect(follower?.logLevel).to.equal('debug');
  });

  it('make sections that the file does not have', () => {
    const { manifest } = loadManifest(file, {
      BPCI_DEFAULTS_CERTIFICATE_CERTIFICATE_FILE: 'a.pem',
      BPCI_DEFAULTS_CERTIFICATE_KEY_FILE: 'b.pem',
    });
    expect(manifest.spec.defaults.certificate).to.deep.equal({ certificateFile: 'a.pem', keyFile: 'b.pem' });
  });

  it('are checked like values of the file, and named by their variable', () => {
    const environment = { BPCI_CHAIN_BLOCK_TIME: 'soon', BPCI_CHAIN_FINALITY_TRESHOLD: '70' };
    try {
      loadManifest(file, environment);
      expect.fail('two bad overrides were accepted');
    } catch (error) {
      const { message } = error as ManifestError;
      expect(error).to.be.instanceOf(ManifestError);
      expect(message).to.include('environment variable BPCI_CHAIN_BLOCK_TIME');
      expect(message).to.include('did you mean BPCI_CHAIN_FINALITY_THRESHOLD?');
    }
  });

  it('may be those that other programs know: the collector of traces, unless ours names another', () => {
    const common = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
    const endpoints = (environment: Record<string, string>): readonly (string | null)[] =>
      loadManifest(file, environment).nodes.map(({ otlpEndpoint }) => otlpEndpoint);
    expect(new Set(endpoints(common))).to.deep.equal(new Set(['http://127.0.0.1:4318']));
    const both = { BPCI_DEFAULTS_OTLP_ENDPOINT: 'http://127.0.0.1:9', ...common };
    expect(new Set(endpoints(both))).to.deep.equal(new Set(['http://127.0.0.1:9']));
    expect(sourceOf(common, 'spec.defaults.otlpEndpoint')).to.equal('environment variable OTEL_EXPORTER_OTLP_ENDPOINT');
  });

  it('leave variables of other purposes alone', () => {
    expect(() => loadManifest(file, { BPCI_ENDPOINT: 'http://x', BPCI_PASSPHRASE: 's' })).to.not.throw();
  });
});

describe('the source of each value', () => {
  it('is the file and line, the variable, or the default', () => {
    const environment = { BPCI_CHAIN_FINALITY_THRESHOLD: '70' };
    expect(sourceOf(environment, 'spec.chain.blockTime')).to.match(/^nodes\/three-hosts\.yaml:\d+:\d+$/);
    expect(sourceOf(environment, 'spec.chain.finalityThreshold')).to.equal(
      'environment variable BPCI_CHAIN_FINALITY_THRESHOLD',
    );
    expect(sourceOf(environment, 'spec.chain.roundTimeout')).to.equal('default');
    expect(sourceOf(environment, 'spec.defaults.restart.max')).to.equal('default');
  });

  it('is given for every scalar in force', () => {
    const values = effectiveValues(loadManifest(file, {}));
    expect(values.every(({ value }) => value !== undefined)).to.equal(true);
    expect(values.map(({ path }) => path)).to.include.members([
      'apiVersion',
      'spec.nodes[3].ports.link',
      'spec.hosts[2].address',
    ]);
  });
});

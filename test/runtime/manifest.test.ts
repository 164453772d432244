/** Manifests: what is shipped is valid, replicas become nodes, and everything that is wrong is found at once. */
import { expect } from 'chai';
import { loadManifest, readManifest } from '../../src/runtime/manifest.ts';
import { serviceRoleNames } from '../../src/runtime/manifest-services.ts';
import { ManifestError, type Problem } from '../../src/runtime/manifest-problems.ts';
import { formatDuration, parseDuration } from '../../src/runtime/manifest-shape.ts';

const head = 'apiVersion: bpci/v1\nkind: Network\nmetadata: { name: test }\n';
const validators = (count: number, rest = ''): string =>
  `    - { name: validator, replicas: ${count}, roles: [validator], ports: { link: 22001 }${rest} }\n`;
const manifest = (spec: string): string => `${head}spec:\n${spec}`;

function problemsOf(source: string, environment: Record<string, string> = {}): readonly Problem[] {
  try {
    readManifest(source, 'net.yaml', environment);
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
  return [];
}

/** Code, path and line of each. */
const brief = (problems: readonly Problem[]): readonly string[] =>
  problems.map(({ code, path, origin }) => `${code} ${path} ${origin.kind === 'file' ? origin.line : origin.kind}`);

describe('shipped manifests', () => {
  it('mainnet: seven validators on consecutive ports, the API on the first, each its own process', () => {
    const { nodes: all, manifest: read } = loadManifest('nodes/mainnet.yaml', {});
    const nodes = all.filter(({ service }) => service === null);
    expect(nodes.map((node) => node.name)).to.deep.equal([1, 2, 3, 4, 5, 6, 7].map((n) => `validator-${n}`));
    expect(nodes.map((node) => node.linkPort)).to.deep.equal([22001, 22002, 22003, 22004, 22005, 22006, 22007]);
    expect(nodes.map((node) => node.apiPort)).to.deep.equal([21001, null, null, null, null, null, null]);
    expect(nodes[0]?.metricsPort).to.equal(21101);
    expect(new Set(nodes.map((node) => node.process)).size).to.equal(7);
    expect(read.spec.chain.blockTime).to.equal(2000);
    expect(read.spec.chain.finalityThreshold).to.equal(67);
  });

  it('devnet: four validators in one process, 200 ms blocks', () => {
    const { nodes, manifest: read } = loadManifest('nodes/devnet.yaml', {});
    expect(nodes.map((node) => node.process)).to.deep.equal(['devnet', 'devnet', 'devnet', 'devnet']);
    expect(read.spec.chain.blockTime).to.equal(200);
  });

  it('mainnet: services on their known ports, after what they follow', () => {
    const services = loadManifest('nodes/mainnet.yaml', {}).nodes.filter(({ service }) => service !== null);
    const ports = { court: 21002, policy: 21003, traffic: 21004, enc: 21010, docklock: 21020 };
    for (const { service, apiPort, linkPort, after } of services) {
      expect(apiPort).to.equal(service === null ? 0 : ports[service.role]);
      expect(linkPort).to.equal(null);
      expect(after).to.include('validator-1');
    }
    expect(services.map(({ service }) => service?.role)).to.have.members(serviceRoleNames);
  });

  it('three hosts: the same ports on each host do not collide', () => {
    const { nodes } = loadManifest('nodes/three-hosts.yaml', {});
    expect([...new Set(nodes.map((node) => node.host.name))]).to.deep.equal(['alpha', 'beta', 'gamma']);
    expect(nodes.filter((node) => node.linkPort === 22001)).to.have.length(3);
    expect(nodes.filter((node) => node.roles.includes('validator'))).to.have.length(7);
  });
});

describe('expansion of nodes', () => {
  it('puts the API on every replica with apiEach', () => {
    const { nodes } = readManifest(
      manifest(
        '  nodes:\n    - { name: v, replicas: 4, roles: [validator], apiEach: true, ports: { link: 1000, api: 2000 } }\n',
      ),
      'net.yaml',
      {},
    );
    expect(nodes.map((node) => node.apiPort)).to.deep.equal([2000, 2001, 2002, 2003]);
  });

  it('waits for every replica of a named group, or for one of them', () => {
    const follower = (name: string, port: number, after: string): string =>
      `    - { name: ${name}, roles: [follower], after: [${after}], ports: { link: ${port} } }\n`;
    const source = manifest(
      `  nodes:\n${validators(4)}${follower('a', 1, 'validator')}${follower('b', 2, 'validator-2')}`,
    );
    const { nodes } = readManifest(source, 'net.yaml', {});
    expect(nodes[4]?.after).to.deep.equal(['validator-1', 'validator-2', 'validator-3', 'validator-4']);
    expect(nodes[5]?.after).to.deep.equal(['validator-2']);
  });

  it('lets a node override the defaults and resolves hosts to addresses', () => {
    const source = manifest(
      `  hosts: [{ name: alpha, address: alpha.example, listen: 0.0.0.0 }]\n  defaults: { host: alpha, logLevel: warn }\n  nodes:\n${validators(4, ', logLevel: debug, restart: { max: 1, within: 10s }')}`,
    );
    const [node] = readManifest(source, 'net.yaml', {}).nodes;
    expect(node?.host).to.deep.equal({ name: 'alpha', address: 'alpha.example', listen: '0.0.0.0' });
    expect(node?.logLevel).to.equal('debug');
    expect(node?.restart).to.deep.equal({ max: 1, withinMs: 10_000 });
  });
});

describe('durations', () => {
  for (const [text, milliseconds] of [
    ['200ms', 200],
    ['2s', 2000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    [0, 0],
    ['0s', 0],
  ] as const) {
    it(`${text} is ${milliseconds} ms`, () => expect(parseDuration(text)).to.equal(milliseconds));
  }
  for (const text of ['2', '2 s', '-1s', '1.5s', '2S', 's', '', '1d', 2, true, null, '9999999999s']) {
    it(`${JSON.stringify(text)} is no duration`, () => expect(parseDuration(text)).to.equal(null));
  }
  it('are written back in the largest whole unit', () => {
    expect([90_000, 120_000, 1500, 0, 7_200_000].map(formatDuration)).to.deep.equal([
      '90s',
      '2m',
      '1500ms',
      '0ms',
      '2h',
    ]);
  });
});

describe('problems of a manifest', () => {
  it('are all found in one pass, in file order, with what was found and what is allowed', () => {
    const source = `${head}spec:
  chain: { blokTime: 2s, roundTimeout: 2 parsecs, finalityThreshold: 90 }
  defaults: { host: 10.0.0.1, tls: false, dataDir: 7 }
  nodes:
    - { name: validator, replicas: 3, roles: [validator], ports: { link: 22001, api: 22002 }, after: [cuort] }
    - { name: b, roles: [follower], ports: { api: 80 } }
    - { name: validator-2, roles: [follwer], ports: { link: 70000 } }
    - name: c
      name: d
`;
    const problems = problemsOf(source, { BPCI_CHAIN_BLOK_TIME: '3s' });
    expect(brief(problems)).to.include.members([
      'unknown-field spec.chain.blokTime 5',
      'bad-duration spec.chain.roundTimeout 5',
      'plain-http spec.defaults.tls 6',
      'bad-value spec.defaults.dataDir 6',
      'duplicate-port spec.nodes[0].ports.link 8',
      'unknown-node spec.nodes[0].after 8',
      'missing-field spec.nodes[1].ports.link 9',
      'bad-value spec.nodes[2].roles[0] 10',
      'bad-value spec.nodes[2].ports.link 10',
      'duplicate-name spec.nodes[2].name 10',
      'duplicate-field spec.nodes[3].name 12',
      'missing-field spec.nodes[3].roles 11',
      'unknown-variable BPCI_CHAIN_BLOK_TIME environment',
    ]);
    const lines = problems.map(({ origin }) => (origin.kind === 'file' ? origin.line : 999));
    expect(lines).to.deep.equal([...lines].sort((a, b) => a - b));
  });

  it('are one readable report', () => {
    try {
      readManifest(manifest(`  chain: { blokTime: 2s }\n  nodes:\n${validators(3)}`), 'net.yaml', {});
      expect.fail('a manifest with two problems was accepted');
    } catch (error) {
      expect((error as Error).message).to.equal(
        [
          'net.yaml: 2 problems',
          '',
          '  net.yaml:5:12  spec.chain.blokTime',
          '    unknown field; did you mean blockTime?',
          '    found:   blokTime',
          '    allowed: consensus, profile, blockTime, emptyBlockPeriod, finalityThreshold, roundTimeout, roundTimeoutMax, voteLapseBlocks, evidenceAgeBlocks, unbondingBlocks, trustPeriodBlocks, checkpointIntervalBlocks, genesisFile, genesis',
          '',
          '  net.yaml:7:5  spec.nodes',
          '    a mainnet needs at least 4 validators',
          '    found:   3 in the genesis',
          '    allowed: at least 4; or chain.profile: devnet for development',
        ].join('\n'),
      );
    }
  });

  const cases: readonly (readonly [what: string, spec: string, expected: string])[] = [
    [
      'a service that nothing could follow',
      `  nodes:\n${validators(4)}    - { name: t, roles: [traffic], ports: { api: 5 } }\n`,
      'contradiction spec.nodes[1].roles 7',
    ],
    [
      'a service without an API port',
      `  nodes:\n${validators(4).replace('22001', '22001, api: 80')}    - { name: t, roles: [traffic], ports: {} }\n`,
      'missing-field spec.nodes[1].ports.api 7',
    ],
    [
      'a service with links',
      `  nodes:\n${validators(4).replace('22001', '22001, api: 80')}    - { name: t, roles: [traffic], ports: { api: 5, link: 6 } }\n`,
      'contradiction spec.nodes[1].ports.link 7',
    ],
    [
      'a service that validates',
      `  nodes:\n${validators(4).replace('22001', '22001, api: 80')}    - { name: t, roles: [traffic, follower], ports: { api: 5, link: 6 } }\n`,
      'contradiction spec.nodes[1].roles 7',
    ],
    [
      'settings of a service that the node is not',
      `  nodes:\n${validators(4, ', traffic: {}')}`,
      'contradiction spec.nodes[0].traffic 6',
    ],
    [
      'a port used twice',
      `  nodes:\n${validators(4)}${node('b', 'follower', 22003)}`,
      'duplicate-port spec.nodes[1].ports.link 7',
    ],
    [
      'replicas past the last port',
      `  nodes:\n${validators(4).replace('22001', '65534')}`,
      'bad-value spec.nodes[0].ports.link 6',
    ],
    [
      'two hosts of one name',
      `  hosts: [{ name: a, address: 1.2.3.4 }, { name: a, address: 1.2.3.5 }]\n  nodes:\n${validators(4, ', host: a')}`,
      'duplicate-name spec.hosts[1].name 5',
    ],
    [
      'a host that is not listed',
      `  hosts: [{ name: alpha, address: 1.2.3.4 }]\n  nodes:\n${validators(4, ', host: alhpa')}`,
      'unknown-host spec.nodes[0].host 7',
    ],
    ['too few validators', `  nodes:\n${validators(3)}`, 'too-few-validators spec.nodes 6'],
    [
      'no validator on a devnet',
      `  chain: { profile: devnet }\n  nodes:\n${node('a', 'follower', 1)}`,
      'too-few-validators spec.nodes 7',
    ],
    [
      'a threshold that f failures make unreachable',
      `  chain: { finalityThreshold: 90 }\n  nodes:\n${validators(7)}`,
      'unreachable-threshold spec.chain.finalityThreshold 5',
    ],
    [
      'plain HTTP beyond loopback',
      `  nodes:\n${validators(4, ', host: 10.0.0.1, tls: false').replace('22001', '22001, api: 80')}`,
      'plain-http spec.nodes[0].tls 6',
    ],
    [
      'nodes that wait for each other',
      `  nodes:\n${validators(4)}${node('a', 'follower', 1, ', after: [b]')}${node('b', 'follower', 2, ', after: [a]')}`,
      'dependency-cycle spec.nodes[1].after 7',
    ],
    [
      'a node that waits for itself',
      `  nodes:\n${validators(4)}${node('a', 'follower', 1, ', after: [a]')}`,
      'dependency-cycle spec.nodes[1].after 7',
    ],
    [
      'a process on two hosts',
      `  nodes:\n${validators(4, ', process: p')}${node('a', 'follower', 1, ', process: p, host: 127.0.0.2')}`,
      'contradiction spec.nodes[1].process 7',
    ],
    [
      'both roles',
      `  nodes:\n${validators(4).replace('[validator]', '[validator, follower]')}`,
      'contradiction spec.nodes[0].roles 6',
    ],
    [
      'a role twice',
      `  nodes:\n${validators(4).replace('[validator]', '[validator, validator]')}`,
      'bad-value spec.nodes[0].roles[1] 6',
    ],
    [
      'apiEach without an API',
      `  nodes:\n${validators(4, ', apiEach: true')}`,
      'contradiction spec.nodes[0].apiEach 6',
    ],
    [
      'fewer pinned keys than replicas',
      `  nodes:\n${validators(4, `, publicKeys: [${'a'.repeat(64)}]`)}`,
      'missing-key spec.nodes[0].publicKeys 6',
    ],
    [
      'a key that is no key',
      `  nodes:\n${validators(4)}${node('a', 'follower', 1, ', publicKeys: [abc]')}`,
      'bad-value spec.nodes[1].publicKeys[0] 7',
    ],
    [
      'a key of two nodes',
      `  nodes:\n${validators(4)}${node('a', 'follower', 1, `, publicKeys: [${'a'.repeat(64)}]`)}${node('b', 'follower', 2, `, publicKeys: [${'a'.repeat(64)}]`)}`,
      'duplicate-key spec.nodes[2].publicKeys[0] 8',
    ],
    [
      'a round without time',
      `  chain: { roundTimeout: 0 }\n  nodes:\n${validators(4)}`,
      'bad-duration spec.chain.roundTimeout 5',
    ],
    [
      'empty blocks without end',
      `  chain: { blockTime: 0, emptyBlockPeriod: 0 }\n  nodes:\n${validators(4)}`,
      'bad-duration spec.chain.emptyBlockPeriod 5',
    ],
    [
      'a longest time-out below the first',
      `  chain: { roundTimeoutMax: 500ms }\n  nodes:\n${validators(4)}`,
      'contradiction spec.chain.roundTimeoutMax 5',
    ],
    [
      'bonds freed before evidence lapses',
      `  chain: { unbondingBlocks: 10 }\n  nodes:\n${validators(4)}`,
      'contradiction spec.chain.unbondingBlocks 5',
    ],
    [
      'an account that is made anyway',
      `  chain: { genesis: { accounts: [{ name: faucet, balance: 1 }] } }\n  nodes:\n${validators(4)}`,
      'duplicate-name spec.chain.genesis.accounts[0].name 5',
    ],
    [
      'a negative balance',
      `  chain: { genesis: { accounts: [{ name: a, balance: -1 }] } }\n  nodes:\n${validators(4)}`,
      'bad-value spec.chain.genesis.accounts[0].balance 5',
    ],
    [
      'a list where one value belongs',
      `  chain: { blockTime: [2s] }\n  nodes:\n${validators(4)}`,
      'bad-duration spec.chain.blockTime 5',
    ],
    ['a section that is a word', `  chain: fast\n  nodes:\n${validators(4)}`, 'wrong-type spec.chain 5'],
    ['no nodes', '  nodes: []\n', 'wrong-type spec.nodes 5'],
  ];
  for (const [what, spec, expected] of cases) {
    it(`${what} is named`, () => {
      expect(brief(problemsOf(manifest(spec)))).to.include(expected);
    });
  }

  it('do not invent consequences: an unreadable node is not counted as a missing validator', () => {
    const problems = problemsOf(
      manifest('  nodes:\n    - { name: v, replicas: 4, roles: [validater], ports: { link: 1 } }\n'),
    );
    expect(brief(problems)).to.deep.equal(['bad-value spec.nodes[0].roles[0] 6']);
  });

  for (const [what, source] of [
    ['text that is not YAML', 'a: [1'],
    ['an empty file', ''],
    ['an alias without an anchor', 'a: *b'],
    ['a list', '- 1\n- 2'],
    ['a word', 'hello'],
    ['a field name that is a list', '? [a]\n: b'],
  ] as const) {
    it(`${what} is a problem, not a crash`, () => expect(problemsOf(source)).to.not.be.empty);
  }

  it('a file of nested aliases is refused before it fills memory', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
    const problems = problemsOf(`a0: &a0 [1, 1]\n${levels.join('\n')}\n`);
    expect(problems.some((problem) => problem.message.startsWith('more than'))).to.equal(true);
  });

  it('a missing file is named', () => {
    expect(() => loadManifest('nodes/absent.yaml', {})).to.throw(ManifestError, 'there is no such file');
  });
});

function node(name: string, role: string, link: number, rest = ''): string {
  return `    - { name: ${name}, roles: [${role}], ports: { link: ${link} }${rest} }\n`;
}

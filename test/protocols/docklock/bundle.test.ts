// Goal: what is given to a runtime is a config.json of the OCI runtime specification, and as strict as the design says. Method: the
// specification's own JSON schemas, where they are beside the project; the fields that confine, one by one; a table of ends.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { execProcess, toBundle } from '../../../src/protocols/docklock/bundle.ts';
import { specProblem } from '../../../src/protocols/docklock/container-spec.ts';
import { exitCause, type SeenEnd } from '../../../src/protocols/docklock/exit-cause.ts';
import { seccompProfile } from '../../../src/protocols/docklock/system-calls.ts';
import type { ContainerSpec, ExitCause } from '../../../src/protocols/shared/containers.ts';

const spec: ContainerSpec = {
  id: 'hello',
  tenant: 'acme',
  root: { path: '/roots/hello', imageDigest: `sha256:${'a'.repeat(64)}`, isReadOnly: true },
  idRange: { first: 300_000, count: 65_536 },
  args: ['/bin/hello', '--port', '8080'],
  env: ['LANG=C'],
  cwd: '/srv',
  user: { uid: 1000, gid: 1001 },
  limits: {
    ...{ cpuMillis: 500, memoryBytes: 64 * 1024 * 1024, pidsMax: 32 },
    ...{ diskBytes: 4096, wallTimeMs: null, logBytes: 1024 * 1024 },
  },
  network: { kind: 'none' },
  mounts: [{ source: '/data', destination: '/var/data', isReadOnly: true }],
  isolationClass: 'container',
  stopSignal: 'SIGTERM',
};
const options = {
  architecture: 'SCMP_ARCH_X86_64',
  cgroupsPath: 'bpci/cell',
  network: 'own',
  files: [{ source: '/state/hosts', destination: '/etc/hosts' }],
} as const;

const schemas = join(import.meta.dirname, '../../../../shared/vectors/oci/runtime-spec');

/** The schemas are of draft 4: their nested identifiers, which this validator reads otherwise, say nothing that is needed. */
function schemaOf(file: string): object {
  return JSON.parse(readFileSync(join(schemas, file), 'utf8'), (key: string, value: unknown) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  ) as object;
}

describe('a bundle', () => {
  const validates = existsSync(schemas) ? it : it.skip;

  validates('is what the schemas of the OCI runtime specification ask for', () => {
    const validator = new Ajv({ strict: false, validateFormats: false, logger: false });
    for (const file of readdirSync(schemas).filter((name) => name.endsWith('.json')))
      validator.addSchema(schemaOf(file), file);
    const check = validator.getSchema('config-schema.json');
    const bundles = [spec, { ...spec, idRange: null }].map((one) => toBundle(one, options));
    for (const bundle of bundles) expect(check?.(bundle), JSON.stringify(check?.errors)).to.equal(true);
    expect(check?.({ ...bundles[0], ociVersion: 1 })).to.equal(false);
    expect(check?.({ ...bundles[0], linux: { ...bundles[0]?.linux, seccomp: {} } })).to.equal(false);
  });

  it('gives nothing that was not asked for', () => {
    const { process, root, linux } = toBundle(spec, options);
    expect(root).to.deep.equal({ path: '/roots/hello', readonly: true });
    expect(process.noNewPrivileges).to.equal(true);
    expect(Object.values(process.capabilities).flat()).to.deep.equal([]);
    expect(linux.namespaces.map(({ type }) => type)).to.have.members([
      'pid',
      'ipc',
      'uts',
      'mount',
      'cgroup',
      'user',
      'network',
    ]);
    expect(linux.uidMappings).to.deep.equal([{ containerID: 0, hostID: 300_000, size: 65_536 }]);
    expect(linux.resources.devices).to.deep.equal([{ allow: false, access: 'rwm' }]);
    expect(linux.resources.cpu).to.deep.equal({ quota: 50_000, period: 100_000 });
    expect(linux.resources.memory.swap).to.equal(spec.limits.memoryBytes);
  });

  it('mounts no program or device of the host, and what is shared read-only', () => {
    const { mounts } = toBundle(spec, options);
    for (const { destination, options: given } of mounts) {
      expect(given, destination).to.include('nosuid');
      if (destination !== '/dev' && destination !== '/dev/pts') expect(given, destination).to.include('nodev');
    }
    expect(mounts.find(({ destination }) => destination === '/var/data')?.options).to.include('ro');
    expect(mounts.find(({ destination }) => destination === '/etc/hosts')?.options).to.include('ro');
    expect(mounts.find(({ destination }) => destination === '/tmp')?.options).to.include('size=4096');
  });

  it('shows no sysfs of a network namespace that is another’s', () => {
    const { mounts, linux } = toBundle(spec, { ...options, network: 'inherited' });
    expect(mounts.map(({ destination }) => destination)).to.not.include('/sys');
    expect(linux.namespaces.map(({ type }) => type)).to.not.include('network');
  });

  it('confines one more process as the first', () => {
    const bundle = toBundle(spec, options);
    const process = execProcess(bundle, { args: ['/bin/id'], env: ['A=b'], cwd: null });
    expect(process).to.deep.equal({ ...bundle.process, args: ['/bin/id'], env: [...bundle.process.env, 'A=b'] });
  });
});

describe('a seccomp profile', () => {
  const { syscalls, architectures, defaultAction } = seccompProfile('SCMP_ARCH_X86_64');
  const allowed = syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');

  it('is of one architecture, and refuses what it does not name', () => {
    expect(architectures).to.deep.equal(['SCMP_ARCH_X86_64']);
    expect(defaultAction).to.equal('SCMP_ACT_ERRNO');
    const forArm = seccompProfile('SCMP_ARCH_AARCH64').syscalls.flatMap(({ names }) => names);
    expect(forArm).to.include('openat').and.to.not.include('open');
  });

  it('names each call once, and none that reaches past a container', () => {
    const plain = allowed.filter(({ args }) => args === undefined).flatMap(({ names }) => names);
    expect(new Set(plain).size).to.equal(plain.length);
    const never = [
      ...[
        'mount',
        'umount2',
        'move_mount',
        'fsopen',
        'open_tree',
        'mount_setattr',
        'pivot_root',
        'chroot',
        'unshare',
        'setns',
      ],
      ...[
        'keyctl',
        'add_key',
        'request_key',
        'bpf',
        'perf_event_open',
        'userfaultfd',
        'ptrace',
        'process_vm_readv',
        'kcmp',
      ],
      ...[
        'io_uring_setup',
        'open_by_handle_at',
        'init_module',
        'finit_module',
        'kexec_load',
        'reboot',
        'swapon',
        'iopl',
      ],
      ...['clone', 'clone3', 'socket', 'personality', 'syslog', 'settimeofday', 'clock_settime', 'quotactl', 'acct'],
    ];
    expect(plain).to.not.include.members(never);
    for (const name of never) expect(plain, name).to.not.include(name);
  });

  it('lets a process be made, and no namespace', () => {
    const flags = { NEWNS: 0x2_0000, NEWCGROUP: 0x200_0000, NEWUTS: 0x400_0000, NEWIPC: 0x800_0000 };
    const more = { NEWUSER: 0x1000_0000, NEWPID: 0x2000_0000, NEWNET: 0x4000_0000 };
    const [rule] = allowed.find(({ names }) => names.includes('clone'))?.args ?? [];
    for (const flag of Object.values({ ...flags, ...more })) expect((rule?.value ?? 0) & flag).to.equal(flag);
    expect((rule?.value ?? 0) & 0x0101_ffff & ~0x2_0000).to.equal(0);
  });
});

describe('a specification', () => {
  const cases: readonly (readonly [string, Partial<ContainerSpec>])[] = [
    ['id', { id: 'A' }],
    ['tenant', { tenant: '..' }],
    ['root.path', { root: { ...spec.root, path: 'here' } }],
    ['args', { args: [] }],
    ['args', { args: ['a\0b'] }],
    ['env', { env: ['=x'] }],
    ['cwd', { cwd: 'srv' }],
    ['user.uid', { user: { uid: 65_536, gid: 0 } }],
    ['user.gid', { user: { uid: 0, gid: -1 } }],
    ['stopSignal', { stopSignal: '15' }],
    ['limits.cpuMillis', { limits: { ...spec.limits, cpuMillis: 0.5 } }],
    ['limits.memoryBytes', { limits: { ...spec.limits, memoryBytes: 1 } }],
    ['limits.wallTimeMs', { limits: { ...spec.limits, wallTimeMs: 0 } }],
    ['mounts[0].source', { mounts: [{ source: 'x', destination: '/x', isReadOnly: true }] }],
    ['mounts[0].destination', { mounts: [{ source: '/x', destination: '/a/../b', isReadOnly: true }] }],
  ];

  it('is taken as it is', () => expect(specProblem(spec)).to.equal(null));

  for (const [place, change] of cases)
    it(`is refused for its ${place}: ${JSON.stringify(change).slice(0, 60)}`, () =>
      expect(specProblem({ ...spec, ...change })?.place).to.equal(place));
});

describe('the cause of an end', () => {
  const usage = { cpuMicroseconds: 1, memoryBytes: 1, memoryPeakBytes: 1, pids: 0, oomKills: 0, pidsRefused: 0 };
  const seen: SeenEnd = { code: 0, usage, startFailure: null, wasTimedOut: false, stoppedBy: null };
  const startFailure = { reason: 'no-such-program', detail: 'x' };
  const table: readonly (readonly [string, Partial<SeenEnd>, ExitCause])[] = [
    ['its own end', { code: 3 }, { kind: 'exited', code: 3 }],
    ['a memory kill of a child, and a good end', { usage: { ...usage, oomKills: 1 } }, { kind: 'oom' }],
    ['a refused process, and a good end', { usage: { ...usage, pidsRefused: 1 } }, { kind: 'exited', code: 0 }],
    ['a refused process, and a bad end', { code: 1, usage: { ...usage, pidsRefused: 1 } }, { kind: 'pids-limit' }],
    ['its time', { code: 137, wasTimedOut: true, stoppedBy: 'x' }, { kind: 'timeout' }],
    ['a stop', { code: 137, stoppedBy: 'court', usage: { ...usage, oomKills: 1 } }, { kind: 'stopped', by: 'court' }],
    ['no start', { code: 1, startFailure }, { kind: 'start-failed', ...startFailure }],
    ['nobody knows', { code: null, usage: null }, { kind: 'lost' }],
    ['memory, and nobody saw the end', { code: null, usage: { ...usage, oomKills: 2 } }, { kind: 'oom' }],
  ];
  for (const [title, change, cause] of table)
    it(`is told from ${title}`, () => expect(exitCause({ ...seen, ...change })).to.deep.equal(cause));
});

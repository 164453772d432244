// Goal: containers under crun and runc keep the port's promises and leave nothing behind. Method: the conformance suite as root,
// on a root directory that holds a static busybox; mounts, control groups, namespaces and processes counted around each test.
import { expect } from 'chai';
import { knownVulnerabilities } from '../../../src/runtime/containers/oci-runtime.ts';
import { describeDriver } from './driver-conformance.ts';
import { canRun, ociHarness } from './oci-harness.ts';

for (const name of ['crun', 'runc'] as const) {
  if (canRun(name)) describeDriver(name, () => ociHarness(name, name === 'crun' ? 1 : 0));
  else it.skip(`containers under ${name}`);
}

describe('OCI runtimes', () => {
  it('are told apart by what is publicly known of their versions', () => {
    const runc = (version: string): readonly string[] =>
      knownVulnerabilities({ name: 'runc', program: '/runc', version });
    expect(runc('1.1.11')).to.include('CVE-2024-21626');
    expect(runc('1.1.12+ds1')).to.not.include('CVE-2024-21626');
    expect(runc('1.3.0')).to.deep.equal([]);
    expect(knownVulnerabilities({ name: 'crun', program: '/crun', version: '1.4.3' })).to.have.length(1);
  });
});

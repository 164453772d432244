// Goal: a container's log stays within its bound, however much comes at once. Method: one write of more than may be kept.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ContainerLog } from '../../../src/runtime/containers/container-log.ts';

describe('the log of a container', () => {
  it('keeps the newest within its bound, also of one piece that is larger', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpci-container-log-'));
    const bytesMax = 64 * 1024;
    const log = new ContainerLog(join(directory, 'log'), bytesMax, () => 1_700_000_000_000);
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
    log.write('stdout', Buffer.from(`${lines.join('\n')}\n`));
    const texts: string[] = [];
    for await (const { text } of log.read({ isFollowing: false, tail: null })) texts.push(text);
    log.end();
    const kept = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    rmSync(directory, { recursive: true });
    expect(kept).to.be.lessThanOrEqual(bytesMax);
    expect(texts).to.deep.equal(lines.slice(-texts.length));
    expect(texts.length).to.be.greaterThan(500);
  });
});

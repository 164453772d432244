/**
 * Goal: what a node reports is there, is its own, and costs the node nothing it did not agree to: two nodes of one
 * process do not mix, a full disk loses lines and not the node, spans leave only where a collector is configured.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createTelemetry,
  type RunningTelemetry,
  type TelemetryOptions,
} from '../../../src/runtime/adapters/telemetry.ts';
import { createLog, logFileOf } from '../../../src/runtime/adapters/telemetry-log.ts';
import { readTraceparent, writeTraceparent } from '../../../src/runtime/adapters/telemetry-traces.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';

describe('telemetry', () => {
  let directory: string;
  const running: RunningTelemetry[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpci-telemetry-'));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((telemetry) => telemetry.close()));
    rmSync(directory, { recursive: true });
  });

  function start(options: Partial<TelemetryOptions> = {}): RunningTelemetry {
    const telemetry = createTelemetry({
      name: 'validator-1',
      role: 'validator',
      logTo: 'silent',
      logLevel: 'info',
      dataDir: directory,
      otlpEndpoint: null,
      ...options,
    });
    running.push(telemetry);
    return telemetry;
  }

  const linesOf = (file: string): Record<string, unknown>[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('gives counters, histograms from 10 µs on, and gauges as Prometheus text', async () => {
    const { telemetry, metricsText } = start();
    telemetry.counter('bpci.blocks', 'Blocks').add(2, { kind: 'full' });
    telemetry.counter('bpci.blocks', 'Blocks').add(1, { kind: 'full' });
    const duration = telemetry.histogram('bpci.finality.duration', 'Time to finality', 's');
    for (const seconds of [0.000_005, 0.000_02, 0.3]) duration.record(seconds);
    telemetry.gauge('bpci.height', 'Height', () => [{ value: 7, attributes: { chain: 'main' } }]);
    const text = await metricsText();
    expect(text).to.include('bpci_blocks_total{kind="full"} 3');
    expect(text).to.include('bpci_finality_duration_bucket{le="0.00001"} 1');
    expect(text).to.include('bpci_finality_duration_bucket{le="0.000025"} 2');
    expect(text).to.include('bpci_finality_duration_bucket{le="0.5"} 3');
    expect(text).to.include('bpci_height{chain="main"} 7');
    expect(text).to.match(/service_instance_id="validator-1"/);
    for (const name of ['process_memory_usage', 'process_cpu_time_total', 'nodejs_eventloop_utilization']) {
      expect(text).to.match(new RegExp(`^${name}(\\{[^}]*\\})? [0-9.e-]+$`, 'm'));
    }
  });

  it('keeps the nodes of one process apart', async () => {
    const [first, second] = [start(), start({ name: 'validator-2' })];
    first.telemetry.counter('bpci.blocks', 'Blocks').add(1);
    expect(await first.metricsText()).to.include('bpci_blocks_total 1');
    expect(await second.metricsText()).to.not.include('bpci_blocks_total');
  });

  it('gives the rest where one gauge cannot be read', async () => {
    const { telemetry, metricsText } = start();
    telemetry.gauge('bpci.broken', 'Broken', () => {
      throw new Error('not now');
    });
    telemetry.counter('bpci.blocks', 'Blocks').add(1);
    const text = await metricsText();
    expect(text)
      .to.match(/^# incomplete: 1 /)
      .and.to.include('bpci_blocks_total 1');
  });

  it('logs JSON lines to a file, with fields, children and causes, at the level that is in force', async () => {
    const telemetry = start({ logTo: 'file' });
    const { log } = telemetry.telemetry;
    const child = log.child({ actor: 'validator' });
    child.debug('not yet');
    telemetry.setLogLevel('debug');
    child.debug('now', { height: 3 });
    log.error('failed', { height: 4 }, new RangeError('too high'));
    telemetry.setLogLevel('error');
    log.warn('no more');
    expect(telemetry.logLevel()).to.equal('error');
    await running.splice(0)[0]!.close();
    const lines = linesOf(logFileOf(directory, 'validator-1'));
    expect(lines.map(({ message }) => message)).to.deep.equal(['now', 'failed']);
    expect(lines[0]).to.deep.include({ level: 'debug', node: 'validator-1', actor: 'validator', height: 3 });
    expect(lines[0]!['time']).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect((lines[1]!['error'] as { message: string }).message).to.equal('too high');
  });

  it('rotates by size, keeps as many files as asked, and goes on in a file that is there', async () => {
    const options = { name: 'v', role: 'validator', logTo: 'file', logLevel: 'info', dataDir: directory } as const;
    const limits = { fileBytesMax: 2_000, filesKept: 2 };
    for (let round = 0; round < 2; round++) {
      const { log, close, lost } = createLog({ ...options, ...limits });
      for (let n = 0; n < 60; n++) log.info(`line ${round}-${n}`, { filler: 'x'.repeat(100) });
      await close();
      expect(lost()).to.equal(0);
    }
    const logs = join(directory, 'logs');
    expect(readdirSync(logs).sort()).to.deep.equal(['v.log', 'v.log.1', 'v.log.2']);
    const kept = ['v.log.2', 'v.log.1', 'v.log'].flatMap((file) => linesOf(join(logs, file)));
    expect(kept.at(-1)!['message']).to.equal('line 1-59');
    const numbers = kept.map(({ message }) => Number((message as string).slice('line 1-'.length)));
    expect(numbers).to.deep.equal(Array.from({ length: kept.length }, (_, at) => 60 - kept.length + at));
    for (const file of readdirSync(logs)) expect(statSync(join(logs, file)).size).to.be.lessThan(6_000);
  });

  it('loses lines, not the node, where they cannot be written', async () => {
    const { log, close, lost } = createLog({
      name: 'full',
      role: 'validator',
      logTo: 'file',
      logLevel: 'info',
      dataDir: directory,
      openFile: '/dev/full',
    });
    log.info('does not fit');
    await close();
    expect(lost()).to.be.greaterThan(0);
  });

  it('makes no spans without a collector', () => {
    expect(start().telemetry.span('work').traceparent).to.equal(undefined);
    expect(noTelemetry.span('work').traceparent).to.equal(undefined);
  });

  it('sends spans to the collector that is configured, in the trace that came with the work', async () => {
    const bodies: string[] = [];
    const collector: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(`${request.url ?? ''} ${body}`);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const telemetry = start({ otlpEndpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` });
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const span = telemetry.telemetry.span('propose', {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      attributes: { height: 5 },
    });
    const child = telemetry.telemetry.span('execute', { traceparent: span.traceparent });
    expect(readTraceparent(span.traceparent!)?.traceId).to.equal(traceId);
    expect(readTraceparent(child.traceparent!)?.traceId).to.equal(traceId);
    child.end('error');
    span.end();
    span.end();
    const unsampled = telemetry.telemetry.span('quiet', { traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
    expect(unsampled.traceparent).to.equal(undefined);
    unsampled.end();
    await running.splice(0)[0]!.close();
    await new Promise((resolve) => collector.close(resolve));
    const sent = bodies.join('\n');
    expect(sent).to.match(/^\/v1\/traces /);
    expect(sent).to.include('"propose"').and.to.include('"execute"').and.to.include(traceId);
    expect(sent).to.include('validator-1').and.to.not.include('"quiet"');
    expect(sent.match(/"propose"/g)).to.have.length(1);
  });

  it('reads W3C traceparents of version 00 and nothing else', () => {
    const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(writeTraceparent(readTraceparent(good)!)).to.equal(good);
    for (const bad of [
      '',
      good.toUpperCase(),
      good.slice(0, -1),
      `${good}-00`,
      good.replace('00-', '01-'),
      good.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
      good.replace('00f067aa0ba902b7', '0'.repeat(16)),
    ]) {
      expect(readTraceparent(bad), bad).to.equal(null);
    }
  });
});

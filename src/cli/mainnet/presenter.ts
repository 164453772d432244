/** What `up` shows of a starting and running network. One presenter prints, the other tells the terminal that detached it. */
import { faultyCountMax, quorumOf } from '../../protocols/ledger/validator-set.ts';
import type { ProcessEvent } from '../../runtime/launcher-process.ts';
import type { LoadedManifest } from '../../runtime/manifest.ts';
import type { PlannedNode } from '../../runtime/manifest-expand.ts';
import { serviceRoles } from '../../runtime/manifest-services.ts';
import { formatDuration } from '../../runtime/manifest-shape.ts';
import { urlOf } from '../../runtime/network-services.ts';
import type { PreparedNetwork } from '../../runtime/network-prepare.ts';
import { formatElapsed, type Terminal } from '../terminal.ts';

export interface Presenter {
  prepared(loaded: LoadedManifest, nodes: readonly PlannedNode[], prepared: PreparedNetwork): void;
  event(event: ProcessEvent): void;
  /** Every process is ready, or (false) one has failed for good. */
  settled(ready: boolean): void;
  stopping(reason: string): void;
}

/** The phase of the launch in which a node comes up. */
const phaseOf = ({ service }: PlannedNode): string => (service === null ? 'core' : serviceRoles[service.role].phase);

function describeChain(loaded: LoadedManifest): string {
  const { chain } = loaded.manifest.spec;
  const count = loaded.nodes.filter((node) => node.roles.includes('validator') && node.inGenesis).length;
  const quorum = quorumOf(count, chain.finalityThreshold);
  const pace = chain.blockTime === 0 ? 'blocks on demand' : `a block every ${formatDuration(chain.blockTime)}`;
  return `${count} validators, ${pace}, ${quorum} of ${count} seals decide, ${faultyCountMax(count)} may fail`;
}

export interface NetworkUrls {
  readonly api: readonly string[];
  readonly services: readonly { readonly name: string; readonly url: string }[];
  readonly metrics: readonly string[];
}

export function urlsOf(nodes: readonly PlannedNode[]): NetworkUrls {
  return {
    api: nodes.flatMap((node) => (node.apiPort === null || node.service !== null ? [] : [urlOf(node, node.apiPort)])),
    services: nodes.flatMap((node) =>
      node.apiPort === null || node.service === null
        ? []
        : [{ name: serviceRoles[node.service.role].title, url: urlOf(node, node.apiPort) }],
    ),
    metrics: nodes.flatMap((node) => (node.metricsPort === null ? [] : [`${urlOf(node, node.metricsPort)}/metrics`])),
  };
}

export class TerminalPresenter implements Presenter {
  readonly #terminal: Terminal;
  readonly #startedAt = performance.now();
  #nodes: readonly PlannedNode[] = [];
  #phase = '';
  #ready = 0;
  #settled = false;
  /** Shown when all is ready. */
  readonly #hints: readonly string[];

  constructor(terminal: Terminal, hints: readonly string[]) {
    this.#terminal = terminal;
    this.#hints = hints;
  }

  /** The nodes whose readiness is shown. */
  expect(nodes: readonly PlannedNode[]): void {
    this.#nodes = nodes;
  }

  prepared(loaded: LoadedManifest, nodes: readonly PlannedNode[], prepared: PreparedNetwork): void {
    this.expect(nodes);
    const { out, paint } = this.#terminal;
    out(`${paint('bold', loaded.manifest.metadata.name)}: ${describeChain(loaded)}`);
    out(`  manifest  ${loaded.file}`);
    out(`  data      ${prepared.directory.root}`);
    const origin = prepared.isNew ? 'new: keys and genesis were made' : 'continued';
    out(`  chain     ${prepared.chainId} (${origin})`);
    out(`  genesis   ${prepared.genesisCopy}`);
    out();
  }

  event(event: ProcessEvent): void {
    const { paint } = this.#terminal;
    switch (event.type) {
      case 'starting':
        this.#announcePhase(event.process);
        this.#line(event.process, paint('dim', `starting, process ${event.pid}`));
        break;
      case 'node-ready': {
        this.#ready += 1;
        const { link, api, metrics } = event.addresses;
        const where = [
          link === null ? '' : `link ${link}`,
          api === null ? '' : `api ${api}`,
          metrics === null ? '' : `metrics ${metrics}`,
        ];
        this.#line(event.node, `${paint('green', 'ready')}  ${where.filter((text) => text !== '').join('  ')}`);
        break;
      }
      case 'crashed':
        this.#line(event.process, `${paint('red', 'ended')}: ${event.cause}`);
        break;
      case 'restarting':
        this.#line(event.process, paint('yellow', `restart ${event.restarts} in ${formatElapsed(event.inMs)}`));
        break;
      case 'failed':
        this.#line(event.process, paint('red', `failed for good: ${event.cause}`));
        for (const line of event.output) this.#terminal.out(`    ${paint('dim', line)}`);
        break;
      case 'killed':
        this.#line(
          event.process,
          paint('yellow', `did not stop within ${formatElapsed(event.afterMs)} and was killed`),
        );
        break;
      case 'stopped':
        this.#line(event.process, paint('dim', 'stopped'));
        break;
      case 'ready':
      case 'stopping':
        break;
    }
  }

  settled(ready: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    const { out, paint } = this.#terminal;
    const total = this.#nodes.length;
    const elapsed = formatElapsed(performance.now() - this.#startedAt);
    out();
    if (!ready) {
      out(
        paint('red', `${this.#ready} of ${total} nodes are ready; what failed is named above, the rest keeps running`),
      );
      return;
    }
    out(paint('green', `Ready in ${elapsed}: ${total} of ${total} nodes`));
    const urls = urlsOf(this.#nodes);
    const width = Math.max(7, ...urls.services.map(({ name }) => name.length));
    for (const api of urls.api) out(`  ${'API'.padEnd(width)}  ${api}  (OpenAPI: ${api}/openapi.json)`);
    for (const { name, url } of urls.services) out(`  ${name.padEnd(width)}  ${url}`);
    const [firstMetrics, ...otherMetrics] = urls.metrics;
    if (firstMetrics !== undefined) {
      out(
        `  ${'metrics'.padEnd(width)}  ${firstMetrics}${otherMetrics.length === 0 ? '' : `  and ${otherMetrics.length} more nodes`}`,
      );
    }
    out();
    for (const hint of this.#hints) out(hint);
  }

  stopping(reason: string): void {
    this.#terminal.out();
    this.#terminal.out(`Stopping: ${reason}`);
  }

  #announcePhase(process: string): void {
    const node = this.#nodes.find((candidate) => candidate.process === process);
    const phase = node === undefined ? '' : phaseOf(node);
    if (phase === this.#phase || this.#settled) return;
    this.#phase = phase;
    this.#terminal.out(this.#terminal.paint('bold', phase));
  }

  #line(name: string, text: string): void {
    const width = Math.max(8, ...this.#nodes.map((node) => node.name.length));
    const at = this.#settled ? `${new Date().toISOString().slice(11, 19)}  ` : '';
    this.#terminal.out(`  ${at}${name.padEnd(width)}  ${text}`);
  }
}

/** An OTLP/HTTP collector in the test's process: keeps the spans that nodes send. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  /** Name of the node that sent it. */
  readonly node: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it has none. */
  readonly parentSpanId: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

type SentSpan = Omit<CollectedSpan, 'node' | 'parentSpanId' | 'links'> & Partial<CollectedSpan>;

/** What of an OTLP trace request matters here. */
interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
    };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

export class SpanCollector {
  readonly spans: CollectedSpan[] = [];
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.#take(JSON.parse(Buffer.concat(chunks).toString()) as Sent);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });

  /** Resolves with the URL that nodes are to be given. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.#server.close(resolve));
  }

  #take({ resourceSpans }: Sent): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const named = resource.attributes.find(({ key }) => key === 'service.instance.id');
      const node = named?.value.stringValue ?? '';
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          const { name, traceId, spanId, parentSpanId = '', links = [] } = span;
          this.spans.push({ node, name, traceId, spanId, parentSpanId, links });
        }
      }
    }
  }
}

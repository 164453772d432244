/** Reads server-sent events (WHATWG HTML, section 9.2) across connections: a position, and a new connection from there. */
import type { EventView } from '../runtime/ports/chain-api.ts';
import { ClientError } from './client-error.ts';

export interface EventReaderOptions {
  /** Position to begin after: an event id, `start`, or absent for what comes next. */
  readonly after?: string;
  readonly signal?: AbortSignal;
  /** Opens a stream after a position; null is what comes next. */
  readonly connect: (position: string | null, signal: AbortSignal) => Promise<Response>;
}

const retryMs = 500;
const retryMaxMs = 10_000;

/** Rejects where the node refuses; a node that is away is tried again and again. Ends when `signal` aborts. */
export async function* readEventStream(options: EventReaderOptions): AsyncGenerator<EventView, void, undefined> {
  const hangUp = new AbortController();
  const signals = options.signal === undefined ? [hangUp.signal] : [hangUp.signal, options.signal];
  const signal = AbortSignal.any(signals);
  let position = options.after ?? null;
  let delayMs = retryMs;
  try {
    for (;;) {
      try {
        const response = await options.connect(position, signal);
        delayMs = retryMs;
        for await (const message of messagesOf(response, signal)) {
          if (message.id !== null) position = message.id;
          if (message.data !== null) yield JSON.parse(message.data) as EventView;
        }
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await pause(delayMs, signal);
      if (signal.aborted) return;
      delayMs = Math.min(delayMs * 2, retryMaxMs);
    }
  } finally {
    hangUp.abort();
  }
}

const isPassing = (error: unknown): boolean =>
  error instanceof ClientError
    ? error.code === 'unreachable' || error.code === 'unavailable' || error.code === 'timeout'
    : // A stream that breaks while it is read: a TypeError of fetch, or the abort that we asked for.
      error instanceof TypeError || error instanceof DOMException;

const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });

interface Message {
  readonly id: string | null;
  readonly data: string | null;
}

async function* messagesOf(response: Response, signal: AbortSignal): AsyncGenerator<Message, void, undefined> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    if (signal.aborted) return;
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield toMessage(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function toMessage(block: string): Message {
  let id: string | null = null;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
  }
  return { id, data: data.length === 0 ? null : data.join('\n') };
}

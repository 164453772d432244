/** What a process tells the launcher about its nodes, and how it ends. The nodes are played: their promises are the input. */
import { expect } from 'chai';
import { CodedError } from '../../src/protocols/shared/errors.ts';
import type { NodeConfig } from '../../src/runtime/node-config.ts';
import {
  describeFailure,
  type HostedNode,
  type HostMessage,
  hostNodes,
  isPermanent,
} from '../../src/runtime/node-host.ts';

const addresses = { link: '127.0.0.1:1', api: null, metrics: null };
const config = (name: string): NodeConfig => ({ name }) as NodeConfig;
const never = new Promise<never>(() => undefined);

interface Played extends HostedNode {
  stopped: boolean;
}
const node = (name: string, rest: Partial<HostedNode> = {}): Played => {
  const played: Played = {
    name,
    addresses,
    ready: Promise.resolve(),
    failed: never,
    stopped: false,
    stop: () => {
      played.stopped = true;
      return Promise.resolve();
    },
    ...rest,
  };
  return played;
};

describe('the nodes of one process', () => {
  it('are each reported when they are ready, and all stopped at the end', async () => {
    const messages: HostMessage[] = [];
    const nodes = new Map([node('a'), node('b')].map((played) => [played.name, played]));
    let reported: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (reported = resolve));
    const host = hostNodes(
      [config('a'), config('b')],
      ({ name }) => Promise.resolve(nodes.get(name) ?? node(name)),
      (message) => {
        messages.push(message);
        if (messages.length === 2) reported();
      },
    );
    await both;
    host.stop();
    expect(await host.ended).to.equal(0);
    expect(messages).to.deep.equal([
      { type: 'ready', node: 'a', addresses },
      { type: 'ready', node: 'b', addresses },
    ]);
    expect([...nodes.values()].map(({ stopped }) => stopped)).to.deep.equal([true, true]);
  });

  it('all end when one cannot start, and the reason is told', async () => {
    const messages: HostMessage[] = [];
    const healthy = node('a', { ready: never });
    const host = hostNodes(
      [config('a'), config('b')],
      ({ name }) =>
        name === 'a' ? Promise.resolve(healthy) : Promise.reject(new CodedError('schema-foreign', 'of another chain')),
      (message) => messages.push(message),
    );
    expect(await host.ended).to.equal(1);
    expect(messages).to.deep.equal([{ type: 'failed', node: 'b', message: 'of another chain', permanent: true }]);
    expect(healthy.stopped).to.equal(true);
  });

  it('end when one fails later, which another start may mend', async () => {
    const messages: HostMessage[] = [];
    const failing = node('a', { ready: never, failed: Promise.resolve(new CodedError('full', 'no space')) });
    const host = hostNodes(
      [config('a')],
      () => Promise.resolve(failing),
      (message) => messages.push(message),
    );
    expect(await host.ended).to.equal(1);
    expect(messages).to.deep.equal([{ type: 'failed', node: 'a', message: 'no space', permanent: false }]);
  });

  it('are not reported as failed for what a stop interrupts', async () => {
    const messages: HostMessage[] = [];
    let interrupt: (cause: Error) => void = () => undefined;
    const starting = node('a', {
      ready: new Promise((_resolve, reject) => (interrupt = reject)),
      stop: () => {
        interrupt(new Error('stopped before it was ready'));
        return Promise.resolve();
      },
    });
    const host = hostNodes(
      [config('a')],
      () => Promise.resolve(starting),
      (message) => messages.push(message),
    );
    host.stop();
    expect(await host.ended).to.equal(0);
    expect(messages).to.deep.equal([]);
  });

  it('that cannot stop cleanly are an exit code and a message', async () => {
    const messages: HostMessage[] = [];
    const stuck = node('a', { ready: never, stop: () => Promise.reject(new Error('disk gone')) });
    const host = hostNodes(
      [config('a')],
      () => Promise.resolve(stuck),
      (message) => messages.push(message),
    );
    host.stop();
    expect(await host.ended).to.equal(1);
    expect(messages.map((message) => (message.type === 'failed' ? message.message : ''))).to.deep.equal([
      'not stopped cleanly: disk gone',
    ]);
  });
});

describe('the description of a failure', () => {
  it('names the causes that say more', () => {
    const inner = new Error('ENOSPC');
    expect(describeFailure(new CodedError('full', 'cannot store', { cause: inner }))).to.equal('cannot store: ENOSPC');
    expect(describeFailure(new CodedError('full', 'cannot store: ENOSPC', { cause: inner }))).to.equal(
      'cannot store: ENOSPC',
    );
    expect(describeFailure('plain')).to.equal('plain');
  });

  it('is permanent by the code of the failure or of its cause', () => {
    expect(isPermanent(new CodedError('schema-newer', 'x'))).to.equal(true);
    expect(isPermanent(new Error('x', { cause: new CodedError('wrong-key', 'y') }))).to.equal(true);
    expect(isPermanent(new CodedError('locked', 'x'))).to.equal(false);
    expect(isPermanent(new Error('x'))).to.equal(false);
  });
});

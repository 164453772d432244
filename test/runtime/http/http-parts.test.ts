/** Goal: the parts that look at bytes from outside are right for all of them. Method: properties against dumb oracles. */
import { expect } from 'chai';
import fc from 'fast-check';
import { formatAddress, hostOf, isLoopbackHost, parseAddress } from '../../../src/runtime/adapters/http/addresses.ts';
import { depthOf, parseJsonBody } from '../../../src/runtime/adapters/http/json-body.ts';
import { TokenVerifier } from '../../../src/runtime/adapters/http/tokens.ts';
import { mintToken } from '../../../src/client/token.ts';
import { aliceKey, chainIdHex } from './fake-genesis.ts';

describe('JSON bodies', () => {
  const depth = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;

  it('have the depth of the value that they parse to, whatever is in their texts', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('"', '\\', '[', ']', '{', '}', '\\"[', '"]'));
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 6 }, text, fc.integer(), tie('list'), tie('object')),
      list: fc.array(tie('any'), { maxLength: 4 }),
      object: fc.dictionary(text, tie('any'), { maxKeys: 4 }),
    })).any;
    fc.assert(
      fc.property(value, (original) => {
        const bytes = Buffer.from(JSON.stringify(original));
        expect(depthOf(bytes, 1_000)).to.equal(depth(original));
      }),
    );
  });

  it('are parsed as JSON.parse does, up to the depth allowed', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 12 }), (text) => {
        fc.pre(!text.includes('__proto__'));
        expect(parseJsonBody(Buffer.from(text))).to.deep.equal(JSON.parse(text));
      }),
    );
  });
});

describe('listen addresses', () => {
  it('are read back as they were written', () => {
    const host = fc.constantFrom('127.0.0.1', '::1', 'localhost', '0.0.0.0', 'example.org', '::ffff:10.0.0.1');
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        expect(parseAddress(formatAddress(name, port))).to.deep.equal({ host: name, port });
        expect(hostOf(formatAddress(name, port))).to.equal(name);
      }),
    );
  });

  it('are loopback exactly where only this machine can reach them', () => {
    const loopback = ['127.0.0.1', '127.255.0.9', '::1', '[::1]', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'];
    const others = [
      '0.0.0.0',
      '::',
      '128.0.0.1',
      '10.127.0.0.1',
      '127.0.0.1.example',
      'localhost.example',
      '1127.0.0.1',
    ];
    for (const host of loopback) expect(isLoopbackHost(host), host).to.equal(true);
    for (const host of others) expect(isLoopbackHost(host), host).to.equal(false);
  });
});

describe('tokens', () => {
  it('are never accepted with a changed character', async () => {
    const verifier = new TokenVerifier({ audience: `${chainIdHex}:bpci`, signingKeyOf: () => null, now: Date.now });
    const token = mintToken(aliceKey, { chainId: chainIdHex });
    expect((await verifier.verify(token)).kind).to.equal('caller');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    // The last character of a signature of 64 bytes carries four bits that are not read.
    const place = fc.integer({ min: 0, max: token.length - 2 });
    await fc.assert(
      fc.asyncProperty(
        place,
        fc.integer({ min: 0, max: alphabet.length - 1 }).map((index) => alphabet.charAt(index)),
        async (at, character) => {
          fc.pre(token[at] !== character);
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          expect((await verifier.verify(changed)).kind).to.equal('refused');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are spent once; the memory of them is bounded, and forgets what has expired', async () => {
    let now = 1_700_000_000_000;
    const audience = `${chainIdHex}:bpci`;
    const verifier = new TokenVerifier({ audience, signingKeyOf: () => null, now: () => now, replayMax: 3 });
    const caller = async (): Promise<Parameters<TokenVerifier['spend']>[0]> => {
      const verdict = await verifier.verify(mintToken(aliceKey, { chainId: chainIdHex, now, lifetimeSeconds: 60 }));
      if (verdict.kind === 'refused') throw new Error(verdict.reason);
      return verdict.caller;
    };
    const first = await caller();
    expect(verifier.spend(first)).to.equal(null);
    expect(verifier.spend(first)).to.equal('replayed');
    expect(verifier.spend(await caller())).to.equal(null);
    expect(verifier.spend(await caller())).to.equal(null);
    expect(verifier.spend(await caller())).to.equal('replay-memory-full');
    now += 200_000;
    expect(verifier.spend(await caller())).to.equal(null);
  });
});

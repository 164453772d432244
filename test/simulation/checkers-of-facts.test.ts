/** Goal: each checker sees what it is there for, and lets pass what may be. Method: facts made by hand, and small real chains. */
import { expect } from 'chai';
import type { UnsignedPayload } from '../../src/protocols/ibft/messages.ts';
import { shareBytes } from '../../src/protocols/ibft/bounds.ts';
import { beaconInput, genesisBeaconOutput } from '../../src/protocols/ledger/beacon.ts';
import type { BlockHeader } from '../../src/protocols/ledger/block.ts';
import { validatorSet } from '../../src/protocols/ledger/validator-set.ts';
import { digest, height, publicKey, round } from '../../src/protocols/shared/brands.ts';
import { equalBytes, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { defaultLinkLimits, heldBytesMax } from '../../src/runtime/links/limits.ts';
import { Acknowledgements } from '../../src/simulation/system/checkers/acknowledgements.ts';
import { Certificates } from '../../src/simulation/system/checkers/certificates.ts';
import type { CheckedRun, FinalNode } from '../../src/simulation/system/checkers/checker.ts';
import { EvidenceChecker } from '../../src/simulation/system/checkers/evidence.ts';
import { Innocence } from '../../src/simulation/system/checkers/innocence.ts';
import { Ledger } from '../../src/simulation/system/checkers/ledger.ts';
import { LogHeads } from '../../src/simulation/system/checkers/log-heads.ts';
import { Memory } from '../../src/simulation/system/checkers/memory.ts';
import { Proofs } from '../../src/simulation/system/checkers/proofs.ts';
import { Validity } from '../../src/simulation/system/checkers/validity.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const verifier = createVerifier();
const one = digest('11'.repeat(32));
const two = digest('22'.repeat(32));
const rich = signerOf(1);
const keys = [10, 11, 12, 13].map((seed) => signerOf(seed).publicKey).sort();
const set = validatorSet(
  keys.map((key) => ({ publicKey: key, vrfPublicKey: key })),
  67,
);

const newChain = (): MemoryChain => new MemoryChain({ validators: 4, accounts: [rich.publicKey] });

/** Four validators; the last of them lies. */
const runOf = ({ chain, genesis, reader }: MemoryChain): CheckedRun => ({
  ...{ chainId: chain.chainId, genesis, verifier, liars: new Set([keys[3]!]), policies: null },
  // The proofs that stand in the chain hold, for what they were made for.
  vrfOutput: (key, input, proof) => {
    const heights = Array.from({ length: chain.tip.height }, (_, index) => index + 1);
    const proven = heights
      .map((at) => reader.block(at)!.header)
      .find((header) => {
        const before =
          header.height === 1 ? genesisBeaconOutput : reader.block(header.height - 1)!.header.beacon.output;
        const prover = chain.tip.set.validators.find((validator) => validator.publicKey === header.proposer);
        return (
          equalBytes(header.beacon.proof, proof) &&
          equalBytes(beaconInput(chain.chainId, header.height, before), input) &&
          prover?.vrfPublicKey === key
        );
      });
    return proven?.beacon.output ?? null;
  },
  setAt: () => set,
});
const nodeOf = ({ chain, reader }: MemoryChain, node = 0): FinalNode => ({ node, chain, reader });
const nowMs = 1_800_000_000_000;

type Said = readonly [node: number, payload: UnsignedPayload];
const vote =
  (kind: 'proposal' | 'prepare' | 'commit', at: number, content = one) =>
  (node: number): Said => [node, { kind, height: height(5), round: round(at), digest: content }];
const change =
  (to: number, prepared: number | null, content = one) =>
  (node: number): Said => {
    const claim = prepared === null ? null : round(prepared);
    const preparedDigest = prepared === null ? null : content;
    return [node, { kind: 'round-change', height: height(5), round: round(to), preparedRound: claim, preparedDigest }];
  };
const by = (nodes: readonly number[], say: (node: number) => Said): readonly Said[] => nodes.map(say);

describe('the checker of certificates', () => {
  // One of four lies, a quorum is three: two correct validators may make one with it.
  const decided = [...by([0, 1], vote('prepare', 0)), ...by([0, 1], vote('commit', 0))];
  const cases: readonly [what: string, said: readonly Said[], problem: string | null][] = [
    ['commits on a quorum of prepares', decided, null],
    ['a commit on one prepare', [...by([0], vote('prepare', 0)), ...by([0], vote('commit', 0))], 'committed'],
    ['a round change with the certificate of a quorum', [...decided, ...by([0], change(1, 0))], null],
    ['a claim that nobody prepared', by([0], change(1, 0)), 'claims'],
    ['a claim of another block than was prepared', [...decided, ...by([0], change(1, 0, two))], 'claims'],
    [
      'a claim told before the own prepare that it rests on',
      [...by([1], vote('prepare', 0)), ...by([0], change(1, 0)), ...by([0], vote('prepare', 0))],
      null,
    ],
    [
      'a claim that rests on an own prepare which was never told',
      [...by([1], vote('prepare', 0)), ...by([0], change(1, 0))],
      'claims',
    ],
    [
      'a commit that rests on an own prepare which was never told',
      [...by([1], vote('prepare', 0)), ...by([0], vote('commit', 0))],
      'committed',
    ],
    [
      'a claim that only later prepares of others bear out',
      [...by([0], change(1, 0)), ...by([1, 0], vote('prepare', 0))],
      'claims',
    ],
    ['the same block in a later round', [...decided, ...by([2, 0], vote('prepare', 1))], null],
    ['another block in a later round', [...decided, ...by([2], vote('prepare', 1, two))], 'may be decided'],
    [
      'a proposal of another block in a later round',
      [...decided, ...by([2], vote('proposal', 3, two))],
      'may be decided',
    ],
    ['the later round first', [...by([2], vote('prepare', 1, two)), ...decided], 'may be decided'],
    ['prepares for two blocks in one round', [...decided, ...by([2], vote('prepare', 0, two))], null],
    ['another block after one commit only', [...decided.slice(0, 3), ...by([2], vote('prepare', 1, two))], null],
  ];
  for (const [what, said, problem] of cases) {
    it(`${problem === null ? 'lets pass' : 'sees'} ${what}`, () => {
      const checker = new Certificates(runOf(newChain()));
      const told = said.map(([node, payload]) => checker.onSigned(node, payload));
      const problems = [...told, checker.onEnd()].filter((found) => found !== null);
      if (problem === null) expect(problems).to.deep.equal([]);
      else expect(problems[0]).to.include(problem);
    });
  }

  it('sees what is final without commits', () => {
    const checker = new Certificates(runOf(newChain()));
    for (const [node, payload] of decided) checker.onSigned(node, payload);
    expect(checker.onFinal({ node: 2, height: 5, round: 0, digest: one })).to.equal(null);
    expect(checker.onFinal({ node: 2, height: 5, round: 1, digest: one })).to.include('on 0 commits');
    expect(checker.onFinal({ node: 2, height: 5, round: 0, digest: two })).to.include('on 0 commits');
  });
});

describe('the checker of validity', () => {
  const world = newChain();
  world.growTo(2);
  const headers = [1, 2].map((at) => world.reader.block(at)!.header);
  const check = (changes: Partial<BlockHeader>, times: { readonly nowMs: number; readonly aheadMsMax: number }) => {
    const run = { ...runOf(world), setAt: () => world.chain.tip.set };
    const checker = new Validity(run);
    const facts = { node: 0, round: 0, atMs: 0, ...times };
    const problems = headers.map((header, index) => {
      const changed = index === 1 ? { ...header, ...changes } : header;
      const found = index === 1 ? world.chain.tip.digest : header.parent;
      const own = index === 0 ? headers[1]!.parent : found;
      return checker.onFinal({ ...facts, height: index + 1, digest: own, header: changed });
    });
    return problems.find((problem) => problem !== null) ?? null;
  };
  const inTime = { nowMs: headers[1]!.time, aheadMsMax: 0 };

  it('lets pass a block that is not too early for the clocks there are', () => {
    expect(check({}, inTime)).to.equal(null);
    expect(check({}, { nowMs: headers[1]!.time - 700, aheadMsMax: 200 })).to.equal(null);
  });

  const wrong: readonly [what: string, changes: Partial<BlockHeader>, says: string][] = [
    ['another parent', { parent: one }, 'is not on block 1'],
    ['less than the block time', { time: headers[0]!.time + 999 }, 'after its parent'],
    ['a time ahead of every clock', { time: headers[1]!.time + 501 }, 'before its time'],
    ['a proposer who is no member', { proposer: publicKey('ab'.repeat(32)) }, 'no member'],
    ['another beacon', { beacon: { ...headers[1]!.beacon, output: new Uint8Array(64).fill(1) } }, 'another beacon'],
    [
      'a beacon that nobody proved',
      { beacon: { ...headers[1]!.beacon, proof: new Uint8Array(80).fill(1) } },
      'another beacon',
    ],
    ['another height', { height: height(7) }, 'says that it is block 7'],
  ];
  for (const [what, changes, says] of wrong) {
    it(`sees ${what}`, () => expect(check(changes, inTime)).to.include(says));
  }
});

describe('the checker of the ledger', () => {
  const grown = (): MemoryChain => {
    const world = newChain();
    world.block(world.transaction(rich, 0, 'accounts.transfer', { to: keys[0]!, amount: 5n }));
    world.growTo(3);
    return world;
  };
  const check = (world: MemoryChain, nodes: readonly FinalNode[]): string | null =>
    new Ledger(runOf(world)).onEnd({ whole: nodeOf(world), nodes, nowMs });

  it('lets pass nodes that are where the chain leads', () => {
    const world = grown();
    expect(check(world, [nodeOf(world), nodeOf(grown(), 1)])).to.equal(null);
  });

  const tables: readonly [table: string, says: string][] = [
    ['state', 'its state differs'],
    ['entries', 'its log differs'],
  ];
  for (const [table, says] of tables) {
    it(`sees one node whose table ${table} holds something else`, () => {
      const [world, other] = [grown(), grown()];
      const [[key] = [toUtf8('none')]] = [...other.chain.store.range(table)];
      other.chain.store.commit([{ table, key, value: Uint8Array.of(1, 2, 3) }]);
      expect(check(world, [nodeOf(world), nodeOf(other, 3)]))
        .to.include('validator 3')
        .and.include(says);
    });
  }

  it('sees a chain whose blocks are gone, and one that another genesis made', () => {
    const world = grown();
    world.chain.store.commit([{ table: 'commits', key: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2), value: null }]);
    expect(check(world, [])).to.include('block 2 is missing');
    const other = new MemoryChain({ validators: 4, accounts: [signerOf(2).publicKey] });
    const run = { ...runOf(other) };
    expect(new Ledger(run).onEnd({ whole: nodeOf(grown()), nodes: [], nowMs })).to.include('does not replay');
  });
});

describe('the checker of proofs', () => {
  const grown = (): MemoryChain => {
    const world = newChain();
    for (const nonce of [0, 1, 2]) {
      world.block(world.transaction(rich, nonce, 'accounts.transfer', { to: keys[0]!, amount: 5n }));
    }
    return world;
  };
  const check = (world: MemoryChain): string | null => new Proofs(runOf(world)).problemOf(nodeOf(world), world.genesis);
  const [first, second] = [0, 1].map((last) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, last + 1)) as [
    Uint8Array,
    Uint8Array,
  ];

  it('lets pass a node that proves what its chain says', () => expect(check(grown())).to.equal(null));

  it('sees tiles of another log, seals of another block, and a block without seals', () => {
    const changes: readonly (readonly [MemoryChain, Parameters<MemoryChain['chain']['store']['commit']>[0], string])[] =
      [
        [grown(), [{ table: 'tiles', key: new Uint8Array(9), value: new Uint8Array(96) }], 'log-inclusion'],
        [grown(), [{ table: 'commits', key: first, value: null }], 'it gives none'],
      ];
    for (const [world, writes, says] of changes) {
      world.chain.store.commit(writes);
      expect(check(world)).to.include(says);
    }
    const swapped = grown();
    const other = swapped.chain.store.get('commits', second)!;
    swapped.chain.store.commit([{ table: 'commits', key: first, value: other.slice() }]);
    expect(check(swapped)).to.include('header-seals: the seal of');
  });

  it('sees a proof that only another genesis bears out, and a genesis that is not sound', () => {
    const other = new MemoryChain({ validators: 4, accounts: [signerOf(2).publicKey] });
    const checker = new Proofs(runOf(other));
    expect(checker.problemOf(nodeOf(grown()), other.genesis)).to.include('chain: the bundle is of chain');
    const genesis = { ...other.genesis, chainName: 'No Name' };
    expect(new Proofs({ genesis, verifier }).onEnd({ nodes: [] })).to.include('not sound: chainName');
  });
});

describe('the checker of the log', () => {
  const world = newChain();
  const heads = [0, 1, 2, 3, 4].map((nonce) => {
    world.block(world.transaction(rich, nonce, 'accounts.transfer', { to: keys[0]!, amount: 1n }));
    const { logSize: size, logRoot: root } = world.reader.block(world.chain.tip.height)!.header;
    return { node: 0, size, root };
  });
  const check = (...shown: readonly (typeof heads)[number][]): string | null => {
    const checker = new LogHeads();
    for (const head of shown) checker.onHead(head);
    return checker.onEnd({ whole: nodeOf(world) });
  };

  it('lets pass heads of the log as it grew, in any order', () =>
    expect(check(...[...heads].reverse())).to.equal(null));
  it('sees the head of another log', () => {
    for (const head of heads) expect(check(...heads, { ...head, node: 2, root: one })).to.include('no beginning');
  });
  it('sees a log that has shrunk since', () => expect(check({ node: 1, size: 9, root: one })).to.include('9 leaves'));
});

describe('the checker of evidence', () => {
  const [correct, liar] = [keys[0]!, keys[3]!];
  const seen = { node: 1, offender: liar, height: 7, atMs: 50_000 };
  const checkerOf = (): EvidenceChecker => new EvidenceChecker({ liars: new Set([liar]) });

  it('sees a correct validator accused, and no liar', () => {
    expect(checkerOf().onAccusation({ ...seen, offender: correct })).to.include('never lied');
    expect(checkerOf().onAccusation(seen)).to.equal(null);
  });

  it('wants every contradiction punished that was seen in time', () => {
    const checker = checkerOf();
    checker.onAccusation(seen);
    expect(checker.missing(new Set([`${liar}/7`]), 90_000)).to.equal(null);
    expect(checker.missing(new Set([`${liar}/6`]), 90_000)).to.include('no block punishes it');
    expect(checker.missing(new Set(), 55_000)).to.equal(null);
  });

  it('wants nothing of what somebody sees in the moment of its death, and everything of what it sees after it', () => {
    const checker = checkerOf();
    checker.onCrash(1, 50_000);
    expect(checker.onAccusation(seen)).to.equal(null);
    expect(checker.missing(new Set(), 90_000)).to.equal(null);
    checker.onAccusation({ ...seen, atMs: 50_001 });
    expect(checker.missing(new Set(), 90_000)).to.include('no block punishes it');
  });

  it('forgives whoever died before it could say what it saw, or lost its disk', () => {
    const [soon, late, lost] = [checkerOf(), checkerOf(), checkerOf()];
    for (const checker of [soon, late, lost]) checker.onAccusation(seen);
    soon.onCrash(1, 51_000);
    late.onCrash(1, 58_000);
    lost.onDiskLost(1);
    expect(soon.missing(new Set(), 90_000)).to.equal(null);
    expect(late.missing(new Set(), 90_000)).to.not.equal(null);
    expect(lost.missing(new Set(), 90_000)).to.equal(null);
  });

  it('reads the punishments from the chain', () => {
    const world = newChain();
    world.growTo(2);
    const checker = checkerOf();
    checker.onAccusation(seen);
    expect(checker.onEnd({ whole: nodeOf(world), atMs: 90_000 })).to.include('no block punishes it');
  });
});

describe('the checker of innocence', () => {
  const reported = (reason: string, peer = 0): string | null =>
    new Innocence({ liars: new Set([keys[3]!]) }).onReport(1, keys[peer]!, reason);

  it('sees a correct validator refused, whatever for', () => {
    for (const reason of ['bad-block', 'undecodable tell for mempool', 'transaction-too-large']) {
      expect(reported(reason)).to.include('never lied').and.include(reason);
      expect(reported(reason, 3)).to.equal(null);
    }
  });

  it('forgives what is a matter of heights', () => {
    expect(reported('transaction-bad-signature')).to.equal(null);
  });
});

describe('the checker of memory', () => {
  const held = {
    node: 0,
    poolCount: 1,
    poolBytes: 100,
    mailboxDepth: 3,
    keptBytes: [0, 0, 0, 0],
    linkBytes: 9,
    roundsHeld: 2,
  };
  it('lets pass what is within the bounds', () => expect(new Memory().onHoldings(held)).to.equal(null));
  const beyond = [
    { poolCount: 50_001 },
    { poolBytes: 64 * 1024 * 1024 + 1 },
    { mailboxDepth: 50_001 },
    { keptBytes: [0, shareBytes(4) + 1, 0, 0] },
    { linkBytes: heldBytesMax(defaultLinkLimits) + 1 },
    { roundsHeld: 10_000 },
  ];
  for (const more of beyond) {
    it(`sees too many: ${Object.keys(more).join()}`, () => {
      expect(new Memory().onHoldings({ ...held, ...more })).to.include('at most');
    });
  }
});

describe('the checker of acknowledged transactions', () => {
  it('sees what is in no block, unless the disk that held it was lost', () => {
    const world = newChain();
    const { hash } = world.transaction(rich, 0, 'accounts.transfer', { to: keys[0]!, amount: 5n });
    const checker = new Acknowledgements();
    checker.onAcknowledged(hash, 2);
    expect(checker.onEnd({ whole: nodeOf(world) })).to.include(hash);
    checker.onDiskLost(2);
    expect(checker.onEnd({ whole: nodeOf(world) })).to.equal(null);
  });
});

/**
 * Goal: the host of the protocol level keeps the contract of the machine's effects: nothing leaves before what it rests on
 * is durable, a crash leaves a first part of what was written, a restarted host resumes and repeats itself. Method: hosts
 * of four validators, driven by hand.
 */
import { expect } from 'chai';
import {
  adopt,
  answer,
  crash,
  createHost,
  expire,
  nothingKept,
  restart,
  step,
  sync,
} from '../../src/simulation/protocol/host.ts';
import type { HostState, Sent, Stepped } from '../../src/simulation/protocol/host-state.ts';
import { genesisTimeMs, keyOf, type Setting, settingOf } from '../../src/simulation/protocol/setting.ts';
import { areSealsAuthentic, isAuthentic } from '../../src/simulation/protocol/signatures.ts';

const nowMs = genesisTimeMs + 10_000;
const lateSyncs = settingOf(4, { syncs: 'later' });
const atOnce = settingOf(4);

const start = (setting: Setting, host: HostState): Stepped => restart(setting, host, host.live, nowMs);
const started = (setting: Setting, member: number): HostState => start(setting, createHost(setting, { member })).host;
const kindsOf = (sent: readonly Sent[]): readonly string[] => sent.map(({ message }) => message.type);

/** What the proposer of round 0 sends, given to this host. */
function deliver(setting: Setting, host: HostState, from: number, sent: readonly Sent[]): Stepped {
  let last: Stepped = { host, sent: [], decided: [], reports: [], verdict: { kind: 'accepted' } };
  const all: Sent[] = [];
  for (const { message } of sent) {
    last = step(setting, last.host, { type: 'message', message, peer: keyOf(from) }, nowMs);
    all.push(...last.sent);
  }
  return { ...last, sent: all };
}

/** Everyone gets everything, oldest first, until nothing is on its way. */
function runAll(setting: Setting, stepped: readonly Stepped[]): HostState[] {
  const hosts = stepped.map(({ host }) => host);
  const queue = stepped.flatMap(({ sent }, from) => sent.map((one) => ({ ...one, from })));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { from, message } = next;
    for (const [to, host] of hosts.entries()) {
      if (to === from) continue;
      const after = step(setting, host, { type: 'message', message, peer: keyOf(from) }, nowMs);
      hosts[to] = after.host;
      queue.push(...after.sent.map((one) => ({ ...one, from: to })));
    }
  }
  return hosts;
}

function proposed(setting: Setting): readonly Stepped[] {
  const [first, ...others] = [0, 1, 2, 3].map((member) => started(setting, member));
  if (first === undefined) throw new Error('four hosts');
  return [
    expire(setting, first, 'proposal-due', nowMs),
    ...others.map((host) => expire(setting, host, 'proposal-due', nowMs)),
  ];
}

describe('protocol host: durability before sends', () => {
  it('with later syncs nothing leaves in a step, and everything leaves in order at the sync', () => {
    const due = expire(lateSyncs, started(lateSyncs, 0), 'proposal-due', nowMs);
    expect(due.sent).to.deep.equal([]);
    expect(kindsOf(due.host.held)).to.deep.equal(['proposal', 'prepare']);
    expect(due.host.durable.journal).to.deep.equal([]);
    const synced = sync(lateSyncs, due.host, nowMs);
    expect(kindsOf(synced.sent)).to.deep.equal(['proposal', 'prepare']);
    expect(synced.host.durable).to.equal(synced.host.stored);
    expect(synced.host.durable.journal.map(({ type }) => type)).to.deep.equal(['accepted']);
  });

  it('at once: what a step sends has left, and what it wrote is durable, when it ends', () => {
    const due = expire(atOnce, started(atOnce, 0), 'proposal-due', nowMs);
    expect(kindsOf(due.sent)).to.deep.equal(['proposal', 'prepare']);
    expect(due.host.durable).to.equal(due.host.stored);
    expect(due.host.unsynced.writes).to.deep.equal([]);
  });

  it('a step leaves the host that it was given as it was', () => {
    const host = started(atOnce, 0);
    const before = JSON.stringify(host);
    expire(atOnce, host, 'proposal-due', nowMs);
    expect(JSON.stringify(host)).to.equal(before);
  });
});

describe('protocol host: own commits', () => {
  const alone = settingOf(1, { syncs: 'later' });
  const signed = expire(alone, started(alone, 0), 'proposal-due', nowMs);

  it('count when the record of them is durable, and what they decide waits for the next sync', () => {
    expect(kindsOf(signed.host.held)).to.deep.equal(['proposal', 'prepare', 'commit']);
    expect([signed.decided, signed.host.stored.blocks]).to.deep.equal([[], []]);
    const synced = sync(alone, signed.host, nowMs);
    expect(synced.host.durable.guard.signed.map(({ kind }) => kind)).to.include('commit');
    expect(kindsOf(synced.sent)).to.deep.equal(['proposal', 'prepare', 'commit']);
    expect([synced.decided.length, synced.host.durable.blocks.length]).to.deep.equal([1, 0]);
    expect(sync(alone, synced.host, nowMs).host.durable.blocks).to.deep.equal(synced.decided);
  });

  it('decide the same block again where a crash took it before it was durable', () => {
    const [decided] = sync(alone, signed.host, nowMs).decided;
    const down = crash(sync(alone, signed.host, nowMs).host, nothingKept);
    expect(down.stored.blocks).to.deep.equal([]);
    expect(start(settingOf(1), down).decided.map(({ digest }) => digest)).to.deep.equal([decided?.digest]);
  });

  it('at once, decide within the step that signs them', () => {
    const setting = settingOf(1);
    const { decided, sent, host } = expire(setting, started(setting, 0), 'proposal-due', nowMs);
    expect([decided.length, host.durable.blocks.length]).to.deep.equal([1, 1]);
    expect(kindsOf(sent)).to.deep.equal(['proposal', 'prepare', 'commit']);
  });
});

describe('protocol host: crashes and restarts', () => {
  const due = expire(lateSyncs, started(lateSyncs, 0), 'proposal-due', nowMs).host;

  it('each first part of the writes may be left, in the order in which they were written', () => {
    const written = due.unsynced.writes.map((write) =>
      write.type === 'journal' ? write.record.type : write.payload.kind,
    );
    expect(written).to.deep.equal(['accepted', 'proposal', 'prepare']);
    for (let writes = 0; writes <= written.length; writes++) {
      const { stored, held, machine } = crash(due, { writes, blocks: 0 });
      expect(stored.journal.length).to.equal(Math.min(writes, 1));
      expect(stored.guard.signed.map(({ kind }) => kind)).to.deep.equal(
        ['proposal', 'prepare'].slice(0, Math.max(0, writes - 1)),
      );
      expect([held.length, machine]).to.deep.equal([0, null]);
    }
  });

  it('what was durable is signed again byte for byte; what was lost is signed anew without a refusal', () => {
    const first = sync(lateSyncs, due, nowMs).sent;
    for (const writes of [0, 1, 2, 3]) {
      const again = start(atOnce, crash(due, { writes, blocks: 0 }));
      const sent = writes === 0 ? expire(atOnce, again.host, 'proposal-due', nowMs) : again;
      expect(sent.reports.filter(({ type }) => type === 'guard-refused')).to.deep.equal([]);
      const proposal = sent.sent.find(({ message }) => message.type === 'proposal');
      expect(proposal?.message.payload.signature).to.deep.equal(first[0]?.message.payload.signature);
    }
  });

  it('a host that is down has no timers, and what it had not stored is gone', () => {
    const down = crash(due, nothingKept);
    expect(Object.values(down.timers)).to.deep.equal([null, null, null, null]);
    expect(down.stored).to.deep.equal(createHost(lateSyncs, { member: 0 }).stored);
  });

  it('the guard refuses what a machine that lost its journal asks for', () => {
    const synced = sync(lateSyncs, due, nowMs).host;
    // Another block: its clock is later now.
    const forgetful = { ...crash(synced, nothingKept), clockOffsetMs: 5000 };
    const stored = { ...forgetful.stored, journal: [] };
    const again = start(atOnce, { ...forgetful, stored, durable: stored });
    const refused = expire(atOnce, again.host, 'proposal-due', nowMs).reports.filter(
      ({ type }) => type === 'guard-refused',
    );
    expect(refused.map((report) => (report.type === 'guard-refused' ? report.reason : ''))).to.include('conflicting');
  });
});

describe('protocol host: blocks', () => {
  it('four hosts decide one height, each with seals that hold', () => {
    const hosts = runAll(atOnce, proposed(atOnce));
    const digests = hosts.map(({ stored }) => stored.blocks.map(({ digest }) => digest));
    expect(new Set(digests.flat()).size).to.equal(1);
    expect(digests.every((blocks) => blocks.length === 1)).to.equal(true);
    for (const { stored } of hosts) expect(stored.blocks.every(areSealsAuthentic)).to.equal(true);
  });

  it('journals of final heights go; the next height begins where there is one', () => {
    const two = settingOf(4, { heightsMax: 2 });
    for (const { stored, machine } of runAll(two, proposed(two))) {
      expect(stored.journal.filter(({ height }) => height === 1)).to.deep.equal([]);
      expect(machine?.facts.height).to.equal(2);
    }
  });

  it('a host that was away adopts final blocks, but none whose seals do not hold', () => {
    const away = started(atOnce, 3);
    const block = runAll(atOnce, proposed(atOnce))[0]?.stored.blocks[0];
    if (block === undefined) throw new Error('a block was decided');
    const forged = {
      ...block,
      commit: {
        ...block.commit,
        seals: block.commit.seals.map((seal) => ({ ...seal, signature: new Uint8Array(64) })),
      },
    };
    expect(adopt(atOnce, away, [forged], nowMs).decided).to.deep.equal([]);
    const few = { ...block, commit: { ...block.commit, seals: block.commit.seals.slice(1) } };
    expect(adopt(atOnce, away, [few], nowMs).decided).to.deep.equal([]);
    expect(adopt(atOnce, away, [block], nowMs).host.stored.blocks).to.deep.equal([block]);
  });

  it('answered later, a block is built and checked only when the answer is given', () => {
    const slow = settingOf(4, { blocks: 'later' });
    const asked = expire(slow, started(slow, 0), 'proposal-due', nowMs);
    expect([asked.sent, asked.host.answers.length]).to.deep.equal([[], 1]);
    const built = answer(slow, asked.host, nowMs);
    expect(kindsOf(built.sent)).to.deep.equal(['proposal', 'prepare']);
  });
});

describe('protocol host: signatures', () => {
  it('name signer and content: whatever is changed, they hold no more', () => {
    const { sent } = expire(atOnce, started(atOnce, 0), 'proposal-due', nowMs);
    for (const { message } of sent) {
      expect(isAuthentic(message)).to.equal(true);
      const { payload } = message;
      for (const changed of [{ author: keyOf(1) }, { round: 1 }, { height: 2 }, { digest: 'ab'.repeat(32) }])
        expect(isAuthentic({ ...message, payload: { ...payload, ...changed } } as typeof message)).to.equal(false);
    }
    const [proposal, prepare] = sent;
    expect(isAuthentic({ type: 'commit', payload: prepare?.message.payload } as never)).to.equal(false);
    const others = deliver(atOnce, started(atOnce, 1), 0, sent).sent;
    expect(kindsOf(others)).to.deep.equal(['prepare']);
    expect(others[0]?.message.payload.signature).to.not.deep.equal(proposal?.message.payload.signature);
  });
});

/**
 * Goal: the monitor sends each notice once at a time, goes on after failures, does not repeat for ever what the chain refuses, and
 * loses no statement that it has called durable. Method: the monitor over a court's chain in memory and a disk that loses
 * what was not synced; the test answers its transactions as a chain would, or does not.
 */
import { expect } from 'chai';
import {
  type Notice,
  type NoticeOutcome,
  ObligationMonitor,
  type Taken,
} from '../../../src/actors/court/obligation-monitor.ts';
import type { ChainFeed, FollowedState } from '../../../src/actors/traffic/chain-feed.ts';
import { caseIdOf } from '../../../src/protocols/ledger/modules/court/case-state.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { acme, CourtWorld, probe, provider } from '../../protocols/ledger/court/court-world.ts';
import { keyOf, signatures } from '../../protocols/ledger/ledger-world.ts';

class MonitorWorld extends CourtWorld {
  readonly disk = new MemoryDisk();
  /** Kinds of the transactions sent, in order. */
  readonly sent: string[] = [];
  readonly feed: ChainFeed;
  monitor: ObligationMonitor;

  constructor() {
    super();
    this.activate();
    this.feed = {
      chainId: this.chainId,
      current: () => this.followed,
      subscribe: () => () => undefined,
      send: (kind) => {
        this.sent.push(kind);
        return new Promise(() => undefined);
      },
      proof: () => Promise.resolve(null),
    };
    this.monitor = this.open();
  }

  open(): ObligationMonitor {
    const store = this.disk.open({ kind: 'court', version: 1, chainId: this.chainId });
    return new ObligationMonitor({ feed: this.feed, store, signatures, court: 'court-1', log: noTelemetry.log });
  }

  get followed(): FollowedState {
    return { height: this.height, time: this.parent.time, reader: this.state };
  }

  handIn(value: number, source = probe): Taken {
    const { agreement } = this;
    const statement = this.statement(source, value);
    return this.monitor.take(this.followed, { agreement, obligation: 'uptime', period: 0, ...statement });
  }

  look(): readonly Notice[] {
    return this.monitor.look(this.followed);
  }

  /** Blocks until the monitor sends again; null where it does not in so many. */
  blocksUntilSent(blocksMax: number): number | null {
    for (let block = 1; block <= blocksMax; block++) {
      this.commit();
      if (this.look().length > 0) return block;
    }
    return null;
  }
}

describe('obligation monitor', () => {
  it('sends a notice once while it is under way, and not again when it is taken', () => {
    const world = new MonitorWorld();
    expect(world.look()).deep.equal([]);
    expect(world.handIn(1)).deep.equal({ kind: 'taken', isNew: true });
    const [notice, ...more] = world.look();
    expect([notice?.breach.id, more, world.sent]).deep.equal([
      caseIdOf(world.agreement, 'uptime', 0),
      [],
      ['court.notice-breach'],
    ]);
    expect(world.blocksUntilSent(3)).equal(null);
    // Final, and the state that is followed does not have it yet.
    world.monitor.noticed(notice!.breach, { value: { hash: '', code: 'ok' } }, world.height);
    expect(world.blocksUntilSent(2)).equal(null);
    const statements = [world.statement(probe, 1)];
    expect(world.notice('uptime', 0, keyOf('hosting'), statements)).equal('ok');
    expect(world.blocksUntilSent(12)).equal(null);
  });

  /** Blocks between the outcome of a notice and the next attempt, as often as there is one. */
  const pausesAfter = (world: MonitorWorld, outcome: NoticeOutcome, attemptsMax: number): readonly number[] => {
    const pauses: number[] = [];
    let [notice] = world.look();
    while (notice !== undefined && pauses.length < attemptsMax) {
      world.monitor.noticed(notice.breach, outcome, world.height);
      const before = world.height;
      notice = undefined;
      while (notice === undefined && world.height - before < 70) {
        world.commit();
        [notice] = world.look();
      }
      if (notice !== undefined) pauses.push(world.height - before);
    }
    return pauses;
  };

  it('tries again where nobody can tell what became of a notice, ever more seldom, and does not give up', () => {
    const world = new MonitorWorld();
    world.handIn(1);
    expect(pausesAfter(world, { error: new Error('nobody answers') }, 7)).deep.equal([2, 4, 8, 16, 32, 64, 64]);
  });

  it('gives a notice up that the chain refuses again and again, until it starts anew', () => {
    const world = new MonitorWorld();
    world.handIn(1);
    expect(pausesAfter(world, { value: { hash: '', code: 'not-permitted' } }, 9)).deep.equal([2, 4, 8, 16]);
    world.disk.crash((unsynced) => unsynced);
    world.monitor = world.open();
    expect(world.look()).length(1);
  });

  it('has every statement after a crash that it had called durable, and says of others that it does not know them', async () => {
    const world = new MonitorWorld();
    world.handIn(1);
    await world.monitor.durable();
    world.handIn(2, keyOf('probe 2'));
    world.disk.crash();
    world.monitor = world.open();
    expect(world.monitor.statementsOf(world.agreement)).nested.property('statements.length', 1);
    expect(world.handIn(1)).deep.equal({ kind: 'taken', isNew: false });
    expect(world.handIn(2)).deep.equal({ kind: 'refused', reason: 'contradicts-earlier' });
    expect(world.handIn(3, keyOf('probe 2'))).deep.equal({ kind: 'taken', isNew: true });
  });

  it('lets go of statements of an agreement under which nothing can be claimed any more', async () => {
    const world = new MonitorWorld();
    world.handIn(999_999);
    for (const party of [acme, provider]) world.must(party, 'agreements.terminate', { agreement: world.agreement });
    world.look();
    expect(world.monitor.statementsOf(world.agreement)).nested.property('statements.length', 1);
    world.pass(62_000);
    world.look();
    await world.monitor.durable();
    world.disk.crash();
    world.monitor = world.open();
    expect(world.monitor.statementsOf(world.agreement)).nested.property('statements.length', 0);
  });
});

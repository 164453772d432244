/** Scenarios that press on one thing each: short, few validators, and as unkind as the faults allow. */
import type { SpoilName } from '../simulation/system/byzantine/invalid-blocks.ts';
import type { Scenario } from '../simulation/system/scenario.ts';
import { brief, crashes, few, fromMs } from './brief-scenario.ts';
import { serviceScenarios } from './service-scenarios.ts';

/** Every block that one of four proposes is wrong, in this one way. */
const fraud = (wrong: SpoilName): Scenario => ({
  ...brief,
  name: `a fraud, ${wrong}`,
  expects: 'One of four proposes blocks that are wrong in one way, the same to everybody: all refuse them.',
  durationMs: 52_000,
  transfersPerSecond: 10,
  faults: (draw) => [{ kind: 'invalid-blocks', wrong, node: draw.between(0, 3), atMs: 2_000, forMs: 50_000 }],
});

export const scenarios = {
  'halves of four': {
    ...brief,
    name: 'halves of four',
    expects: 'Two and two: neither half has a quorum.',
    faults: (draw) => {
      const nodes = draw.shuffle(few);
      return [{ kind: 'partition', groups: [nodes.slice(0, 2), nodes.slice(2)], atMs: fromMs, forMs: 15_000 }];
    },
  },
  'one is down': {
    ...brief,
    name: 'one is down',
    expects: 'Three of four go on without it, through every turn of its own.',
    faults: (draw) => [{ kind: 'crash', node: draw.between(0, 3), atMs: fromMs, forMs: 20_000 }],
  },
  'all at once': {
    ...brief,
    name: 'all at once',
    expects: 'The power goes while disks are slow: what was final stays so, and blocks come back.',
    syncMs: [50, 400],
    faults: (draw) =>
      [10_000, 17_000, 24_000].flatMap((atMs) => {
        const momentMs = draw.between(atMs, atMs + 3_000);
        return few.map((node) => ({ kind: 'crash' as const, node, atMs: momentMs, forMs: draw.between(50, 1_000) }));
      }),
  },
  'one slow disk, one away': {
    ...brief,
    name: 'one slow disk, one away',
    expects: 'Three of four decide; what one of them says is written slowly.',
    faults: (draw) => {
      const [slow = 0, away = 0] = draw.shuffle(few);
      return [
        { kind: 'slow-disk', node: slow, upToMs: 1_500, atMs: fromMs, forMs: 20_000 },
        { kind: 'pause', node: away, atMs: fromMs, forMs: 20_000 },
      ];
    },
  },
  'a start beside a full disk': {
    ...brief,
    name: 'a start beside a full disk',
    expects: 'One is silent, one has no room when a third starts: the third votes again as soon as there is room.',
    faults: (draw) => {
      const [silent = 0, full = 0, starting = 0, other = 0] = draw.shuffle(few);
      return [
        { kind: 'silence', node: silent, towards: [full, starting, other], atMs: fromMs, forMs: 50_000 },
        { kind: 'full-disk', node: full, atMs: fromMs, forMs: 8_000 },
        { kind: 'crash', node: starting, atMs: fromMs + 3_000, forMs: 200 },
      ];
    },
  },
  'a source that keeps silent': {
    ...brief,
    name: 'a source that keeps silent',
    expects:
      'One is cut off while blocks are decided, and one says that it has them and answers nobody: others are asked.',
    faults: (draw) => {
      const [away = 0, silent = 0, ...others] = draw.shuffle(few);
      return [
        { kind: 'partition', groups: [[away], [silent, ...others]], atMs: fromMs, forMs: 3_000 },
        { kind: 'silence', node: silent, towards: [away, ...others], atMs: fromMs + 2_900, forMs: 50_000 },
      ];
    },
  },
  'members go to the end': {
    ...brief,
    name: 'members go to the end',
    expects: 'The run ends right where the set of validators changes: what the last log head proves still holds.',
    // A quorum of five is four, of four three.
    validators: 5,
    durationMs: 90_000,
    endsWhenWell: true,
    faults: (draw) => [{ kind: 'leave', node: draw.between(0, 4), atMs: draw.between(15_000, 25_000), forMs: 10_000 }],
  },
  'slow disks, many crashes': {
    ...brief,
    name: 'slow disks, many crashes',
    expects: 'Crashes between a write and its sync, again and again.',
    syncMs: [50, 400],
    faults: (draw) => crashes(draw, 12),
  },
  'cut off, then crashed': {
    ...brief,
    name: 'cut off, then crashed',
    expects: 'What a validator acknowledged while it was alone is not lost with it.',
    transfersPerSecond: 20,
    syncMs: [20, 100],
    faults: (draw) => {
      const [node = 0, ...others] = draw.shuffle(few);
      const atMs = draw.between(fromMs, fromMs + 1_000);
      return [
        { kind: 'partition', groups: [[node], others], atMs, forMs: 10_000 },
        { kind: 'crash', node, atMs: atMs + draw.between(2_000, 6_000), forMs: 500 },
      ];
    },
  },
  'slow network': {
    ...brief,
    name: 'slow network',
    expects: 'A round takes longer than its first time-out: time-outs grow until one is enough.',
    delayMs: [450, 550],
    faults: [],
  },
  'scattered rounds': {
    ...brief,
    name: 'scattered rounds',
    expects: 'Validators that were cut off in different ways for different times meet in one round again.',
    faults: (draw) => {
      const nodes = draw.shuffle(few);
      return [
        {
          kind: 'partition',
          groups: [nodes.slice(0, 1), nodes.slice(1, 2), nodes.slice(2)],
          atMs: fromMs,
          forMs: draw.between(3_000, 9_000),
        },
        {
          kind: 'partition',
          groups: [nodes.slice(0, 2), nodes.slice(2)],
          atMs: 19_500,
          forMs: draw.between(1_000, 6_000),
        },
        { kind: 'loss', probability: 0.05, atMs: fromMs, forMs: 18_000 },
      ];
    },
  },
  'many transfers': {
    ...brief,
    name: 'many transfers',
    expects: 'Nothing goes wrong: value moves, none appears or vanishes.',
    durationMs: 50_000,
    transfersPerSecond: 40,
    faults: [],
  },
  'one that does not vote': {
    ...brief,
    name: 'one that does not vote',
    expects: 'A node outside of the set takes transactions, and the validators put them into blocks.',
    durationMs: 50_000,
    standbys: 1,
    faults: [],
  },
  'copies of a running validator': {
    ...brief,
    name: 'copies of a running validator',
    expects: 'A validator is replaced by an older copy of itself: it does not sign until it cannot contradict itself.',
    delayMs: [50, 200],
    faults: (draw) =>
      [12_000, 20_000].map((copiedAtMs) => ({
        kind: 'restore' as const,
        node: draw.between(0, 3),
        copiedAtMs: draw.between(copiedAtMs, copiedAtMs + 2_000),
        atMs: copiedAtMs + draw.between(2_000, 5_000),
        forMs: 200,
      })),
  },
  'a power cut and a liar': {
    ...brief,
    name: 'a power cut and a liar',
    expects:
      'All correct validators start at once, and one that lies tells them that they are old copies: none believes it.',
    faults: (draw) => {
      const [liar = 0, ...others] = draw.shuffle([0, 1, 2, 3]);
      return [
        { kind: 'false-starts', node: liar, atMs: 1_000, forMs: 30_000 },
        ...others.map((node) => ({ kind: 'crash' as const, node, atMs: 15_000, forMs: draw.between(500, 2_000) })),
      ];
    },
  },
  'a wiped disk': {
    ...brief,
    name: 'a wiped disk',
    expects: 'A validator loses all it had, twice: late enough for a snapshot, and it contradicts nothing.',
    durationMs: 150_000,
    faults: (draw) => [
      { kind: 'wipe', node: draw.between(0, 3), atMs: draw.between(fromMs, 15_000), forMs: 500 },
      { kind: 'wipe', node: draw.between(0, 3), atMs: draw.between(80_000, 90_000), forMs: 500 },
    ],
  },
  'a forger': {
    ...brief,
    name: 'a forger',
    expects: 'One of four forges certificates, repeats what is old and contradicts itself, in rounds that losses make.',
    durationMs: 80_000,
    transfersPerSecond: 2,
    faults: (draw) => {
      const [liar = 0, other = 1] = draw.shuffle(few);
      const during = { node: liar, atMs: fromMs, forMs: 30_000 };
      return [
        { kind: 'forge-certificates', ...during },
        ...(draw.chance(0.5) ? [{ kind: 'replay' as const, ...during }] : []),
        ...(draw.chance(0.3) ? [{ kind: 'equivocate' as const, ...during }] : []),
        { kind: 'loss', probability: 0.15, atMs: fromMs, forMs: 30_000 },
        { kind: 'pause', node: other, atMs: draw.between(fromMs, 30_000), forMs: draw.between(1_000, 8_000) },
      ];
    },
  },
  'an impostor': {
    ...brief,
    name: 'an impostor',
    expects: 'One of four speaks for the others, in rounds that losses make: nobody believes it.',
    durationMs: 76_000,
    faults: (draw) => {
      const [liar = 0, other = 1] = draw.shuffle(few);
      return [
        { kind: 'impersonate', node: liar, atMs: fromMs, forMs: 25_000 },
        { kind: 'loss', probability: 0.2, atMs: fromMs, forMs: 25_000 },
        { kind: 'pause', node: other, atMs: 15_000, forMs: draw.between(1_000, 6_000) },
      ];
    },
  },
  'a fraud': {
    ...brief,
    name: 'a fraud',
    expects: 'One of four proposes wrong blocks and lies about the chain, while another one has to catch up.',
    durationMs: 80_000,
    transfersPerSecond: 10,
    faults: (draw) => {
      const [liar = 0, other = 1] = draw.shuffle(few);
      const during = { node: liar, atMs: fromMs, forMs: 30_000 };
      return [
        { kind: 'invalid-blocks', wrong: null, ...during },
        { kind: 'false-reports', ...during },
        { kind: 'crash', node: other, atMs: draw.between(fromMs, 20_000), forMs: draw.between(2_000, 12_000) },
      ];
    },
  },
  'a fraud, state-root': fraud('state-root'),
  'a fraud, time-too-early': fraud('time-too-early'),
  'a fraud, seals-missing': fraud('seals-missing'),
  'a fraud, beacon': fraud('beacon'),
  'a fraud, expired-transaction': fraud('expired-transaction'),
  'cheating clients': {
    ...brief,
    name: 'cheating clients',
    expects: 'Used nonces, skipped ones, money that is not there: none of it gets further than the rules let it.',
    durationMs: 55_000,
    faults: [{ kind: 'cheat', perSecond: 40, atMs: 2_000, forMs: 13_000 }],
  },
  crowds: {
    ...brief,
    name: 'crowds',
    expects: 'Hundreds of accounts come into being within single blocks.',
    durationMs: 60_000,
    faults: [0, 2].map((node) => ({ kind: 'flood', node, perSecond: 80, atMs: 2_000, forMs: 18_000 })),
  },
  'a bond on its way back': {
    ...brief,
    name: 'a bond on its way back',
    expects: 'One of four contradicts itself after it has asked for a part of its bond: that is forfeited too.',
    durationMs: 75_000,
    faults: (draw) => {
      const node = draw.between(0, 3);
      return [
        { kind: 'unbond', node, atMs: 1_000, forMs: 14_000 },
        { kind: 'equivocate', node, atMs: 10_000, forMs: 65_000 },
      ];
    },
  },
  'empty promises': {
    ...brief,
    name: 'empty promises',
    expects: 'One of four claims heights that are not there and has no blocks for those who were cut off.',
    faults: (draw) => {
      const [liar = 0, ...others] = draw.shuffle(few);
      return [
        { kind: 'empty-promises', node: liar, atMs: 2_000, forMs: 68_000 },
        ...others.map((node, index) => ({
          ...{ kind: 'partition' as const, groups: [[node], few.filter((other) => other !== node)] },
          ...{ atMs: fromMs + 7_000 * index, forMs: draw.between(3_000, 5_000) },
        })),
      ];
    },
  },
  'false blocks': {
    ...brief,
    name: 'false blocks',
    expects: 'One of four has false blocks and seals for those who were down, one after the other.',
    faults: (draw) => {
      const [liar = 0, ...others] = draw.shuffle(few);
      return [
        { kind: 'false-reports', node: liar, atMs: 2_000, forMs: 68_000 },
        ...[...others, ...others].map((node, index) => ({
          ...{ kind: 'crash' as const, node },
          ...{ atMs: 7_000 + 4_000 * index, forMs: draw.between(2_000, 3_000) },
        })),
      ];
    },
  },
  'a false snapshot': {
    ...brief,
    name: 'a false snapshot',
    expects: 'A validator that lost all it had starts from snapshots, of which one is not what it seems.',
    durationMs: 125_000,
    transfersPerSecond: 1,
    faults: (draw) => {
      const [liar = 0, other = 1] = draw.shuffle(few);
      return [
        { kind: 'false-reports', node: liar, atMs: 74_000, forMs: 11_000 },
        { kind: 'wipe', node: other, atMs: 76_000, forMs: 500 },
      ];
    },
  },
  'any mix, four': {
    ...brief,
    name: 'any mix, four',
    expects: 'Whatever the seed draws.',
    durationMs: 90_000,
    faults: 'swarm',
  },
  'any mix, seven': {
    ...brief,
    name: 'any mix, seven',
    expects: 'Whatever the seed draws.',
    validators: 7,
    durationMs: 90_000,
    faults: 'swarm',
  },
  ...serviceScenarios,
} satisfies Readonly<Record<string, Scenario>>;

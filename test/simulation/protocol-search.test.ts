/**
 * Goal: the random search of the protocol level is deterministic, reaches what it should, writes down what it did so that it
 * can be run again without a seed, and each of its checks bites. Method: seeds under production rules, under rules with a
 * planted defect, and under quorums that cannot work.
 */
import { expect } from 'chai';
import type { Effect, Transition } from '../../src/protocols/ibft/machine-types.ts';
import type { ProtocolCheck } from '../../src/simulation/protocol/checks.ts';
import { minimiseProtocol } from '../../src/simulation/protocol/minimise.ts';
import { replayProtocol } from '../../src/simulation/protocol/replay.ts';
import {
  formatProtocolSchedule,
  protocolScheduleOf,
  type SavedProtocolSchedule,
} from '../../src/simulation/protocol/schedule-json.ts';
import type { ProtocolSchedule } from '../../src/simulation/protocol/schedule.ts';
import {
  type ProtocolSearch,
  recordProtocolSeed,
  runProtocolSeed,
  searchProtocol,
} from '../../src/simulation/protocol/search.ts';
import { productionRules, type Rules } from '../../src/simulation/protocol/setting.ts';
import { parseSchedule, ScheduleFileError } from '../../src/simulation/schedule-file.ts';

const search = (options: Partial<ProtocolSearch> = {}): ProtocolSearch => ({
  ...{ validators: 4, heights: 3, runs: 200, seed: 'search', rules: productionRules },
  ...options,
});

describe('protocol search: production rules', () => {
  it('nothing is found, and everything that can happen has happened', () => {
    const { finding, counts, heights } = searchProtocol(search());
    expect(finding).to.equal(null);
    expect(heights).to.be.greaterThan(200);
    for (const name of ['timeOuts', 'crashes', 'jumps', 'certificates', 'evidence'])
      expect(counts[name], name).to.be.greaterThan(0);
    expect(counts['roundMax']).to.be.greaterThan(3);
  });

  it('one validator whose commit a crash takes before it is durable has not decided with it (seed m2/53)', () => {
    const { finding, counts } = searchProtocol(search({ validators: 1, seed: 'm2', runs: 60 }));
    expect(finding).to.equal(null);
    expect(counts['crashes']).to.be.greaterThan(0);
  });

  it('the same seed gives the same trace, another one another', () => {
    const hashes = ['a', 'a', 'b'].map((seed) => runProtocolSeed(search(), seed).traceHash);
    expect(hashes[0]).to.equal(hashes[1]);
    expect(hashes[0]).to.not.equal(hashes[2]);
  });

  it('what a seed did, written down and read back, is the same run', () => {
    for (let index = 0; index < 40; index++) {
      const seed = `written/${index}`;
      const run = runProtocolSeed(search(), seed);
      const saved = { schedule: recordProtocolSeed(search(), seed), found: null, note: '' };
      const read = protocolScheduleOf(parseSchedule(formatProtocolSchedule(saved), 'a.json')).schedule;
      const again = replayProtocol(read, productionRules);
      expect([again.traceHash, again.heights, again.recoveryMs], seed).to.deep.equal([
        run.traceHash,
        run.heights,
        run.recoveryMs,
      ]);
    }
  });
});

/** The machine with its effects changed. */
const changed = (change: (effect: Effect) => readonly Effect[]): Rules => {
  const map = ({ effects, ...rest }: Transition): Transition => ({ ...rest, effects: effects.flatMap(change) });
  return {
    ...productionRules,
    create: (options) => map(productionRules.create(options)),
    transition: (state, input) => map(productionRules.transition(state, input)),
  };
};

const without = (type: Effect['type'], record?: string): Rules =>
  changed((effect) =>
    effect.type === type && (effect.type !== 'persist' || effect.record.type === record) ? [] : [effect],
  );

interface Planted {
  readonly defect: string;
  readonly check: ProtocolCheck;
  readonly options: Partial<ProtocolSearch>;
}

const planted: readonly Planted[] = [
  { defect: 'a quorum of two of four', check: 'agreement', options: { quorum: 2, heights: 1 } },
  { defect: 'a quorum of all', check: 'liveness', options: { quorum: 4, heights: 1 } },
  {
    defect: 'proposals are not persisted',
    check: 'guard',
    options: { runs: 1000, rules: without('persist', 'accepted') },
  },
  { defect: 'rounds are not persisted', check: 'guard', options: { rules: without('persist', 'round') } },
  {
    defect: 'certificates are not persisted',
    check: 'no-failures',
    options: { rules: without('persist', 'prepared') },
  },
  {
    defect: 'the round timer is never set',
    check: 'liveness',
    options: { rules: changed((effect) => (effect.type === 'set-timer' && effect.timer === 'round' ? [] : [effect])) },
  },
  {
    defect: 'invalid blocks are found valid',
    check: 'validity',
    options: {
      runs: 1500,
      rules: {
        ...productionRules,
        transition: (state, input) =>
          productionRules.transition(
            state,
            input.type === 'block-checked' && input.result.kind === 'invalid'
              ? { ...input, result: { kind: 'valid' } }
              : input,
          ),
      },
    },
  },
  {
    defect: 'a decision with a seal too few',
    check: 'integrity',
    options: {
      rules: changed((effect) =>
        effect.type === 'decide'
          ? [{ ...effect, commit: { ...effect.commit, seals: effect.commit.seals.slice(1) } }]
          : [effect],
      ),
    },
  },
  {
    defect: 'round changes that leave their certificate at home',
    check: 'innocence',
    options: {
      rules: changed((effect) =>
        effect.type === 'sign' && effect.payload.kind === 'round-change'
          ? [{ ...effect, beside: { ...effect.beside, block: null, prepares: [] } }]
          : [effect],
      ),
    },
  },
];

describe('protocol search: each check bites', () => {
  for (const { defect, check, options } of planted)
    it(`${check}: ${defect}`, () => {
      const { finding } = searchProtocol(search(options));
      expect(finding?.violations.map((violation) => violation.check)).to.include(check);
      const { schedule } = finding as { readonly schedule: ProtocolSchedule };
      const rules = options.rules ?? productionRules;
      const { schedule: minimal, replays } = minimiseProtocol(schedule, { rules, check, replaysMax: 150 });
      const again = replayProtocol(minimal, rules).violations.map((violation) => violation.check);
      expect(again, `${replays} replays`).to.include(check);
      expect(minimal.choices.length).to.be.at.most(schedule.choices.length);
    });
});

describe('protocol schedules: bad files', () => {
  const good: SavedProtocolSchedule = {
    schedule: {
      ...{ rules: 'production', heights: 1, quorum: null, proposerOrder: null, blocks: 'at-once', calm: null },
      cast: { validators: 4, twins: [], adversaries: [] },
      choices: [
        { do: 'expire', host: 0, timer: 'proposal-due' },
        { do: 'deliver', to: 1, from: 0, kind: 'proposal', height: 1, round: 0 },
      ],
    },
    found: null,
    note: 'nothing',
  };
  const text = formatProtocolSchedule(good);

  const refused: readonly (readonly [string, string, string])[] = [
    ['"do":"expire"', '"do":"explode"', 'choices[0].do'],
    ['"kind":"proposal"', '"kind":"rumour"', 'choices[1].kind'],
    ['"to":1', '"to":4', 'choices[1].to'],
    ['"validators":4', '"validators":40', 'cast.validators'],
    ['"rules": "production"', '"rules": "pbft"', 'rules'],
    ['"version": 1', '"version": 2', 'version'],
  ];
  for (const [from, to, field] of refused)
    it(`${to}: the error names the line and ${field}`, () => {
      const changedText = text.replace(from, to).replace(from.replace(/([:,])/g, '$1 '), to);
      expect(changedText).to.not.equal(text);
      const line = changedText.split('\n').findIndex((one, at) => one !== text.split('\n')[at]) + 1;
      expect(() => protocolScheduleOf(parseSchedule(changedText, 'bad.json')))
        .to.throw(ScheduleFileError)
        .with.property('message')
        .that.includes(`bad.json:${line}`)
        .and.includes(field);
    });

  it('what is right is read as it was written', () => {
    expect(protocolScheduleOf(parseSchedule(text, 'good.json'))).to.deep.equal(good);
  });
});

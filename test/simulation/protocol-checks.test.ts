/**
 * Goal: what a correct validator must never send is seen when it sends it. Method: the checks alone, without hosts, whose
 * guard refuses to sign such things before any check could see them: one validator's messages, planted by hand.
 */
import { expect } from 'chai';
import type { MachineState } from '../../src/protocols/ibft/machine-types.ts';
import type { ConsensusMessage, RoundChangePayload, UnsignedPayload } from '../../src/protocols/ibft/messages.ts';
import { digest, height as toHeight, round as toRound } from '../../src/protocols/shared/brands.ts';
import { ProtocolChecks } from '../../src/simulation/protocol/checks.ts';
import { ProposerChecks } from '../../src/simulation/protocol/proposer-checks.ts';
import type { Cast } from '../../src/simulation/protocol/schedule.ts';
import { blockOf, genesisDigest, genesisTimeMs, keyOf, settingOf } from '../../src/simulation/protocol/setting.ts';
import { signatureOf } from '../../src/simulation/protocol/signatures.ts';

const liar = 3;
const cast: Cast = { validators: 4, twins: [liar], adversaries: [] };
const a = digest('aa'.repeat(32));
const b = digest('bb'.repeat(32));
const height = toHeight(1);
const block = blockOf({
  ...{ height, parent: genesisDigest, proposer: 0, timeMs: genesisTimeMs + 2_000, salt: '0', isValid: true },
});

const signed = <P extends UnsignedPayload>(member: number, payload: P) => ({
  ...payload,
  author: keyOf(member),
  signature: signatureOf(member, payload),
});

type Said = (member: number) => ConsensusMessage;

const vote =
  (kind: 'prepare' | 'commit', round: number, of: typeof a): Said =>
  (member) => ({ type: kind, payload: signed(member, { kind, height, round: toRound(round), digest: of }) });

const proposal =
  (round: number, of: typeof a): Said =>
  (member) => ({
    type: 'proposal',
    payload: signed(member, { kind: 'proposal', height, round: toRound(round), digest: of }),
    ...{ block, roundChanges: [], prepares: [] },
  });

/** `prepared`: what its claim is. */
const roundChange =
  (round: number, prepared: { readonly round: number; readonly of: typeof a } | null): Said =>
  (member) => ({
    type: 'round-change',
    payload: signed(member, {
      ...{ kind: 'round-change', height, round: toRound(round) },
      preparedRound: prepared === null ? null : toRound(prepared.round),
      preparedDigest: prepared === null ? null : prepared.of,
    }),
    ...{ block: null, prepares: [] },
  });

function seen(member: number, sent: readonly Said[], rules = settingOf(4).rules): readonly string[] {
  const checks = new ProtocolChecks(settingOf(4, { rules }), cast);
  for (const say of sent) checks.onSent(member, say(member));
  return checks.violations.map(({ check, detail }) => `${check}: ${detail}`);
}

describe('checks of what correct validators sign', () => {
  const forbidden: readonly (readonly [name: string, sent: readonly Said[], violation: string])[] = [
    [
      'two proposals of a round',
      [proposal(0, a), proposal(0, b)],
      'signatures: validator 1 signed two proposals at height 1, round 0',
    ],
    [
      'prepares for two blocks in a round',
      [vote('prepare', 0, a), vote('prepare', 0, b)],
      'signatures: validator 1 signed two prepares at height 1, round 0',
    ],
    [
      'commits to two blocks in a round, a resend between them',
      [vote('commit', 0, a), vote('commit', 0, a), vote('commit', 0, b)],
      'signatures: validator 1 signed two commits at height 1, round 0',
    ],
    [
      'two claims about what was prepared in one round change',
      [roundChange(1, null), roundChange(1, { round: 0, of: a })],
      'signatures: validator 1 signed two round-changes at height 1, round 1',
    ],
    [
      'a vote in a round that was left',
      [roundChange(1, null), vote('prepare', 0, a)],
      'certificates: validator 1 at height 1: prepare of round 0, left before',
    ],
    [
      'a round change that forgets a commit',
      [vote('prepare', 0, a), vote('commit', 0, a), roundChange(1, null)],
      'certificates: validator 1 at height 1: its round change to 1 forgets its commit of 0',
    ],
    [
      'a round change that forgets what the one before it claimed',
      [roundChange(1, { round: 0, of: a }), roundChange(2, null)],
      'certificates: validator 1 at height 1: its round change to 2 forgets prepared round 0',
    ],
  ];
  for (const [name, sent, violation] of forbidden) {
    it(`see ${name}`, () => {
      expect(seen(1, sent)).to.deep.equal([violation]);
    });
    it(`let a liar off with ${name}`, () => {
      expect(seen(liar, sent)).to.deep.equal([]);
    });
  }

  it('have nothing against one who repeats itself, commits, and says so in every later round change', () => {
    const once = [proposal(0, a), vote('prepare', 0, a), vote('commit', 0, a)];
    const left = [roundChange(1, { round: 0, of: a }), roundChange(2, { round: 0, of: a })];
    expect(seen(1, [...once, ...once, ...left, ...left])).to.deep.equal([]);
  });

  it('ask for no certificates of rules that have none', () => {
    const { rules } = settingOf(4);
    const sent = [vote('commit', 0, a), roundChange(1, null)];
    expect(seen(1, sent, { ...rules, hasCertificates: false })).to.deep.equal([]);
  });
});

describe('the check of proposers', () => {
  const round = toRound(1);
  const proposer = 1;
  const quiet = { proposing: 'no', proposal: null } as const;

  /** What the machine of round 1's proposer looks like that holds round changes to it of these. */
  const machineWith = (holding: readonly number[], what: object = quiet): MachineState => {
    const { set } = settingOf(4);
    const entryOf = (member: number) => ({ payload: { author: keyOf(member), round }, certificate: null });
    return {
      ...{ decided: null, round, self: keyOf(proposer), selfIndex: proposer, firstProposer: 0 },
      facts: { height, set, proposerOrder: null },
      roundChanges: [0, 1, 2, 3].map((member) => (holding.includes(member) ? entryOf(member) : null)),
      ...what,
    } as unknown as MachineState;
  };

  /** The first round change to come only shows that the round is entered. */
  const problems = (heard: readonly (readonly [member: number, machine: MachineState])[]): readonly string[] => {
    const found: string[] = [];
    const checks = new ProposerChecks(settingOf(4), cast, (detail) => found.push(detail));
    for (const [member, machine] of [[0, machineWith([])] as const, ...heard]) {
      const { payload } = roundChange(1, null)(member);
      checks.onRoundChange(0, payload as RoundChangePayload, machine);
    }
    return found;
  };

  it('sees one that is silent though it has heard a quorum, itself included', () => {
    const heard = [[0, machineWith([0, 1])] as const, [2, machineWith([0, 1, 2])] as const];
    expect(problems(heard)).to.have.length(1);
    expect(problems(heard)[0]).to.include('round 1 of height 1');
  });

  const patient: readonly (readonly [what: string, heard: Parameters<typeof problems>[0]])[] = [
    [
      'has proposed, or is about to',
      [
        [0, machineWith([0, 1])],
        [2, machineWith([0, 1, 2], { proposing: 'building', proposal: null })],
      ],
    ],
    [
      'has heard the same one twice',
      [
        [0, machineWith([0, 1])],
        [0, machineWith([0, 1])],
      ],
    ],
    [
      'has heard a liar, which may have said other things to it before',
      [
        [0, machineWith([0, 1])],
        [liar, machineWith([0, 1, liar])],
      ],
    ],
    [
      'has not gone to this round itself',
      [
        [0, machineWith([0])],
        [2, machineWith([0, 2])],
      ],
    ],
    [
      'holds one less since its author has gone on',
      [
        [0, machineWith([0, 1])],
        [2, machineWith([1, 2])],
      ],
    ],
  ];
  for (const [what, heard] of patient) {
    it(`has nothing against one that ${what}`, () => {
      expect(problems(heard)).to.deep.equal([]);
    });
  }
});

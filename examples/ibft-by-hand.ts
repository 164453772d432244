/**
 * The consensus machine driven by hand. It is a pure function, `(state, input) → { state, effects, verdict }`: no clock,
 * no network, no disk. Here a small loop is all three. The first proposer is down, so the others must change the round.
 *
 *   npx tsx examples/ibft-by-hand.ts
 */
import {
  blockCodec,
  chainId,
  type ConsensusMessage,
  createIbftMachine,
  createSigner,
  digest,
  encode,
  type EncodedBlock,
  explainIbft,
  height,
  type IbftEffect,
  type IbftInput,
  ibftTransition,
  payloadSigningBytes,
  type Signer,
  validatorSet,
  validatorSetHash,
  type Verified,
} from 'bpci';

// --- a chain of four validators, at its genesis

const chain = chainId('11'.repeat(32));
const genesisTime = 1_700_000_000_000;
const signers = [1, 2, 3, 4].map((byte) => createSigner(new Uint8Array(32).fill(byte)));
const set = validatorSet(
  signers.map(({ publicKey }) => ({ publicKey, vrfPublicKey: publicKey })),
  67,
);
const keys = set.validators.map(({ publicKey }) => publicKey);
const signerOf = (key: string): Signer => signers.find(({ publicKey }) => publicKey === key)!;
const nameOf = (key: string): string => `validator ${keys.findIndex((known) => known === key) + 1}`;

const facts = {
  height: height(1),
  parent: { time: genesisTime, proposer: null, digest: digest(chain) },
  set,
  parameters: { blockTimeMs: 1000, emptyBlockPeriodMs: 5000, roundTimeoutBaseMs: 1000, roundTimeoutMaxMs: 60_000 },
  hasTransactions: false,
};

/** The machine agrees on digests; what is in a block is the business of those who build and check it. */
function buildBlock(proposer: (typeof keys)[number]): EncodedBlock {
  const zero = digest('00'.repeat(32));
  const roots = { transactionsRoot: zero, stateRoot: zero, eventsRoot: zero, logRoot: zero, lastCommitHash: zero };
  const validatorsHash = validatorSetHash(set);
  const value = {
    header: {
      ...{ chainId: chain, protocolVersion: 1, height: height(1), parent: digest(chain), time: genesisTime + 1000 },
      ...{ proposer, ...roots, logSize: 0, validatorsHash, nextValidatorsHash: validatorsHash },
      beacon: { output: new Uint8Array(64), proof: new Uint8Array(80) },
    },
    transactions: [],
    lastCommit: null,
  };
  return { bytes: encode(blockCodec, value), value };
}

// --- the loop: inputs wait in a queue, timers on a list, and time passes when the queue is empty

interface Timer {
  readonly validator: string;
  readonly dueMs: number;
  readonly input: Extract<IbftInput, { type: 'timer-expired' }>;
}

const states = new Map<string, ReturnType<typeof createIbftMachine>['state']>();
const inputs: { readonly validator: string; readonly input: IbftInput }[] = [];
let timers: Timer[] = [];
let nowMs = genesisTime;

function perform(self: (typeof keys)[number], effect: IbftEffect): void {
  const give = (input: IbftInput): unknown => inputs.push({ validator: self, input });
  switch (effect.type) {
    case 'persist':
      return; // a real host makes the record durable before anything after it leaves
    case 'sign': {
      const { kind, ...content } = effect.payload;
      const signature = signerOf(self).sign(payloadSigningBytes(chain, effect.payload));
      const { block, roundChanges, prepares } = effect.beside;
      const beside =
        kind === 'proposal' ? { block, roundChanges, prepares } : kind === 'round-change' ? { block, prepares } : {};
      const payload = { ...content, author: self, signature };
      // "Verified" is the host's word for having checked the signatures: its own it need not check.
      const message = { type: kind, payload, ...beside } as unknown as Verified<ConsensusMessage>;
      console.log(`${nameOf(self)} signs ${kind} of round ${message.payload.round}`);
      give({ type: 'signed', message });
      for (const peer of states.keys()) {
        if (peer !== self) inputs.push({ validator: peer, input: { type: 'message', message, peer: self } });
      }
      return;
    }
    case 'build-block':
      give({ type: 'block-built', height: effect.height, round: effect.round, block: buildBlock(self) });
      return;
    case 'check-block':
      give({ type: 'block-checked', height: effect.height, digest: effect.digest, result: { kind: 'valid' } });
      return;
    case 'set-timer': {
      const { timer, height, round, due } = effect;
      const dueMs = 'atMs' in due ? due.atMs : nowMs + due.afterMs;
      timers = timers.filter(({ validator, input }) => validator !== self || input.timer !== timer);
      timers.push({ validator: self, dueMs, input: { type: 'timer-expired', timer, height, round } });
      return;
    }
    case 'cancel-timer':
      timers = timers.filter(({ validator, input }) => validator !== self || input.timer !== effect.timer);
      return;
    case 'round-entered':
      if (effect.cause !== 'start') console.log(`${nameOf(self)} enters round ${effect.round}: ${effect.cause}`);
      return;
    case 'decide':
      console.log(`${nameOf(self)} decides ${effect.digest.slice(0, 8)}, ${effect.commit.seals.length} seals`);
      return;
    default:
      return; // resending, fetching, evidence: not needed here
  }
}

// --- start three of them: the proposer of round 0 is down

const observer = createIbftMachine({ chainId: chain, self: null, facts, records: [], live: [] });
const down = explainIbft(observer.state).proposer;
console.log(`${nameOf(down)} would propose first, and is down`);
const up = keys.filter((key) => key !== down);
for (const self of up) {
  const live = up.filter((key) => key !== self);
  const { state, effects } = createIbftMachine({ chainId: chain, self, facts, records: [], live });
  states.set(self, state);
  for (const effect of effects) perform(self, effect);
}

const isDecided = (): boolean => [...states.values()].every((state) => explainIbft(state).step === 'decided');
while (!isDecided()) {
  const next = inputs.shift();
  if (next === undefined) {
    timers.sort((a, b) => a.dueMs - b.dueMs);
    const timer = timers.shift();
    if (timer === undefined) throw new Error('nothing is left that could happen');
    nowMs = Math.max(nowMs, timer.dueMs);
    inputs.push(timer);
    continue;
  }
  const self = keys.find((key) => key === next.validator)!;
  const { state, effects, verdict } = ibftTransition(states.get(self)!, next.input);
  if (verdict.kind === 'rejected') throw new Error(`${nameOf(self)} rejected ${next.input.type}: ${verdict.reason}`);
  states.set(self, state);
  for (const effect of effects) perform(self, effect);
}
console.log(`decided in round 1, ${nowMs - genesisTime} ms after the genesis`);

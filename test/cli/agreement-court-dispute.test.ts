/**
 * Goal: parties and arbitrators bring a dispute from its filing to its end with the commands of `agreement-court` alone; a vote is
 * never lost, changed or committed to twice. Method: the commands in this process, over a node's real HTTP interface to a chain in
 * memory whose time the test moves.
 */
import { expect } from 'chai';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CaseView } from '../../src/protocols/ledger/modules/court/court-queries.ts';
import { caseAt } from '../../src/protocols/ledger/modules/court/court-queries.ts';
import { caseIdOf, type CaseStage } from '../../src/protocols/ledger/modules/court/case-state.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import type { Digest, PublicKey } from '../../src/protocols/shared/brands.ts';
import { CourtPeople } from '../support/court-command.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { present, until } from '../system/waiting.ts';

const unit = 1_000_000n;
const genesisTime = 1_700_000_000_000;

interface World {
  readonly people: CourtPeople;
  readonly node: MemoryNode;
  /** Name of each arbitrator's key, by its account. */
  readonly judges: ReadonlyMap<string, string>;
  readonly agreement: Digest;
}

/** Two parties, six arbitrators of genesis, and an agreement in force; the chain is at a time when availability is owed. */
async function startWorld(): Promise<World> {
  const people = new CourtPeople();
  const parties = [people.key('acme', 1), people.key('provider', 2), people.key('probe', 3)];
  const judges = new Map(
    Array.from({ length: 6 }, (_, index) => [people.key(`judge-${index}`, 40 + index), `judge-${index}`]),
  );
  const newcomer = people.key('newcomer', 50);
  const profile = { jurisdictions: ['local'], languages: ['en'], affiliations: [] };
  const node = new MemoryNode({
    validators: 1,
    accounts: [...parties, ...judges.keys(), newcomer] as PublicKey[],
    court: {
      arbitrators: [...judges.keys()]
        .sort()
        .map((account) => ({ account: account as PublicKey, bond: 100n * unit, ...profile })),
      jurisdictions: [],
    },
  });
  await node.start();
  people.endpoint = node.endpoint;
  const blanks = {
    ...{ title: 'SLA', customer: 'acme', customerName: 'Acme', customerAddress: 'Berlin' },
    ...{ provider: 'provider', providerName: 'Provider', providerAddress: 'Berlin', probe: 'probe' },
    ...{ tenant: 'provider-tenant', workload: 'web', effective: genesisTime, expires: genesisTime + 86_400_000 },
  };
  const settings = Object.entries(blanks).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const filled = await people.json<unknown>(
    'template',
    'fill',
    'service',
    '--prose',
    people.file('prose'),
    ...settings,
  );
  const { agreement } = await people.json<{ agreement: Digest }>(
    ...['draft', people.file('sla.json', JSON.stringify(filled)), '--as', 'acme'],
  );
  await people.json('sign', agreement, '--as', 'acme');
  await people.json('sign', agreement, '--as', 'provider');
  const { state } = await people.json<{ state: string }>('fund', agreement, '--amount', '500', '--as', 'provider');
  if (state !== 'active') throw new Error(`the agreement is ${state}`);
  return { people, node, judges, agreement };
}

const stop = async ({ people, node }: World): Promise<void> => {
  await node.stop();
  people.remove();
};

const caseOf = ({ node }: World, id: Digest): CaseView => present(caseAt(node.chain.chain.state, id), 'case');

/** Empty blocks until the case is in this stage. */
function passTo(world: World, id: Digest, stage: CaseStage): void {
  for (let block = 0; caseOf(world, id).record.stage !== stage; block++) {
    if (block === 60) throw new Error(`the case stays in ${caseOf(world, id).record.stage}`);
    world.node.pass(1);
  }
}

/** Files a claim of 250 while time passes. */
async function fileClaim(world: World): Promise<Digest> {
  const { people, agreement } = world;
  const id = caseIdOf(agreement, 'availability', 0);
  const evidence = ['--amount', '250', '--evidence', people.file('receipt'), '--action', '0'];
  const filing = people.json('file', agreement, '--breach', 'availability', ...evidence, '--as', 'acme');
  await until('the notice', () => caseAt(world.node.chain.chain.state, id) !== undefined);
  passTo(world, id, 'filing');
  await filing;
  return id;
}

/** Names of those who sit on the panel. */
const panelOf = (world: World, id: Digest): readonly string[] =>
  caseOf(world, id).panel.seats.map(({ arbitrator }) => present(world.judges.get(arbitrator), 'judge'));

const asEach = async (names: readonly string[], act: (name: string) => Promise<unknown>): Promise<void> => {
  for (const name of names) await act(name);
};

const breach = (people: CourtPeople): readonly string[] => [
  ...['--decision', 'breach', '--penalty', '200', '--action', '0', '--reasons', people.file('reasons')],
];

describe('agreement-court in a dispute', function () {
  this.timeout(60_000);
  let world: World;
  let id: Digest;

  before(async () => {
    world = await startWorld();
  });
  after(() => stop(world));

  it('registers an arbitrator, and takes its bond', async () => {
    const { people, node } = world;
    const profile = ['--jurisdiction', 'local', '--language', 'en', '--as', 'newcomer'];
    await people.json('register', '--bond', '100', ...profile);
    expect(accountAt(node.chain.chain.state, people.key('newcomer', 50) as PublicKey)?.balance).equal(900n * unit);
    expect(await people.refused(2, 'register', '--bond', '5', '--as', 'newcomer')).include('--jurisdiction');
    await people.json('register', '--bond', '0', '--as', 'newcomer');
    expect(accountAt(node.chain.chain.state, people.key('newcomer', 50) as PublicKey)?.balance).equal(1000n * unit);
  });

  it('files a claim once cure and negotiation are over, and says by when it must be answered', async () => {
    const { people } = world;
    id = await fileClaim(world);
    const { out } = await people.run('status', id);
    expect(out).match(/stage +response/);
    expect(out).match(/deadline +2023-11-14T[0-9:.]+Z: then the claim stands as filed/);
    const early = await people.refused(1, 'appeal', id, '--grounds', people.file('grounds'), '--as', 'provider');
    expect(early).match(/too early to appeal: .* is in response\n +Until 2023-11-14T/);
  });

  it('takes an answer and evidence from the sides only', async () => {
    const { people } = world;
    const answer = ['--answer', people.file('answer')];
    expect(await people.refused(1, 'respond', id, ...answer, '--as', 'acme')).include('not-permitted');
    // One key here is the respondent's.
    await people.json('respond', id, ...answer);
    const evidence = ['--file', people.file('log')];
    expect(await people.refused(2, 'evidence', id, ...evidence)).include('several keys here');
    await people.json('evidence', id, ...evidence, '--as', 'acme');
    expect(await people.refused(1, 'evidence', id, ...evidence, '--as', 'acme')).include('evidence-known');
    const late = await people.refused(1, 'respond', id, ...answer, '--as', 'provider');
    expect(late).match(/too late to answer the claim: .* is in evidence\n +The deadline was 2023-11-14T/);
  });

  it('seats three arbitrators, in the place of those who were refused or stepped back', async () => {
    const { people } = world;
    passTo(world, id, 'challenge');
    const [refused = '', recused = '', stays = ''] = panelOf(world, id);
    const account = people.key(refused, 40 + Number(refused.slice('judge-'.length)));
    await people.json('challenge', id, '--arbitrator', account, '--as', 'provider');
    await people.json('recuse', id, '--as', recused);
    await people.json('accept', id, '--as', stays);
    expect(await people.refused(1, 'accept', id, '--as', refused)).include('does not sit on the panel');
    expect(await people.refused(1, 'accept', id, '--as', 'provider')).match(
      /acts for a party .* the provider\n +Nobody/,
    );
    expect(await people.refused(1, 'vote', id, ...breach(people), '--as', stays)).match(
      /too early to vote.*\n +Until /,
    );
    passTo(world, id, 'panel-draw');
    passTo(world, id, 'challenge');
    const panel = panelOf(world, id);
    expect(panel).length(3).and.include(stays).and.not.include(refused).and.not.include(recused);
    await asEach(
      panel.filter((name) => name !== stays),
      (name) => people.json('accept', id, '--as', name),
    );
    passTo(world, id, 'commit');
    const { cases } = await people.json<{ cases: { case: string }[] }>('cases', '--arbitrator', stays);
    expect(cases.map((each) => each.case)).deep.equal([id]);
    expect((await people.json<{ cases: unknown[] }>('cases', '--arbitrator', refused)).cases).deep.equal([]);
  });

  it('refuses a vote that could not be revealed, and a reveal before all have committed', async () => {
    const { people } = world;
    const [first = ''] = panelOf(world, id);
    const reasons = ['--reasons', people.file('reasons'), '--as', first];
    const absurd = await people.refused(2, 'vote', id, '--decision', 'no-breach', '--penalty', '5', ...reasons);
    expect(absurd).include('no breach has neither penalty nor actions');
    const beyond = ['--decision', 'breach', '--penalty', '5', '--action', '9', ...reasons];
    expect(await people.refused(2, 'vote', id, ...beyond)).match(
      /no such enforcement rule\n +--action 0: suspend-tenant/,
    );
    expect(await people.refused(2, 'vote', id, '--as', first)).include('no vote of yours is saved');
    expect(await people.refused(1, 'reveal', id, '--as', first)).match(/too early to reveal a vote.*\n +Until /);
  });

  it('commits, reveals, and brings the case through the appeal window to its end', async () => {
    const { people, node } = world;
    const panel = panelOf(world, id);
    await asEach(panel, (name) => people.json('vote', id, ...breach(people), '--as', name));
    expect(caseOf(world, id).record.stage).equal('reveal');
    const [first = ''] = panel;
    expect(await people.refused(1, 'vote', id, '--as', first)).match(
      /too late to vote: .*\n +The deadline was 2023-11/,
    );
    await asEach(panel, (name) => people.json('reveal', id, '--as', name));
    const ruled = await people.run('status', id);
    expect(ruled.out)
      .match(/stage +appeal/)
      .and.match(/ruling +breach by panel, penalty 200/);
    expect(await people.refused(1, 'reveal', id, '--as', first)).include('too late to reveal a vote');
    const before = accountAt(node.chain.chain.state, people.key('acme', 1) as PublicKey)?.balance ?? 0n;
    passTo(world, id, 'closed');
    const after = accountAt(node.chain.chain.state, people.key('acme', 1) as PublicKey)?.balance ?? 0n;
    expect(after - before).equal(200n * unit);
    const late = await people.refused(1, 'appeal', id, '--grounds', people.file('grounds'), '--as', 'provider');
    expect(late).match(/too late to appeal: .* is in closed\n +The deadline was 2023-11/);
    const { timeline } = await people.json<{ timeline: { attributes: { to: string } }[] }>('status', id);
    const stages = timeline.map(({ attributes }) => attributes.to);
    expect(stages).include.members([
      'cure',
      'filing',
      'evidence',
      'commit',
      'reveal',
      'appeal',
      'enforcement',
      'closed',
    ]);
  });
});

/** Hands everything on to a node but submissions: those are lost, and the connection with them. */
async function losingSubmissions(endpoint: string): Promise<{ readonly endpoint: string; readonly server: Server }> {
  const server = createServer((incoming, outgoing) => {
    if (incoming.method === 'POST') {
      incoming.socket.destroy();
      return;
    }
    const { url = '', headers } = incoming;
    request(`${endpoint}${url}`, { headers: { ...headers, host: new URL(endpoint).host } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    }).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('votes that agreement-court saves', function () {
  this.timeout(60_000);
  let world: World;
  let id: Digest;
  let judge: string;
  let others: readonly string[];

  before(async () => {
    world = await startWorld();
    id = await fileClaim(world);
    await world.people.json('respond', id, '--answer', world.people.file('answer'), '--as', 'provider');
    passTo(world, id, 'challenge');
    [judge = '', ...others] = panelOf(world, id);
    await asEach([judge, ...others], (name) => world.people.json('accept', id, '--as', name));
    passTo(world, id, 'commit');
  });
  after(() => stop(world));

  const votesDirectory = (): string => join(world.people.home, 'votes', world.node.chain.chain.chainId);
  const votes = (): readonly string[] => readdirSync(votesDirectory()).map((name) => join(votesDirectory(), name));
  const commitmentOf = (name: string): string | null | undefined =>
    caseOf(world, id).panel.seats.find(({ arbitrator }) => world.judges.get(arbitrator) === name)?.commitment;
  const savedCommitment = (file: string): string =>
    (JSON.parse(readFileSync(file, 'utf8')) as { commitment: string }).commitment;

  it('are on disk, for their owner alone, before anything is sent', async () => {
    const { people, node } = world;
    const proxy = await losingSubmissions(node.endpoint);
    people.endpoint = proxy.endpoint;
    const lost = await people.run('vote', id, ...breach(people), '--as', judge);
    people.endpoint = node.endpoint;
    proxy.server.close();
    expect([lost.code, commitmentOf(judge)]).deep.equal([1, null]);
    const [file = '', ...more] = votes();
    expect(more).deep.equal([]);
    expect([statSync(file).mode & 0o777, statSync(votesDirectory()).mode & 0o777]).deep.equal([0o600, 0o700]);
  });

  it('are what is committed to when the command is given again, with its options or without', async () => {
    const { people } = world;
    const [file = ''] = votes();
    const saved = savedCommitment(file);
    const other = ['--decision', 'no-breach', '--reasons', people.file('reasons'), '--as', judge];
    expect(await people.refused(1, 'vote', id, ...other)).include('another vote of yours is saved');
    expect([commitmentOf(judge), savedCommitment(file)]).deep.equal([null, saved]);
    await people.json('vote', id, '--as', judge);
    expect(commitmentOf(judge)).equal(saved);
    const { commitment } = await people.json<{ commitment: string }>('vote', id, ...breach(people), '--as', judge);
    expect([commitment, votes().length]).deep.equal([saved, 1]);
    expect(await people.refused(1, 'vote', id, ...other)).include('It is never overwritten');
  });

  it('are refused where the file was changed, or is another', async () => {
    const { people } = world;
    const [file = ''] = votes();
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"penalty": "200000000"', '"penalty": "1"'));
    expect(await people.refused(1, 'vote', id, '--as', judge)).include('is no vote that can be revealed');
    writeFileSync(file, text);
    await asEach(others, (name) => people.json('vote', id, ...breach(people), '--as', name));
    const stranger = new CourtPeople();
    try {
      stranger.endpoint = people.endpoint;
      stranger.key(judge, 40 + Number(judge.slice('judge-'.length)));
      expect(await stranger.refused(1, 'reveal', id)).include('no vote of yours is saved for this round');
    } finally {
      stranger.remove();
    }
    await people.json('reveal', id, '--as', judge);
    await asEach(others, (name) => people.json('reveal', id, '--as', name));
    expect(caseOf(world, id).record.ruling?.votes).equal(3);
  });
});

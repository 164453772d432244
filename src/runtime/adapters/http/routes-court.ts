/** The court's interface: agreements, cases, their deadlines and panels; writes pass on transactions that the caller signed. */
import type { FastifyRequest, RouteHandlerMethod } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { fromHex } from '../../../protocols/shared/bytes.ts';
import { transactionBytesMax } from '../../../protocols/ledger/transaction.ts';
import type { AgreementsQuery, CasesQuery, CourtApi, CourtResult, Relayed } from '../../ports/court-api.ts';
import type { Application } from './application.ts';
import { HttpProblem } from './problem.ts';
import { hash64 } from './schemas.ts';

const listMax = 500;
const anyJson = { content: { 'application/json': { schema: Type.Unknown() } } };
const document = (description: string): Record<string, unknown> => ({ description, ...anyJson });
const idParams = Type.Object({ id: hash64 });
const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: listMax, default: 100 }));
const closed = { additionalProperties: false };
const relayBody = Type.Object(
  {
    transaction: Type.String({
      pattern: '^([0-9a-f]{2})+$',
      maxLength: 2 * transactionBytesMax,
      description: 'bytes of the signed transaction, hex',
    }),
  },
  closed,
);
/** Hex, and the names around it. */
const relayBytesMax = 2 * transactionBytesMax + 1024;

const statusOf: Readonly<Record<string, number>> = {
  'not-found': 404,
  'not-ready': 503,
  unavailable: 503,
  'invalid-request': 400,
  'invalid-transaction-bytes': 400,
  'wrong-kind': 422,
  'wrong-subject': 422,
  'malformed-body': 422,
  'other-court': 422,
  'not-kept': 503,
  'unknown-agreement': 404,
  'unknown-obligation': 422,
  'no-such-period': 422,
  'no-evidence-rule': 422,
  'unknown-source': 403,
  'bad-statement-signature': 403,
  'too-many-statements': 429,
};

/** Everything else is the chain's reason: what was asked for conflicts with its state. */
const refusalStatus = 409;

function valueOf(result: CourtResult): unknown {
  if (result.kind === 'answer') return result.value;
  const { reason, detail, place } = result;
  const status = statusOf[reason] ?? refusalStatus;
  throw new HttpProblem(reason, {
    ...{ status, detail, title: 'The court refused' },
    ...(place === null
      ? {}
      : { errors: [{ field: place === '' ? 'body' : `body/${place.replaceAll('.', '/')}`, message: detail }] }),
    ...(status === 503 ? { headers: { 'retry-after': '1' } } : {}),
  });
}

interface Read {
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: 'agreements' | 'cases' | 'court';
  readonly querystring?: TSchema;
  readonly read: (request: FastifyRequest) => Promise<CourtResult>;
}

const idOf = (request: FastifyRequest): string => (request.params as { readonly id: string }).id;
/** The schema fills in the limit. */
const queryOf = <T>(request: FastifyRequest): T => request.query as T;

const agreementReads = (api: CourtApi): readonly Read[] => [
  {
    ...{ url: '/v1/agreements', operationId: 'listAgreements', tag: 'agreements', summary: 'Agreements, by name' },
    querystring: Type.Object(
      { party: Type.Optional(hash64), state: Type.Optional(Type.String({ maxLength: 16 })), limit },
      closed,
    ),
    read: (request) => api.agreements(queryOf<AgreementsQuery>(request)),
  },
  {
    ...{
      url: '/v1/agreements/:id',
      operationId: 'getAgreement',
      tag: 'agreements',
      summary: 'An agreement, its escrow and its deadline',
    },
    read: (request) => api.agreement(idOf(request)),
  },
  {
    ...{
      url: '/v1/agreements/:id/obligations',
      operationId: 'listObligations',
      tag: 'agreements',
      summary: 'Obligations, each with the period that runs',
    },
    read: (request) => api.obligations(idOf(request)),
  },
  {
    ...{
      url: '/v1/agreements/:id/statements',
      operationId: 'listStatements',
      tag: 'agreements',
      summary: 'What sources stated of its obligations, as they signed it',
    },
    read: (request) => api.statements(idOf(request)),
  },
];

const caseReads = (api: CourtApi): readonly Read[] => [
  {
    ...{ url: '/v1/cases', operationId: 'listCases', tag: 'cases', summary: 'Cases, by name' },
    querystring: Type.Object(
      {
        agreement: Type.Optional(hash64),
        party: Type.Optional(hash64),
        stage: Type.Optional(Type.String({ maxLength: 16 })),
        limit,
      },
      closed,
    ),
    read: (request) => api.cases(queryOf<CasesQuery>(request)),
  },
  {
    ...{
      url: '/v1/cases/:id',
      operationId: 'getCase',
      tag: 'cases',
      summary: 'A case: stage, deadline, ruling, orders',
    },
    read: (request) => api.case(idOf(request)),
  },
  {
    ...{
      url: '/v1/cases/:id/timeline',
      operationId: 'getTimeline',
      tag: 'cases',
      summary: 'What happened to it, block by block',
    },
    read: (request) => api.timeline(idOf(request)),
  },
  {
    ...{
      url: '/v1/cases/:id/panel',
      operationId: 'getPanel',
      tag: 'cases',
      summary: 'The panel, and everything to do its draws again',
    },
    read: (request) => api.panel(idOf(request)),
  },
];

const courtReads = (api: CourtApi): readonly Read[] => [
  {
    ...{
      url: '/v1/status',
      operationId: 'getCourtStatus',
      tag: 'court',
      summary: 'The court, what it asks of agreements, how far it follows',
    },
    read: () => api.status(),
  },
  {
    ...{
      url: '/v1/deadlines',
      operationId: 'listDeadlines',
      tag: 'court',
      summary: 'What is due next, and what then happens by itself',
    },
    querystring: Type.Object({ limit }, closed),
    read: (request) => api.deadlines(queryOf<{ readonly limit: number }>(request).limit),
  },
  {
    ...{
      url: '/v1/arbitrators',
      operationId: 'listArbitrators',
      tag: 'court',
      summary: 'Arbitrators with their bonds',
    },
    read: () => api.arbitrators(),
  },
];

function registerReads({ app }: Application, api: CourtApi): void {
  const reads = [...courtReads(api), ...agreementReads(api), ...caseReads(api)];
  for (const { url, operationId, summary, tag, querystring, read } of reads) {
    const handler: RouteHandlerMethod = async (request, reply) => reply.send(valueOf(await read(request)));
    const schema = {
      ...{ operationId, summary, tags: [tag], response: { 200: document(summary) } },
      ...(url.includes(':id') ? { params: idParams } : {}),
      ...(querystring === undefined ? {} : { querystring }),
    };
    app.route({ method: 'GET', url, config: { access: 'read' }, schema, handler });
  }
}

/** Path, kind of the transaction, what it does. */
const writes: readonly (readonly [url: string, kind: string, summary: string])[] = [
  ['/v1/agreements', 'agreements.draft', 'Drafts an agreement'],
  ['/v1/agreements/:id/offer', 'agreements.offer', 'Offers it to the parties'],
  ['/v1/agreements/:id/sign', 'agreements.sign', 'Signs it'],
  ['/v1/agreements/:id/fund', 'agreements.fund', 'Pays into the escrow'],
  ['/v1/agreements/:id/amend', 'agreements.amend', 'Offers a new version of it'],
  ['/v1/agreements/:id/discharge', 'agreements.discharge-obligation', 'Says that an obligation is fulfilled'],
  ['/v1/cases', 'court.notice-breach', 'Gives notice of a breach'],
  ['/v1/cases/:id/file', 'court.file', 'Files the claim'],
  ['/v1/cases/:id/respond', 'court.respond', 'Answers the claim'],
  ['/v1/cases/:id/evidence', 'court.submit-evidence', 'Adds evidence'],
  ['/v1/cases/:id/accept', 'court.accept', 'Accepts a seat on the panel'],
  ['/v1/cases/:id/recuse', 'court.recuse', 'Steps back from the panel'],
  ['/v1/cases/:id/challenge', 'court.challenge-panelist', 'Refuses an arbitrator'],
  ['/v1/cases/:id/commit', 'court.commit-vote', 'Commits to a vote'],
  ['/v1/cases/:id/reveal', 'court.reveal-vote', 'Reveals a vote'],
  ['/v1/cases/:id/appeal', 'court.appeal', 'Takes the ruling to a larger panel'],
  ['/v1/cases/:id/settle', 'court.settle', 'Proposes a settlement, or agrees to the same one'],
  ['/v1/cases/:id/withdraw', 'court.withdraw', 'Gives the claim up, or consents to that'],
];

function registerWrites({ app }: Application, api: CourtApi): void {
  for (const [url, kind, summary] of writes) {
    const hasSubject = url.includes(':id');
    app.route<{ Body: { transaction: string } }>({
      method: 'POST',
      url,
      // The transaction carries its sender's signature; the court signs for nobody.
      config: { access: 'self-authenticating' },
      bodyLimit: relayBytesMax,
      schema: {
        operationId: kind.replace(/[.-]([a-z])/g, (_text, letter: string) => letter.toUpperCase()),
        summary,
        description: `Passes on a signed transaction of kind \`${kind}\` and answers when it is final.`,
        tags: [url.startsWith('/v1/cases') ? 'cases' : 'agreements'],
        ...(url.includes(':id') ? { params: idParams } : {}),
        body: relayBody,
        response: { 200: document('`transaction`: its hash; `result`: `ok`') },
      },
      handler: async (request, reply) => {
        const expected: Relayed = { kind, subject: hasSubject ? idOf(request) : null };
        return reply.send(valueOf(await api.relay(fromHex(request.body.transaction), expected)));
      },
    });
  }
}

/** Statements are small; the shape is checked by their own codec, which names the field. */
const statementBytesMax = 2048;

function registerStatements({ app }: Application, api: CourtApi): void {
  app.route<{ Body: unknown }>({
    method: 'POST',
    url: '/v1/statements',
    // The source that the agreement names has signed it.
    config: { access: 'self-authenticating' },
    bodyLimit: statementBytesMax,
    schema: {
      operationId: 'handInStatement',
      summary: 'Hands in what a source states of an obligation in a period',
      description:
        '`agreement`, `obligation`, `period`, `source`, `value`, `signature`. The first statement of a source stands. Where statements prove a breach by the rule of the agreement, the court gives notice of it.',
      tags: ['agreements'],
      body: { content: { 'application/json': { schema: Type.Unknown() } } },
      response: { 200: document('`isNew`, and `case`: the name that a case about a breach would have') },
    },
    handler: async (request, reply) => reply.send(valueOf(await api.handIn(request.body))),
  });
}

export function registerCourt(application: Application, api: CourtApi): void {
  registerReads(application, api);
  registerWrites(application, api);
  registerStatements(application, api);
  application.app.route<{ Body: unknown }>({
    method: 'POST',
    url: '/v1/compliance/check',
    config: { access: 'read' },
    bodyLimit: 8192,
    schema: {
      operationId: 'checkCompliance',
      summary: 'Whether an operation complies with the agreements that bind it: what a light answers for the court',
      description:
        '`tenant` (name or account), `workload`, `country` and `classification`; null means any: then the worst counts.',
      tags: ['court'],
      body: { content: { 'application/json': { schema: Type.Unknown() } } },
      response: {
        200: document(
          '`complies`, the state (Green, Yellow, Red) with its reasons, and what each agreement that binds it says',
        ),
      },
    },
    handler: async (request, reply) => reply.send(valueOf(await api.compliance(request.body))),
  });
}

/** The fastify instance that both servers share: parsers, validation, hooks, problem documents, OpenAPI. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Span, Telemetry } from '../../ports/telemetry.ts';
import { authorize, checkHost, type Gate, harden, identify, rateKey } from './access.ts';
import { parseJsonBody } from './json-body.ts';
import type { HttpListener } from './listener.ts';
import { excerpt, HttpProblem } from './problem.ts';
import { bodyBytesMax, namedSchemas } from './schemas.ts';
import { type ApiDescription, describeRoute, nodeDescription, openApiOptions } from './openapi.ts';
import type { Refusals } from './refusals.ts';

export interface RateLimits {
  /** Per account, or per address where no token came. */
  readonly requestsPerMinute: number;
}

export interface ApplicationOptions {
  readonly listener: HttpListener;
  readonly gate: Gate;
  readonly limits: RateLimits;
  readonly refusals: Refusals;
  readonly telemetry: Telemetry;
  /** Of its OpenAPI document. Default that of a node. */
  readonly description?: ApiDescription;
}

export interface Application {
  readonly app: FastifyInstance;
  readonly refusals: Refusals;
  /** Aborted when the server closes: waits and streams end. */
  readonly stopping: AbortController;
  readonly telemetry: Telemetry;
  /** W3C traceparent of a request's span; undefined where nobody traces it. */
  readonly traceOf: (request: FastifyRequest) => string | undefined;
}

const urlLengthMax = 4_096;
/** Accounts may share an address: it may send so many times what one caller may. */
const addressAllowance = 4;

export async function createApplication(options: ApplicationOptions): Promise<Application> {
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1_024, caseSensitive: true },
    serverFactory: (handler) => options.listener.attach(handler),
    clientErrorHandler: () => undefined,
    frameworkErrors: (error, request, reply) => answerProblem(options, error, request, reply),
  });
  app.setValidatorCompiler(({ schema, httpPart }) => compile(schema as AnySchema, httpPart === 'body'));
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  for (const schema of namedSchemas) app.addSchema(schema);
  app.decorateRequest('caller', null);
  await app.register(swagger, openApiOptions(options.description ?? nodeDescription));
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: options.gate.isLoopback ? false : { maxAge: 31_536_000, includeSubDomains: false },
    crossOriginResourcePolicy: { policy: 'same-origin' },
  });
  await app.register(rateLimit, { global: false, cache: 10_000 });
  const spans = new WeakMap<FastifyRequest, Span>();
  addHooks(app, options, spans);
  addParsers(app);
  app.addHook('onRoute', describeRoute);
  app.setErrorHandler((error: FastifyError, request, reply) => answerProblem(options, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    answerProblem(
      options,
      new HttpProblem('unknown-route', {
        status: 404,
        detail: `${request.method} on this path is no endpoint; /openapi.json lists them`,
      }),
      request,
      reply,
    ),
  );
  const { refusals, telemetry } = options;
  const traceOf = (request: FastifyRequest): string | undefined => spans.get(request)?.traceparent;
  return { app, refusals, stopping: new AbortController(), telemetry, traceOf };
}

type RateCheck = ReturnType<FastifyInstance['createRateLimit']>;

async function checkRate(check: RateCheck, request: FastifyRequest): Promise<void> {
  const verdict = await check(request);
  if (verdict.isAllowed || !verdict.isExceeded) return;
  throw new HttpProblem('rate-limited', {
    status: 429,
    detail: `more than ${verdict.max} requests in a minute`,
    headers: { 'retry-after': String(verdict.ttlInSeconds) },
  });
}

function addHooks(
  app: FastifyInstance,
  { gate, limits, telemetry }: ApplicationOptions,
  spans: WeakMap<FastifyRequest, Span>,
): void {
  const timeWindow = 60_000;
  const max = limits.requestsPerMinute;
  // Addresses come before the token is looked at, so that bad tokens cost a stranger its own allowance.
  const byAddress = app.createRateLimit({ max: max * addressAllowance, timeWindow, keyGenerator: ({ ip }) => ip });
  const byCaller = app.createRateLimit({ max, timeWindow, keyGenerator: rateKey });
  const duration = telemetry.histogram('http.server.request.duration', 'Time to answer a request', 's');
  app.addHook('onRequest', async (request, reply) => {
    const traceparent = request.headers['traceparent'];
    spans.set(
      request,
      telemetry.span(`${request.method} ${request.routeOptions.url ?? 'unknown'}`, {
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      }),
    );
    harden(reply);
    if (request.url.length > urlLengthMax) {
      throw new HttpProblem('url-too-long', { status: 414, detail: `at most ${urlLengthMax} characters` });
    }
    checkHost(gate, request);
    await checkRate(byAddress, request);
    await identify(gate, request);
    await checkRate(byCaller, request);
    authorize(gate, request);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    // Neither a body nor a content type: no parser has looked, and schemas apply to bodies that are there.
    const isEmpty = request.method === 'POST' && request.body === undefined && !request.is404;
    done(isEmpty ? new HttpProblem('empty-body', { status: 400, detail: 'this endpoint needs a body' }) : undefined);
  });
  app.addHook('onResponse', async (request, reply) => {
    const attributes = {
      'http.request.method': request.method,
      'http.route': request.routeOptions.url ?? 'unknown',
      'http.response.status_code': reply.statusCode,
    };
    duration.record(reply.elapsedTime / 1000, attributes);
    const span = spans.get(request);
    span?.setAttributes(attributes);
    span?.end(reply.statusCode >= 500 ? 'error' : 'ok');
  });
}

function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addContentTypeParser(
    ['application/octet-stream', 'application/msgpack'],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );
}

const ajvOptions = { strict: false, allErrors: false, removeAdditional: false, useDefaults: true } as const;
const strictAjv = new Ajv({ ...ajvOptions, coerceTypes: false });
/** Queries, path parameters and headers are text: numbers and booleans are read from it. */
const readingAjv = new Ajv({ ...ajvOptions, coerceTypes: true });

const compile = (schema: AnySchema, isBody: boolean): ValidateFunction =>
  (isBody ? strictAjv : readingAjv).compile(schema);

/** Errors of the framework, by its code. Everything else from below is ours and tells the outside nothing. */
const frameworkProblems: Readonly<Record<string, readonly [code: string, status: number, detail: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    415,
    'send application/json, application/octet-stream or application/msgpack',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 413, 'the body is larger than this endpoint takes'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['empty-body', 400, 'the body is empty'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 400, 'the body is not as long as the request said'],
  FST_ERR_BAD_URL: ['bad-request', 400, 'the path is not a valid URL path'],
  FST_ERR_MAX_PARAM_LENGTH: ['url-too-long', 414, 'a part of the path is too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['bad-request', 408, 'the request did not arrive in time'],
  ECONNRESET: ['bad-request', 400, 'the connection was cut before the body was there'],
};

function toProblem(error: FastifyError | HttpProblem): HttpProblem | null {
  if (error instanceof HttpProblem) return error;
  if (error.validation !== undefined) {
    const [first] = error.validation;
    const place = error.validationContext ?? 'request';
    const name = first?.params['missingProperty'] ?? first?.params['additionalProperty'];
    const field = `${place}${first?.instancePath ?? ''}${typeof name === 'string' ? `/${excerpt(name)}` : ''}`;
    const message = first?.keyword === 'pattern' ? 'has not the form that is asked for' : (first?.message ?? 'invalid');
    return new HttpProblem('invalid-request', {
      status: 400,
      detail: `${field}: ${message}`,
      errors: [{ field, message }],
    });
  }
  const known = frameworkProblems[error.code];
  if (known !== undefined) return new HttpProblem(known[0], { status: known[1], detail: known[2] });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new HttpProblem('bad-request', { status: error.statusCode, detail: 'the request cannot be understood' });
  }
  return null;
}

function answerProblem(
  { refusals, telemetry }: ApplicationOptions,
  error: FastifyError | HttpProblem,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  let problem = toProblem(error);
  if (problem === null) {
    telemetry.log.error('request failed', { request: request.id, route: request.routeOptions.url ?? '' }, error);
    problem = new HttpProblem('internal', {
      status: 500,
      detail: `the node could not serve this; its log has the cause under request ${request.id}`,
    });
  }
  refusals.add(problem.code);
  harden(reply);
  void reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .serializer((document: unknown) => JSON.stringify(document))
    .send(problem.document);
}

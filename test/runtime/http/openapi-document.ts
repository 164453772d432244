/** Reads an OpenAPI 3.1 document: its rules as far as a client depends on them, its operations, its schemas. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly access: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[] | undefined;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly responses: Readonly<Record<string, ResponseObject>>;
}

interface ResponseObject {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
}

export const operationsOf = (document: OpenApiDocument): readonly Operation[] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operationId: operation['operationId'] as string,
      access: operation['x-bpci-access'] as string,
      security: operation['security'] as Operation['security'],
      parameters: (operation['parameters'] ?? []) as Operation['parameters'],
      responses: operation['responses'] as Operation['responses'],
    })),
  );

/** Everything in which the document breaks OpenAPI 3.1 (sections 4.8.1 to 4.8.24) as far as it is used here. */
export function documentProblems(document: OpenApiDocument): readonly string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, message: string): void => {
    if (!holds) problems.push(message);
  };
  expect(/^3\.1\.\d+$/.test(document.openapi), `openapi is ${document.openapi}`);
  expect(document.info.title !== '' && document.info.version !== '', 'info has no title or version');
  const ids = new Set<string>();
  for (const operation of operationsOf(document)) {
    const { method, path, operationId, parameters, responses } = operation;
    const name = `${method} ${path}`;
    expect(path.startsWith('/'), `${name} does not begin with a slash`);
    expect(/^[a-zA-Z]+$/.test(operationId), `${name} has no operationId`);
    expect(!ids.has(operationId), `${operationId} is used twice`);
    ids.add(operationId);
    const templated = [...path.matchAll(/\{([^}]+)\}/g)].map(([, parameter]) => parameter);
    const declared = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
    expect(templated.join() === declared.join(), `${name} declares ${declared.join()} for ${templated.join()}`);
    for (const parameter of parameters) {
      expect(['path', 'query', 'header', 'cookie'].includes(parameter.in), `${name}: ${parameter.name} in nothing`);
      expect(typeof parameter.schema === 'object', `${name}: ${parameter.name} has no schema`);
    }
    expect(Object.keys(responses).length > 0, `${name} answers nothing`);
    for (const [status, response] of Object.entries(responses)) {
      expect(/^([1-5][0-9]{2}|[1-5]XX|default)$/.test(status), `${name} answers ${status}`);
      expect(typeof response.description === 'string', `${name} ${status} has no description`);
      for (const [type, { schema }] of Object.entries(response.content ?? {})) {
        expect(typeof schema === 'object', `${name} ${status} ${type} has no schema`);
      }
    }
  }
  for (const reference of referencesOf(document)) {
    const schema = /^#\/components\/schemas\/([A-Za-z]+)$/.exec(reference)?.[1];
    expect(schema !== undefined && Object.hasOwn(document.components.schemas, schema), `${reference} leads nowhere`);
  }
  return problems;
}

function referencesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(referencesOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : referencesOf(inner),
  );
}

/** Holds answers against the document. */
export class ResponseChecker {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #operations: readonly Operation[];
  readonly #compiled = new Map<string, ValidateFunction>();
  /** `operationId status type` that were seen. */
  readonly seen = new Set<string>();

  constructor(document: OpenApiDocument) {
    this.#operations = operationsOf(document);
    this.#ajv.addSchema({ $id: 'https://document/', components: document.components });
  }

  /** What is wrong with an answer, or null. */
  check(operationId: string, status: number, contentType: string, body: string): string | null {
    const operation = this.#operations.find((known) => known.operationId === operationId);
    if (operation === undefined) return `no operation ${operationId}`;
    const type = contentType.split(';')[0] ?? '';
    const key = [String(status), `${String(status)[0] ?? ''}XX`].find(
      (known) => operation.responses[known] !== undefined,
    );
    const media = key === undefined ? undefined : operation.responses[key]?.content?.[type];
    if (media === undefined) return `${operationId} does not say that it answers ${status} ${type}`;
    this.seen.add(`${operationId} ${status} ${type}`);
    if (!type.endsWith('json')) return null;
    const name = `${operationId} ${String(key)} ${type}`;
    const validate = this.#compiled.get(name) ?? this.#ajv.compile(absolute(media.schema));
    this.#compiled.set(name, validate);
    return validate(JSON.parse(body))
      ? null
      : `${name}: ${this.#ajv.errorsText(validate.errors)} in ${body.slice(0, 300)}`;
  }
}

/** The schema with its references leading into the registered document. */
const absolute = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"https://document/#/components/')) as object;

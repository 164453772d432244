/** The application: its modules in their order, and the one table kind → body codec. */
import { encode, tryDecode } from '../shared/codec.ts';
import { invariant } from '../shared/errors.ts';
import type { JsonCodec } from './json-codec.ts';
import type { Kind, LedgerModule } from './module.ts';
import { accountsModule } from './modules/accounts.ts';
import { auditModule } from './modules/audit.ts';
import { agreementsModule } from './modules/court/agreements.ts';
import { courtModule } from './modules/court/court.ts';
import { encModule } from './modules/enc/enc.ts';
import { governanceModule } from './modules/governance.ts';
import { policiesModule } from './modules/policies/policies.ts';
import { registryModule } from './modules/registry.ts';
import { trafficModule } from './modules/traffic/traffic.ts';
import { validatorsModule } from './modules/validators.ts';

interface KnownKind {
  readonly module: LedgerModule;
  readonly definition: Kind<unknown>;
}

export interface Application {
  /** In the order in which they end a block. */
  readonly modules: readonly LedgerModule[];
  readonly kinds: ReadonlyMap<string, KnownKind>;
}

function createApplication(modules: readonly LedgerModule[]): Application {
  const kinds = new Map<string, KnownKind>();
  for (const module of modules) {
    for (const [name, definition] of module.kinds) {
      const kind = `${module.name}.${name}`;
      invariant(!kinds.has(kind), `two definitions of ${kind}`);
      kinds.set(kind, { module, definition: definition as unknown as Kind<unknown> });
    }
  }
  return { modules, kinds };
}

/** Governance ends a block before the validators do: a threshold that changes counts for the set made in that block. */
export const application: Application = createApplication([
  accountsModule,
  governanceModule,
  validatorsModule,
  registryModule,
  agreementsModule,
  courtModule,
  policiesModule,
  trafficModule,
  auditModule,
  encModule,
]);

/** Codec of a kind's body: canonical bytes and JSON for people. undefined for unknown kinds. */
export const bodyCodec = (kind: string, of: Application = application): JsonCodec<unknown> | undefined =>
  of.kinds.get(kind)?.definition.body;

/** Whether the bytes are the canonical body of a known kind. */
export function bodyProblem(kind: string, body: Uint8Array, of: Application): 'unknown-kind' | 'malformed-body' | null {
  const codec = bodyCodec(kind, of);
  if (codec === undefined) return 'unknown-kind';
  return 'value' in tryDecode(codec, body) ? null : 'malformed-body';
}

/** Canonical bytes of a body. `value` must be of the kind's body type. Throws InvariantError for unknown kinds. */
export function encodeBody(kind: string, value: unknown, of: Application = application): Uint8Array {
  const codec = bodyCodec(kind, of);
  invariant(codec !== undefined, `unknown kind ${kind}`);
  return encode(codec, value);
}

/** The containers that were asked for, and the ranges of users of their tenants: in memory to be looked at, in a store to outlive the process. */
import { tenantRange, tenantsMax } from '../../protocols/docklock/deployment.ts';
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import { decode, encode, textMax } from '../../protocols/shared/codec.ts';
import type { IdRange } from '../../protocols/shared/containers.ts';
import { type ContainerView, type DeployRequest, DocklockError } from '../../runtime/ports/docklock-api.ts';
import type { Store } from '../../runtime/ports/store.ts';

const containersTable = 'docklock-containers';
const tenantsTable = 'docklock-tenants';

/** What is kept is this program's own, and as it shows it. */
const jsonText = textMax(1024 * 1024);
const toBytes = (value: unknown): Uint8Array => encode(jsonText, JSON.stringify(value));
const fromBytes = (bytes: Uint8Array): unknown => JSON.parse(decode(jsonText, bytes));

/** Everything but what its driver says better while it runs. */
export interface ContainerRecord {
  readonly request: DeployRequest;
  readonly view: ContainerView;
}

interface TenantIndex {
  readonly tenant: string;
  readonly index: number;
}

export class ContainerRecords {
  readonly #store: Store;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #tenants = new Map<string, number>();

  /** Holds what the store has. */
  constructor(store: Store) {
    this.#store = store;
    for (const [, value] of store.range(containersTable)) {
      const record = fromBytes(value) as ContainerRecord;
      this.#records.set(record.view.id, record);
    }
    for (const [, value] of store.range(tenantsTable)) {
      const { tenant, index } = fromBytes(value) as TenantIndex;
      this.#tenants.set(tenant, index);
    }
  }

  get all(): readonly ContainerRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** On stable storage once {@link durable} resolves. Throws StoreError. */
  put(record: ContainerRecord): void {
    const { id } = record.view;
    this.#store.commit([{ table: containersTable, key: toUtf8(id), value: toBytes(record) }]);
    this.#records.set(id, record);
  }

  delete(id: string): void {
    this.#store.commit([{ table: containersTable, key: toUtf8(id), value: null }]);
    this.#records.delete(id);
  }

  /** A tenant keeps its range for ever: files of its images are owned by it. */
  rangeOf(tenant: string): IdRange {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return tenantRange(known);
    const index = this.#tenants.size;
    if (index >= tenantsMax) throw new DocklockError('unavailable', `this host has ranges for ${tenantsMax} tenants`);
    this.#store.commit([
      { table: tenantsTable, key: toUtf8(tenant), value: toBytes({ tenant, index } satisfies TenantIndex) },
    ]);
    this.#tenants.set(tenant, index);
    return tenantRange(index);
  }

  durable(): Promise<void> {
    return this.#store.durable();
  }
}

/** What is run of an image for a tenant: the image's own wishes, and what was asked for in their place. */
import type { ContainerSpec, IdRange } from '../shared/containers.ts';

/** Users of tenants stand above those that systems and their containers give away, below what some tools take for negative. */
const rangesBegin = 0x7000_0000;
const rangeSize = 65_536;
export const tenantsMax = 4096;

/** Ids of the tenant that came as the so-manieth, from 0. */
export const tenantRange = (index: number): IdRange => ({ first: rangesBegin + index * rangeSize, count: rangeSize });

interface Wishes {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  readonly stopSignal: string;
}

interface Asked {
  readonly id: string;
  readonly tenant: string;
  readonly args: readonly string[] | null;
  readonly env: readonly string[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly pidsMax: number;
  readonly diskBytes: number | null;
  readonly wallTimeMs: number | null;
  readonly ports: readonly number[];
  readonly isolationClass: ContainerSpec['isolationClass'];
}

interface Opened {
  readonly root: ContainerSpec['root'];
  readonly idRange: IdRange | null;
  readonly user: ContainerSpec['user'];
}

const logBytes = 4 * 1024 * 1024;

/** A variable that is asked for replaces the image's of the same name. */
function environment(ofImage: readonly string[], asked: readonly string[]): readonly string[] {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='));
  const replaced = new Set(asked.map(nameOf));
  return [...ofImage.filter((entry) => !replaced.has(nameOf(entry))), ...asked];
}

/** Without arguments where neither names a program. */
export function toSpec(asked: Asked, wishes: Wishes, { root, idRange, user }: Opened): ContainerSpec {
  const { id, tenant, cpuMillis, memoryBytes, pidsMax, diskBytes, wallTimeMs, ports, isolationClass } = asked;
  return {
    ...{ id, tenant, root, idRange, user, isolationClass, mounts: [] },
    args: asked.args ?? [...wishes.entrypoint, ...wishes.command],
    env: environment(wishes.environment, asked.env),
    cwd: wishes.workingDirectory === '' ? '/' : wishes.workingDirectory,
    limits: { cpuMillis, memoryBytes, pidsMax, diskBytes, wallTimeMs, logBytes },
    network:
      ports.length === 0
        ? { kind: 'none' }
        : { kind: 'tenant', publish: ports.map((containerPort) => ({ hostPort: 0, containerPort })) },
    stopSignal: /^SIG[A-Z0-9+]{2,12}$/.test(wishes.stopSignal) ? wishes.stopSignal : 'SIGTERM',
  };
}

/** Of `user`, `uid`, `user:group` or `uid:gid`, with names from the texts of /etc/passwd and /etc/group; null: unknown. */
export function imageUser(user: string, passwd: string, group: string): ContainerSpec['user'] | null {
  if (user === '') return { uid: 0, gid: 0 };
  const [name = '', groupName] = user.split(':');
  const rows = (text: string): readonly (readonly string[])[] => text.split('\n').map((line) => line.split(':'));
  const person = rows(passwd).find((row) => row[0] === name || (isNumber(name) && row[2] === name));
  const uid = isNumber(name) ? Number(name) : numberIn(person, 2);
  const ofGroup = rows(group).find((row) => row[0] === groupName);
  const gid =
    groupName === undefined
      ? (numberIn(person, 3) ?? (isNumber(name) ? 0 : null))
      : isNumber(groupName)
        ? Number(groupName)
        : numberIn(ofGroup, 2);
  return uid === null || gid === null ? null : { uid, gid };
}

const isNumber = (text: string): boolean => /^[0-9]{1,9}$/.test(text);

function numberIn(row: readonly string[] | undefined, index: number): number | null {
  const text = row?.[index] ?? '';
  return isNumber(text) ? Number(text) : null;
}

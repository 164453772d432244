/** What every driver asks of a specification before it looks at it closer. */
import type { ContainerSpec } from '../shared/containers.ts';

/** Bounds, the same for every driver. The runtime itself stands within the memory of its container. */
const specLimits = {
  cpuMillisMin: 10,
  cpuMillisMax: 1_024_000,
  memoryBytesMin: 8 * 1024 * 1024,
  pidsMin: 1,
  pidsMax: 1_048_576,
  textBytesMax: 128 * 1024,
  itemsMax: 1024,
  logBytesMin: 16 * 1024,
} as const;

const idPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const signalPattern = /^SIG[A-Z0-9+]{2,12}$/;

const isAbsolute = (path: string): boolean => path.startsWith('/') && !path.includes('\0');

/** NUL ends a text for the kernel. */
const isText = (text: string): boolean => text.length <= specLimits.textBytesMax && !text.includes('\0');

const isWhole = (value: number, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && value >= min && value <= max;

/** The first thing that is wrong: the field, and what is asked of it; null where nothing is. */
export function specProblem(spec: ContainerSpec): { readonly place: string; readonly problem: string } | null {
  const wrong = (place: string, problem: string): { readonly place: string; readonly problem: string } => ({
    place,
    problem,
  });
  if (!idPattern.test(spec.id)) return wrong('id', 'lower-case letters, digits and dashes, at most 63');
  if (!idPattern.test(spec.tenant)) return wrong('tenant', 'lower-case letters, digits and dashes, at most 63');
  if (!isAbsolute(spec.root.path)) return wrong('root.path', 'an absolute path');
  if (spec.args.length === 0 || spec.args[0] === '') return wrong('args', 'a program');
  if (spec.args.length > specLimits.itemsMax || !spec.args.every(isText)) return wrong('args', 'fewer or shorter');
  if (spec.env.length > specLimits.itemsMax) return wrong('env', 'fewer variables');
  if (!spec.env.every((entry) => isText(entry) && entry.indexOf('=') > 0)) return wrong('env', 'NAME=value');
  if (!isAbsolute(spec.cwd)) return wrong('cwd', 'an absolute path');
  const idMax = (spec.idRange?.count ?? 0xffff_ffff) - 1;
  if (!isWhole(spec.user.uid, 0, idMax)) return wrong('user.uid', `from 0 to ${idMax}`);
  if (!isWhole(spec.user.gid, 0, idMax)) return wrong('user.gid', `from 0 to ${idMax}`);
  if (!signalPattern.test(spec.stopSignal)) return wrong('stopSignal', 'a name such as SIGTERM');
  return limitsProblem(spec) ?? mountsProblem(spec);
}

function limitsProblem({ limits }: ContainerSpec): ReturnType<typeof specProblem> {
  const { cpuMillis, memoryBytes, pidsMax, diskBytes, wallTimeMs, logBytes } = limits;
  const rows: readonly (readonly [string, number, number, number])[] = [
    ['cpuMillis', cpuMillis, specLimits.cpuMillisMin, specLimits.cpuMillisMax],
    ['memoryBytes', memoryBytes, specLimits.memoryBytesMin, Number.MAX_SAFE_INTEGER],
    ['pidsMax', pidsMax, specLimits.pidsMin, specLimits.pidsMax],
    ['diskBytes', diskBytes ?? 0, 0, Number.MAX_SAFE_INTEGER],
    ['wallTimeMs', wallTimeMs ?? 1, 1, Number.MAX_SAFE_INTEGER],
    ['logBytes', logBytes, specLimits.logBytesMin, Number.MAX_SAFE_INTEGER],
  ];
  for (const [name, value, min, max] of rows)
    if (!isWhole(value, min, max)) return { place: `limits.${name}`, problem: `a whole number, at least ${min}` };
  return null;
}

function mountsProblem({ mounts }: ContainerSpec): ReturnType<typeof specProblem> {
  if (mounts.length > specLimits.itemsMax) return { place: 'mounts', problem: 'fewer mounts' };
  for (const [index, { source, destination }] of mounts.entries()) {
    if (!isAbsolute(source)) return { place: `mounts[${index}].source`, problem: 'an absolute path' };
    const isPlain = isAbsolute(destination) && !destination.split('/').includes('..');
    if (!isPlain || destination === '/')
      return { place: `mounts[${index}].destination`, problem: 'an absolute path below the root' };
  }
  return null;
}

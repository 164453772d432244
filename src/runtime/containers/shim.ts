/**
 * The process that stays with a container: a shell script, since a shell starts in a millisecond, takes some hundred kilobytes, and is
 * everywhere where containers are (docs/decisions/0034). It outlives whoever started it, and keeps
 * - the exit code, in the file `exit`;
 * - both ends of the pipes that the container writes to, so that it neither ends nor loses a line while nobody reads;
 * - the container's time: where that is over, it leaves the file `timed-out` and kills.
 * Where the runtime ends before its container, so does the container.
 *
 * A shim can be started before anybody knows what for: it makes its pipes, puts a runner into the control groups, which is what takes
 * longest, and waits for a line on `go`.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerError } from '../ports/container-driver.ts';
import { readText } from './control-groups.ts';

const script = `
set -u
cell=$1 hidden=$2 roots=$3 reach=$4 members=$5 groups=$6
shift 6
cd "$cell" || exit 1
[ "$hidden" = - ] || umount -l "$hidden" || exit 1
mount -o rbind "$roots" "$reach" || exit 1
echo -900 > /proc/self/oom_score_adj
ulimit -n 65536
finish() { while read -r member; do kill -KILL "$member"; done < "$members"; }
mkfifo -m 600 stdout stderr go limit || exit 1
exec 3<>stdout 4<>stderr 5<>go 6<>limit
(
  exec 3>&- 4>&- 6>&-
  for group in $groups; do echo 0 > "$group" || exit 125; done
  read -r word <&5 && [ "$word" = start ] || exit 125
  exec 5>&-
  exec "$@"
) </dev/null >stdout 2>stderr &
runner=$!
watch=
echo ready
exec >/dev/null
read -r limit <&6
if [ "$limit" != - ]; then
  (
    nap=
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$limit" & nap=$!
    wait "$nap"
    : > timed-out
    finish
  ) 3>&- 4>&- &
  watch=$!
fi
wait "$runner"
code=$?
[ -z "$watch" ] || kill "$watch" 2>/dev/null
finish
echo "$code" > exit
`;

export interface ShimOptions {
  /** Directory of the cell, which is there. */
  readonly cell: string;
  /** Mount point of the version 2 control groups where the runtime may not see them, else null. */
  readonly hidden: string | null;
  /** Where roots are, and where the runtime finds them: the users of a container may not pass through a private directory. */
  readonly roots: { readonly directory: string; readonly reach: string };
  /** A `cgroup.procs` file that names every process of the container. */
  readonly members: string;
  /** `cgroup.procs` files that the runner writes itself into; none where the runtime does that. */
  readonly groups: readonly string[];
  /** A network namespace for it, which the container then shares. */
  readonly hasNetwork: boolean;
  /** The runtime and its arguments. */
  readonly command: readonly string[];
}

/** A process and when it began: the number alone may by now be another's. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, and which boot. */
  readonly startTime: string;
  readonly boot: string;
}

/** null where it has ended, or this host has no /proc. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is a name in brackets, which may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields?.[19];
  if (startTime === undefined || fields?.[0] === 'Z') return null;
  return { pid, startTime, boot: readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '' };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== null && now.startTime === identity.startTime && now.boot === identity.boot;
}

const joinScript = `
groups=$1
shift
for group in $groups; do echo 0 > "$group" || exit 1; done
exec "$@"
`;

/** A command that sees what the shim sees, its network too, and runs in control groups. */
export const besideShim = (
  { pid }: ProcessIdentity,
  groups: readonly string[],
  command: readonly string[],
): readonly string[] => [
  ...['nsenter', '-t', String(pid), '-m', '-n'],
  ...(groups.length === 0 ? [] : ['sh', '-c', joinScript, 'docklock-join', groups.join(' ')]),
  ...command,
];

const hideScript = `
umount -l "$1" || exit 1
shift
exec "$@"
`;

/** A command that does not see `hidden`. */
export const without = (hidden: string | null, command: readonly string[]): readonly string[] =>
  hidden === null ? command : ['unshare', '-m', 'sh', '-c', hideScript, 'docklock-hide', hidden, ...command];

/** Resolves once it waits on `go`. Rejects with ContainerError `driver-unavailable`. */
export function launchShim({
  cell,
  hidden,
  roots,
  members,
  groups,
  hasNetwork,
  command,
}: ShimOptions): Promise<ProcessIdentity> {
  const places = [cell, hidden ?? '-', roots.directory, roots.reach, members, groups.join(' ')];
  const args = ['-m', ...(hasNetwork ? ['-n'] : []), 'sh', '-c', script, 'docklock-shim', ...places, ...command];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const fail = (cause?: unknown): void =>
      reject(new ContainerError('driver-unavailable', 'the shim of a container does not start', { cause }));
    child.once('error', fail);
    child.once('exit', () => fail());
    child.stdout.once('data', () => {
      child.removeAllListeners('exit');
      child.stdout.destroy();
      child.unref();
      const identity = child.pid === undefined ? null : identityOf(child.pid);
      if (identity === null) fail();
      else resolve(identity);
    });
  });
}

/** Lets the shim's runner become the runtime. `wallTimeMs`: from now. */
export function letGo(cell: string, wallTimeMs: number | null): void {
  writeLine(join(cell, 'limit'), wallTimeMs === null ? '-' : (wallTimeMs / 1000).toFixed(3));
  writeLine(join(cell, 'go'), 'start');
}

/** The shim holds the other end open: this never blocks, and fails where the shim is gone. */
function writeLine(fifo: string, line: string): void {
  const descriptor = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(descriptor, `${line}\n`);
  } finally {
    closeSync(descriptor);
  }
}

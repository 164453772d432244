/**
 * Unpacks in a process that may write one directory and nothing else, has no network, sees no other process, and is gone
 * afterwards. Confined by bubblewrap where it works; where it does not, the rules of `layer-tree.ts` stand alone, and
 * `confinement` says so.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ImageError } from '../ports/image-store.ts';
import type { UnpackAnswer, UnpackOrder, Unpacked } from './unpack-order.ts';

export type Confinement = 'bubblewrap' | 'none';

const isSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(`./unpack-process.${isSource ? 'ts' : 'js'}`, import.meta.url));
/** A tree of half a million names has room in it. */
const engineFlags = ['--max-old-space-size=768'];

function unpackCommand(): readonly string[] {
  const loader = isSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return [process.execPath, ...engineFlags, ...loader, entry];
}

/** What root needs to give files away, and nothing more. */
const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];

/** Before a command: it may write `writable`, and else read. */
export function bubblewrap(writable: string): readonly string[] {
  const asRoot =
    process.geteuid?.() === 0 ? ['--cap-drop', 'ALL', ...capabilities.flatMap((name) => ['--cap-add', name])] : [];
  return [
    ...['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--bind', writable, writable],
    ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--new-session'],
    ...asRoot,
    '--',
  ];
}

/** Tries it once: a kernel may forbid it to this user. */
export function availableConfinement(): Confinement {
  const [program = '', ...options] = bubblewrap('/tmp');
  return spawnSync(program, [...options, 'true'], { stdio: 'ignore' }).status === 0 ? 'bubblewrap' : 'none';
}

/** `order.target` is the one directory that is written. Rejects with ImageError. */
export async function unpackConfined(order: UnpackOrder, confinement: Confinement): Promise<Unpacked> {
  const [program = '', ...args] = [
    ...(confinement === 'bubblewrap' ? bubblewrap(order.target) : []),
    ...unpackCommand(),
  ];
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that all of it can be ended.
    detached: true,
    timeout: order.limits.unpackMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code ?? '?'}` : signal));
  });
  // Where the process around it was killed, what it had begun may still wait for it and hold the pipes.
  child.once('exit', (_, signal) => {
    child.stdin.destroy();
    if (signal !== null) killGroup(child.pid);
  });
  // A process that is gone reads nothing; how it ended is said below.
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${JSON.stringify(order)}\n`);
  const [answerText, complaint, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const answer = readAnswer(answerText);
  if (answer === null || end !== 'exit code 0')
    throw new ImageError('extraction-failed', `the process that unpacks ended with ${end}: ${complaint.slice(-400)}`);
  if (answer.kind === 'refused') throw new ImageError(answer.code, answer.message, { details: { ...answer.details } });
  return answer.result;
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}

function readAnswer(answer: string): UnpackAnswer | null {
  try {
    return JSON.parse(answer) as UnpackAnswer;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

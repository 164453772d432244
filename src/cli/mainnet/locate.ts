/** Finds the network that a command means: the manifest it names, or the one that runs from this directory. */
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type LauncherState, readLauncherState } from '../../runtime/launcher-state.ts';
import { type LoadedManifest, loadManifest } from '../../runtime/manifest.ts';
import { CommandError } from '../terminal.ts';

export const defaultManifest = 'nodes/mainnet.yaml';

export interface RunningNetwork {
  readonly dataDir: string;
  readonly state: LauncherState;
}

/** Throws CommandError where nothing runs, or where several do and none is named. */
export function requireRunning(file: string | undefined, host: string | undefined): RunningNetwork {
  const running = file === undefined ? findRunning() : runningOf(loadManifest(file, process.env), host);
  const [only, ...others] = running;
  if (only === undefined) {
    throw new CommandError('failed', `no network is running ${file === undefined ? 'here' : `from ${file}`}`, [
      `start one: mainnet up ${file ?? defaultManifest}`,
    ]);
  }
  if (others.length === 0) return only;
  throw new CommandError('usage', `${running.length} networks are running here: name the manifest of one`, [
    ...running.map(({ state }) => `${state.manifest}${state.host === null ? '' : ` --host ${state.host}`}`),
  ]);
}

function runningOf(loaded: LoadedManifest, host: string | undefined): readonly RunningNetwork[] {
  const dataDir = loaded.manifest.spec.defaults.dataDir;
  const hosts = host === undefined ? [null, ...loaded.nodes.map((node) => node.host.name)] : [host];
  return [...new Set(hosts)].flatMap((name) => {
    const state = readLauncherState(dataDir, name);
    return state === null ? [] : [{ dataDir, state }];
  });
}

/** Launchers of the data directories in ./data, where the shipped manifests put theirs. */
function findRunning(): readonly RunningNetwork[] {
  const inData = entries('data').filter((entry) => entry.isDirectory());
  const directories = ['data', ...inData.map(({ name }) => join('data', name))];
  return directories.flatMap((dataDir) =>
    entries(dataDir).flatMap(({ name }) => {
      const match = /^launcher(?:-(.+))?\.json$/.exec(name);
      if (match === null) return [];
      const state = readLauncherState(dataDir, match[1] ?? null);
      return state === null ? [] : [{ dataDir, state }];
    }),
  );
}

const entries = (directory: string): readonly Dirent[] =>
  existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];

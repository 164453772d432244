/** Key files of accounts that networks started from this directory have made: faucet, operator, arbitrators, reviewers. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const dataRoot = 'data';

/** `./data/accounts` and `./data/<network>/accounts`, those that exist. */
function accountDirectories(): readonly string[] {
  const networks = existsSync(dataRoot)
    ? readdirSync(dataRoot, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(dataRoot, entry.name))
        .sort()
    : [];
  return [dataRoot, ...networks].map((root) => join(root, 'accounts')).filter((directory) => existsSync(directory));
}

/** `NAME.key` in each of those directories that has one. */
export const networkAccountFiles = (name: string): readonly string[] =>
  accountDirectories()
    .map((directory) => join(directory, `${name}.key`))
    .filter((file) => existsSync(file));

/** Every name in any of them, ascending. */
export function networkAccountNames(): readonly string[] {
  const files = accountDirectories().flatMap((directory) => readdirSync(directory));
  const names = files.filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -'.key'.length));
  return [...new Set(names)].sort();
}

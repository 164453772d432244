/** What every rule of a manifest looks at, and how it reports. */
import type { PlannedNode } from './manifest-expand.ts';
import type { ManifestDraft } from './manifest-network.ts';
import type { Origin, Problem } from './manifest-problems.ts';

export interface RuleContext {
  readonly draft: ManifestDraft;
  readonly nodes: readonly PlannedNode[];
  /** Where the value at a path, or the nearest thing around it, stands. */
  readonly originOf: (path: string) => Origin;
  /** Whether the file or the environment has a value at exactly this path. */
  readonly isWritten: (path: string) => boolean;
  readonly problems: Problem[];
}

export function report(
  context: RuleContext,
  code: Problem['code'],
  path: string,
  said: { readonly message: string; readonly found?: string; readonly allowed?: string },
): void {
  context.problems.push({
    code,
    origin: context.originOf(path),
    path,
    message: said.message,
    found: said.found ?? null,
    allowed: said.allowed ?? null,
  });
}

export const place = (context: RuleContext, path: string): string => {
  const origin = context.originOf(path);
  return origin.kind === 'file' ? `${path} (line ${origin.line})` : path;
};

export const firstReplicas = (nodes: readonly PlannedNode[]): readonly PlannedNode[] =>
  nodes.filter((node) => node.replica === 0);

/** The first of these paths that is written down, else the last. */
export function originPath(context: RuleContext, paths: readonly string[]): string {
  return paths.find((path) => context.isWritten(path)) ?? paths.at(-1) ?? '';
}

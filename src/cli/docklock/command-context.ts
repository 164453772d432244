/** What the commands of `docklock` share. */
import type { Terminal } from '../terminal.ts';

export interface DocklockContext {
  readonly terminal: Terminal;
  /** Whether `--json` stands before or after the command's name. */
  readonly wantsJson: () => boolean;
}

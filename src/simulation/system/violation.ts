/** What must not be, and was. */
export interface Violation {
  /** The name of what saw it. */
  readonly checker: string;
  readonly atMs: number;
  readonly detail: string;
}

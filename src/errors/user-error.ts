/** The parts of an error that a user can act on: what failed, where, why, and what to do next. */
export interface UserErrorParts {
  /** What failed, in one line: `cannot start the cluster`. */
  readonly what: string;
  /** The object and field, file and line, or flag it is about: `Service default/web, spec.clusterIPs[1]`. */
  readonly where?: string;
  /** Why it failed. */
  readonly why: string;
  /** The next command or edit that helps. */
  readonly next?: string;
  /** Exit code of the command line, see EXIT in exit-codes.ts. */
  readonly exitCode?: number;
  readonly cause?: unknown;
}

/** An error that is the user's to mend; the command line prints its parts and no stack. */
export class UserError extends Error {
  readonly parts: UserErrorParts;

  constructor(parts: UserErrorParts) {
    super(formatUserError(parts), { cause: parts.cause });
    this.name = "UserError";
    this.parts = parts;
  }
}

/** The text of a user's error: `what: why`, then `where` and `next` on lines of their own. */
function formatUserError(parts: UserErrorParts): string {
  const lines = [`${parts.what}: ${parts.why}`];
  if (parts.where !== undefined) lines.push(`  where: ${parts.where}`);
  if (parts.next !== undefined) lines.push(`  next: ${parts.next}`);
  return lines.join("\n");
}

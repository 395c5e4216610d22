import { EXIT } from "./exit-codes.ts";
import { UserError } from "./user-error.ts";

/** Makes errors of input that is wrong; `what` is what failed for it, as in `cannot read the manifest`. */
export function badInputFor(
  what: string,
): (where: string, why: string, next: string, cause?: unknown) => UserError {
  return (where, why, next, cause) =>
    new UserError({ what, where, why, next, exitCode: EXIT.badInput, cause });
}

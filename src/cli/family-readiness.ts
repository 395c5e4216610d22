import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import type { FamilyReadiness } from "../traffic/index.ts";

/** The flag that several commands have, and its help. */
export const FAMILY_READINESS_FLAG = [
  "--family-readiness <mode>",
  "enforce: leave pods out for families that they do not answer over; report (default): only say so",
] as const;

/** Reads `--family-readiness`. @throws UserError when it is neither word */
export function readFamilyReadiness(text: string | undefined): FamilyReadiness {
  if (text === undefined || text === "report" || text === "enforce") return text ?? "report";
  throw new UserError({
    what: "cannot read the flags",
    where: `flag --family-readiness=${text}`,
    why: "it is neither enforce nor report",
    next: "give one of them",
    exitCode: EXIT.usage,
  });
}

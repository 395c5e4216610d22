import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { isNamespaced } from "../lab/index.ts";

/** The flag of commands that bring up a lab, by the kubelet's name. */
export const SYSCTLS_FLAG = [
  "--allowed-unsafe-sysctls <list>",
  "sysctls that pods may set beside the safe ones, patterns too: net.*",
] as const;

/** Reads names and patterns with commas between. @throws UserError for those that a pod cannot have for itself */
export function parseSysctls(text: string): string[] {
  const patterns = text.split(",").map((part) => part.trim());
  const bad = patterns.find((pattern) => !isNamespaced(pattern));
  if (bad === undefined) return patterns;
  throw new UserError({
    what: "cannot bring up the cluster",
    where: `flag --allowed-unsafe-sysctls, value ${JSON.stringify(text)}`,
    why: `${JSON.stringify(bad)} is not known to be of a namespace that pods have for themselves`,
    next: "for example --allowed-unsafe-sysctls 'net.*,kernel.msg*'",
    exitCode: EXIT.badInput,
  });
}

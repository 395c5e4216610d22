import { join, resolve } from "node:path";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { PACKAGE_ROOT } from "../lab/host/main-path.ts";
import { findProgram, labPath } from "../lab/host/preconditions.ts";

/** The flag of commands that bring up a lab: the Envoy of its gateways. */
export const ENVOY_FLAG = ["--envoy <path>", "the Envoy that pods of the image envoy run"] as const;

/** Where scripts/setup puts Envoy. */
const TOOLS = join(PACKAGE_ROOT, ".tools");

/**
 * The Envoy of a lab: that of the flag, else one on the PATH or set up by scripts/setup; without any, the lab has no
 * image `envoy`. @throws UserError when the flag names no program
 */
export function envoyOfLab(flag: string | undefined): { envoy?: string } {
  if (flag === undefined) {
    const found = findProgram("envoy", `${labPath()}:${join(TOOLS, "envoy", "bin")}:${join(TOOLS, "bin")}`);
    return found === undefined ? {} : { envoy: resolve(found) };
  }
  const envoy = findProgram(resolve(flag), "/");
  if (envoy !== undefined) return { envoy };
  throw new UserError({
    what: "cannot bring up the cluster",
    where: `flag --envoy, value ${JSON.stringify(flag)}`,
    why: "there is no program that may be executed",
    next: "scripts/setup gets Envoy; without the flag it is found by itself",
    exitCode: EXIT.badInput,
  });
}

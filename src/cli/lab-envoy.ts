import { findEnvoy } from "../envoy/process/find.ts";
import { UserError } from "../errors/user-error.ts";

/** The flag of commands that bring up a lab: the Envoy of its gateways. */
export const ENVOY_FLAG = ["--envoy <path>", "the Envoy that pods of the image envoy run"] as const;

/**
 * The Envoy of a lab, see {@link findEnvoy}; where this machine has none, the lab has no image `envoy`, and pods of it
 * say so. @throws UserError when the flag or TANDEM_ENVOY names none
 */
export function envoyOfLab(flag: string | undefined, env = process.env): { envoy?: string } {
  try {
    return { envoy: findEnvoy({ env, ...(flag !== undefined && { flag }) }) };
  } catch (error) {
    if (!(error instanceof UserError) || flag !== undefined || env["TANDEM_ENVOY"]) throw error;
    return {};
  }
}

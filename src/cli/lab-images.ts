import { resolve } from "node:path";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import type { ImageMapping } from "../lab/index.ts";
import { findProgram, labPath } from "../lab/host/preconditions.ts";

/** The flag of commands that bring up a lab, repeatable: an image that is a program of this machine. */
export const IMAGE_FLAG = [
  "--image <name=program>",
  "let pods of this image run a program of this machine (repeatable)",
] as const;

/** Reads `NAME=PROGRAM`: a file, or the name of a program on the PATH. @throws UserError when there is no such program */
export function parseImage(text: string): ImageMapping {
  const divider = text.indexOf("=");
  const image = text.slice(0, Math.max(0, divider));
  const given = text.slice(divider + 1);
  const where = `flag --image, value ${JSON.stringify(text)}`;
  const next = "for example --image registry.example/echo:v1=./bin/echo";
  if (divider <= 0 || given === "")
    throw new UserError({
      what: "cannot bring up the cluster",
      where,
      why: "it is not NAME=PROGRAM",
      next,
      exitCode: EXIT.usage,
    });
  const program = given.includes("/") ? findProgram(resolve(given), "/") : findProgram(given, labPath());
  if (program !== undefined) return { image, program };
  const why = `${given} is no program that may be executed here`;
  throw new UserError({ what: "cannot bring up the cluster", where, why, next, exitCode: EXIT.badInput });
}

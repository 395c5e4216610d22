/** Puts the capture of a pod in force in the network namespace that this process is in, or takes it away. */
import { UserError } from "../../errors/user-error.ts";
import { FAMILIES, type Family } from "../../ip/family.ts";
import { createExec, type Exec } from "../exec.ts";
import { captureScript, CAPTURE_TABLE, removalScript } from "./script.ts";
import { type CaptureSettings, INBOUND_SOURCES } from "./settings.ts";

/** What is in force after {@link applyCapture}. */
export interface CaptureReport {
  /** Families that the pod has beside its loopback. The rules hold for both in any case. */
  readonly families: readonly Family[];
  /** The table as the kernel has it. */
  readonly rules: string;
}

/**
 * Replaces the rules in one transaction, then reads them back: either all are in force or none. Safe to repeat.
 * @throws UserError with what nft or the kernel said; the pod must not start then
 */
export async function applyCapture(
  settings: CaptureSettings,
  exec: Exec = createExec(),
): Promise<CaptureReport> {
  await addInboundSource(exec);
  const { code, stderr } = await exec(["nft", "-f", "-"], [captureScript(settings)]);
  if (code !== 0) throw refused("nft did not take the rules", stderr);
  const rules = await readBack(exec);
  const missing = ["chain output", "chain proxy", "chain prerouting"].filter((part) => !rules.includes(part));
  if (missing.length > 0)
    throw refused("the kernel does not have all of the rules", `missing: ${missing.join(", ")}`);
  return { families: await familiesThere(exec), rules };
}

/** Takes the rules away; nothing happens where there are none. @throws UserError with what nft said */
export async function removeCapture(exec: Exec = createExec()): Promise<void> {
  const { code, stderr } = await exec(["nft", "-f", "-"], [removalScript()]);
  if (code !== 0) throw refused("nft did not remove the rules", stderr);
}

/**
 * All of 127.0.0.0/8 is the loopback's, but of IPv6 only ::1: the source of the sidecar's inbound connections has to be
 * added, as a deprecated one, so that nobody else takes it as a source. Without IPv6 nothing is to be added.
 */
async function addInboundSource(exec: Exec): Promise<void> {
  const address = `${INBOUND_SOURCES.IPv6}/128`;
  const { code, stderr } = await exec([
    "ip",
    "-6",
    "address",
    "replace",
    address,
    "dev",
    "lo",
    "nodad",
    "preferred_lft",
    "0",
  ]);
  if (code === 0 || !(await hasIPv6(exec))) return;
  throw refused(`the loopback did not take ${address}`, stderr);
}

/** Whether the loopback may have IPv6 addresses. */
async function hasIPv6(exec: Exec): Promise<boolean> {
  const { code, stdout } = await exec(["cat", "/proc/sys/net/ipv6/conf/lo/disable_ipv6"]);
  return code === 0 && stdout.trim() === "0";
}

async function readBack(exec: Exec): Promise<string> {
  const { code, stdout, stderr } = await exec(["nft", "list", "table", ...CAPTURE_TABLE.split(" ")]);
  if (code !== 0) throw refused("the rules cannot be read back", stderr);
  return stdout;
}

async function familiesThere(exec: Exec): Promise<Family[]> {
  const { stdout } = await exec(["ip", "-o", "address", "show", "scope", "global"]);
  const there: Record<Family, boolean> = {
    IPv4: / inet (?!127\.)/.test(stdout),
    IPv6: / inet6 (?!::6\/)/.test(stdout),
  };
  return FAMILIES.filter((family) => there[family]);
}

function refused(why: string, said: string): UserError {
  const next = /not permitted|permission/i.test(said)
    ? "let the container run as root with the capability NET_ADMIN"
    : "the kernel needs nf_tables with NAT for the family inet (Linux 5.2 or later); nft must be 1.0 or later";
  const detail = said.trim() === "" ? why : `${why}: ${said.trim()}`;
  return new UserError({ what: "cannot capture the pod's traffic", why: detail, where: CAPTURE_TABLE, next });
}

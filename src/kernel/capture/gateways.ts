import { parseAddress } from "../../ip/address.ts";
import { createExec, type Exec } from "../exec.ts";

/**
 * The next hops of the pod's default routes, of both families: the node's ends of the pod's link or bridge, where that
 * has addresses of its own. A kubelet probes from there or from the node's own addresses.
 */
export async function gatewaysOfPod(exec: Exec = createExec()): Promise<string[]> {
  const texts = await Promise.all(
    ["-4", "-6"].map(async (family) => (await exec(["ip", "-o", family, "route", "show", "default"])).stdout),
  );
  const hops = texts.flatMap((text) =>
    [...text.matchAll(/\bvia (?:inet6? )?(\S+)/g)].map((match) => match[1] ?? ""),
  );
  return [...new Set(hops)].filter((hop) => parseAddress(hop) !== undefined);
}

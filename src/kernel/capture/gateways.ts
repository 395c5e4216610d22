import { parseAddress } from "../../ip/address.ts";
import { createExec, type Exec } from "../exec.ts";

/**
 * The next hops of the pod's default routes, of both families: the node's ends of the pod's link or bridge, where that
 * has addresses of its own. A kubelet probes from there or from the node's own addresses.
 */
export async function gatewaysOfPod(exec: Exec = createExec()): Promise<string[]> {
  const hops = wordsAfter(/\bvia (?:inet6? )?(\S+)/g, await defaultRoutes(exec));
  return hops.filter((hop) => parseAddress(hop) !== undefined);
}

/** The interfaces of the pod's default routes: what others of its network send to it comes in there. */
export async function linksOfPod(exec: Exec = createExec()): Promise<string[]> {
  return wordsAfter(/\bdev (\S+)/g, await defaultRoutes(exec));
}

async function defaultRoutes(exec: Exec): Promise<string[]> {
  return await Promise.all(
    ["-4", "-6"].map(async (family) => (await exec(["ip", "-o", family, "route", "show", "default"])).stdout),
  );
}

function wordsAfter(pattern: RegExp, texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? ""));
  return [...new Set(words)];
}

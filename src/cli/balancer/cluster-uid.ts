import { type KubeClient, pause } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Namespace } from "../../objects/types.ts";
import type { OpenOptions } from "./provider.ts";

/** In every cluster, and in no two the same one. */
const NAMESPACE = "kube-system";
const AGAIN_MS = 2_000;

/**
 * What tells a cluster from another one of its name: the uid of its namespace kube-system. Undefined where no cluster is
 * asked, or it does not say. A process that serves waits for the API server; one that only reads fails with its error.
 */
export async function clusterUidOf(
  { client, readOnly, log }: Pick<OpenOptions, "client" | "readOnly" | "log">,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (client !== undefined && !signal.aborted)
    try {
      return await askUid(client, log);
    } catch (error) {
      if (readOnly) throw error;
      log(`asking for namespace ${NAMESPACE} (tried again): ${(error as Error).message}`);
      await pause(AGAIN_MS, signal);
    }
  return undefined;
}

async function askUid(client: KubeClient, log: (line: string) => void): Promise<string | undefined> {
  try {
    return (await client.get<Namespace>(KINDS.Namespace, NAMESPACE)).metadata.uid;
  } catch (error) {
    if (!(error instanceof ApiError) || (error.code !== 403 && error.code !== 404)) throw error;
    log(
      `another cluster with this --cluster-name would not be noticed: ${error.message}\n` +
        `  next: allow to get namespace ${NAMESPACE}, whose uid tells clusters apart`,
    );
    return undefined;
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Pod } from "../../objects/types.ts";

const RETRY_MS = 25;
const RETRIES = 40;

/**
 * A token of the pod's ServiceAccount, bound to the pod; empty when the account says that its pods get none. A namespace
 * that was made a moment ago has its account `default` soon: for 1 s a missing one is asked for again.
 * @throws ApiError 404 when there is no such account
 */
export async function requestToken(
  client: KubeClient,
  pod: Pod,
  audience: string | undefined,
  seconds: number,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await requestOnce(client, pod, audience, seconds);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404) || attempt === RETRIES) throw error;
      await sleep(RETRY_MS);
    }
  }
}

interface Account {
  readonly automountServiceAccountToken?: boolean;
}

async function requestOnce(
  client: KubeClient,
  pod: Pod,
  audience: string | undefined,
  seconds: number,
): Promise<string> {
  const { namespace = "default", name, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName || "default";
  const wanted =
    (pod.spec as Account).automountServiceAccountToken ?? (await automounts(client, account, namespace));
  if (!wanted && audience === undefined) return "";
  const { status, body } = await client.request(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    },
  );
  if (status >= 300) throw new ApiError(body as never);
  return (body as { status: { token: string } }).status.token;
}

async function automounts(client: KubeClient, account: string, namespace: string): Promise<boolean> {
  const object = await client.get<Account>(KINDS.ServiceAccount, account, namespace);
  return object.automountServiceAccountToken ?? true;
}

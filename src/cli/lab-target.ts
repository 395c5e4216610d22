import type { KubeClient } from "../client/index.ts";
import { UserError } from "../errors/user-error.ts";
import { type Kind, KINDS } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import { formatLabelSelector } from "../objects/selectors/label-selector.ts";
import type { LabelSelector, Pod } from "../objects/types.ts";

/** Kinds that lead to pods by a selector, by the names that people type. */
const OWNERS: Record<string, Kind> = {};
for (const kind of [
  KINDS.Deployment,
  KINDS.ReplicaSet,
  KINDS.DaemonSet,
  KINDS.StatefulSet,
  KINDS.Job,
  KINDS.Service,
] as const) {
  for (const name of [kind.plural, kind.singular, ...kind.shortNames]) OWNERS[name] = kind;
}
const POD_NAMES = new Set(["pod", "pods", "po"]);

/**
 * The name of a running pod that a target means: `NAME`, `pod/NAME`, or one of the pods of `deploy/NAME`, `svc/NAME`….
 * @throws UserError when the target does not exist or has no running pod
 */
export async function findPodOf(client: KubeClient, target: string, namespace: string): Promise<string> {
  const slash = target.indexOf("/");
  if (slash < 0) return target;
  const type = target.slice(0, slash).toLowerCase();
  const name = target.slice(slash + 1);
  if (name === "") throw noPod(target, namespace, "the name is missing", `for example ${type}/NAME`);
  if (POD_NAMES.has(type)) return name;
  const kind = OWNERS[type];
  if (kind === undefined) {
    const known = ["pod", "deploy", "rs", "ds", "sts", "job", "svc"]
      .map((known) => `${known}/NAME`)
      .join(", ");
    throw noPod(target, namespace, `${JSON.stringify(type)} is not a kind with pods`, `use one of ${known}`);
  }
  const labelSelector = await selectorOf(client, kind, name, namespace, target);
  const pods = await client.list<Pod>(KINDS.Pod, { namespace, labelSelector });
  const running = pods.items.filter(
    (pod) => pod.status?.phase === "Running" && !pod.metadata.deletionTimestamp,
  );
  const ready = running.find((pod) =>
    pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
  );
  const pod = ready ?? running[0];
  if (pod !== undefined) return pod.metadata.name;
  throw noPod(
    target,
    namespace,
    "none of its pods is running",
    `kubectl -n ${namespace} get pods -l ${labelSelector}`,
  );
}

async function selectorOf(
  client: KubeClient,
  kind: Kind,
  name: string,
  namespace: string,
  target: string,
): Promise<string> {
  interface Selecting {
    spec: { selector?: LabelSelector & Record<string, string> };
  }
  try {
    const { spec } = await client.get<Selecting>(kind, name, namespace);
    const selector = kind === KINDS.Service ? { matchLabels: spec.selector ?? {} } : (spec.selector ?? {});
    if (kind === KINDS.Service && spec.selector === undefined) {
      throw noPod(target, namespace, "it has no selector", `kubectl -n ${namespace} get endpointslices`);
    }
    return formatLabelSelector(selector);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 404)) throw error;
    throw noPod(target, namespace, "it does not exist", `kubectl -n ${namespace} get ${kind.plural}`);
  }
}

function noPod(target: string, namespace: string, why: string, next: string): UserError {
  return new UserError({
    what: "no pod to work in",
    where: `${target} in namespace ${namespace}`,
    why,
    next,
  });
}

import type { Kind } from "../../objects/kinds.ts";

const ALL: readonly string[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/** What can be done with objects of a kind. */
export function verbsOf(kind: Kind): readonly string[] {
  if (kind.verbs !== undefined) return kind.verbs;
  return kind.kind === "Namespace" && kind.group === ""
    ? ALL.filter((verb) => verb !== "deletecollection")
    : ALL;
}

interface SubresourceFacts {
  /** The kind of its body, where that is not the resource's own. */
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const CHANGED: readonly string[] = ["get", "patch", "update"];
const CONNECTED: readonly string[] = ["create", "get"];

/** The subresources that are served, by name. */
export const SUBRESOURCES: Readonly<Record<string, SubresourceFacts>> = {
  status: { verbs: CHANGED },
  scale: { group: "autoscaling", version: "v1", kind: "Scale", verbs: CHANGED },
  finalize: { verbs: ["update"] },
  ephemeralcontainers: { verbs: CHANGED },
  binding: { kind: "Binding", verbs: ["create"] },
  eviction: { group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
  log: { verbs: ["get"] },
  exec: { kind: "PodExecOptions", verbs: CONNECTED },
  attach: { kind: "PodAttachOptions", verbs: CONNECTED },
  portforward: { kind: "PodPortForwardOptions", verbs: CONNECTED },
  token: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest", verbs: ["create"] },
};

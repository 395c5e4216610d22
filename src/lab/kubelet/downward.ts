import type { Pod } from "../../objects/types.ts";

/**
 * A field of the pod for the downward API, as the kubelet gives it (pkg/fieldpath, pkg/kubelet): labels and
 * annotations whole as `key="value"` lines or by subscript; lists of addresses joined by commas.
 */
export function fieldOf(pod: Pod, path: string): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript) return pod.metadata[subscript[1] as "labels" | "annotations"]?.[subscript[2] ?? ""] ?? "";
  const status = pod.status ?? {};
  switch (path) {
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "metadata.labels":
      return formatMap(pod.metadata.labels);
    case "metadata.annotations":
      return formatMap(pod.metadata.annotations);
    case "spec.nodeName":
      return pod.spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "";
    case "status.podIP":
      return status.podIP ?? "";
    case "status.podIPs":
      return (status.podIPs ?? []).map(({ ip }) => ip).join(",");
    case "status.hostIP":
      return status.hostIP ?? "";
    case "status.hostIPs":
      return (status.hostIPs ?? []).map(({ ip }) => ip).join(",");
    default:
      return "";
  }
}

function formatMap(map: Record<string, string> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join("\n");
}

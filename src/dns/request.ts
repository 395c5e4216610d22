/** What a name inside the cluster domain asks for (CoreDNS, plugin/kubernetes/parse.go). */
import { splitLabels } from "./codec/name.ts";

/** `apex`: the domain, `svc` and `pod` themselves; `other`: a form that no name of the cluster has. */
export type NameRequest =
  | { readonly kind: "apex" }
  | { readonly kind: "other" }
  | {
      readonly kind: "svc" | "pod";
      readonly namespace: string;
      /** A Service's name, or a pod's address with dashes; undefined when only the namespace is named. */
      readonly name?: string;
      readonly endpoint?: string;
      readonly port?: string;
      readonly protocol?: string;
    };

/** Reads a name (lower case, with its dot) that lies in a zone. */
export function parseRequest(name: string, zone: string): NameRequest {
  const labels = splitLabels(name.slice(0, name.length - zone.length));
  const kind = labels.pop();
  const namespace = labels.pop();
  if (kind === undefined) return { kind: "apex" };
  if (kind !== "svc" && kind !== "pod") return { kind: "other" };
  if (namespace === undefined) return { kind: "apex" };
  const object = labels.pop();
  if (object === undefined) return { kind, namespace };
  const [first, second] = labels;
  if (labels.length > 2) return { kind: "other" };
  if (first === undefined) return { kind, namespace, name: object };
  if (second === undefined) return { kind, namespace, name: object, endpoint: first };
  return {
    kind,
    namespace,
    name: object,
    port: withoutUnderscore(first),
    protocol: withoutUnderscore(second),
  };
}

function withoutUnderscore(label: string): string {
  return label.startsWith("_") ? label.slice(1) : label;
}

/** Which listeners a route is attached to, for each of its parents, and why not to the others. */
import type { NamespaceChoice, ParentReference } from "../../objects/gateway/index.ts";
// not by the room's index: all of its validation, with CEL, would be in the memory of what serves proxies
import { matchesLabelSelector } from "../../objects/selectors/label-selector.ts";
import { type Fact, fails, holds } from "./conditions.ts";
import { routeHostnames } from "./hostnames.ts";
import type { ResolvedListener } from "./listeners.ts";
import type { TranslatedRoute } from "./routes/types.ts";

/** A listener that takes a route, and the hostnames that the route has there. */
export interface Attachment {
  readonly listener: ResolvedListener;
  readonly hostnames: readonly string[];
  /** The route as it is there, with the policies that are in force for it. */
  readonly translated: TranslatedRoute;
}

/** What became of one parentRef. */
export interface ParentResult {
  readonly parentRef: ParentReference;
  /** `namespace/name` of the Gateway (a ListenerSet's own). */
  readonly gateway: string;
  /** Of type Accepted, as far as attachment goes. */
  readonly accepted: Fact;
  readonly attachments: readonly Attachment[];
}

/** The labels of a namespace; undefined: it is not known. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** Whether objects of a namespace are chosen; `own` is the chooser's. */
export function choosesNamespace(
  choice: NamespaceChoice | undefined,
  fallback: "Same" | "None",
  own: string,
  namespace: string,
  labels: NamespaceLabels,
): boolean {
  switch (choice?.from ?? fallback) {
    case "All":
      return true;
    case "Same":
      return own === namespace;
    case "Selector": {
      const known = labels(namespace);
      return known !== undefined && matchesLabelSelector(choice?.selector, known);
    }
    default:
      return false;
  }
}

/** Attaches a route to a parent's listeners, as far as they take it (GEP-1364 says with which reason they do not). */
export function attach(
  parentRef: ParentReference,
  gateway: string,
  listeners: readonly ResolvedListener[],
  route: TranslatedRoute,
  namespace: string,
  labels: NamespaceLabels,
): ParentResult {
  const refuse = (reason: string, message: string): ParentResult => ({
    parentRef,
    gateway,
    accepted: fails("Accepted", reason, message),
    attachments: [],
  });
  const named = listeners.filter(({ spec }) => isNamed(parentRef, spec.name, spec.port));
  if (named.length === 0)
    return refuse("NoMatchingParent", `${parentRef.name} has no listener ${described(parentRef)}`);
  const open = named.filter(
    ({ kinds, owner, spec }) =>
      kinds.has(route.kind) &&
      choosesNamespace(spec.allowedRoutes?.namespaces, "Same", owner.namespace, namespace, labels),
  );
  if (open.length === 0)
    return refuse(
      "NotAllowedByListeners",
      `no listener of ${parentRef.name} takes a ${route.kind} from namespace ${namespace}`,
    );
  const attachments = open
    .map((listener) => ({ listener, hostnames: hostnamesOn(listener, route), translated: route }))
    .filter(({ hostnames }) => hostnames.length > 0);
  if (attachments.length === 0)
    return refuse(
      "NoMatchingListenerHostname",
      `no listener of ${parentRef.name} has a hostname in common with ${route.hostnames.join(", ")}`,
    );
  return { parentRef, gateway, accepted: holds("Accepted", "Accepted"), attachments };
}

function hostnamesOn(listener: ResolvedListener, route: TranslatedRoute): readonly string[] {
  return routeHostnames(listener.hostname, route.hostnames);
}

function isNamed({ sectionName, port }: ParentReference, name: string, listenerPort: number): boolean {
  return (
    (sectionName === undefined || sectionName === "" || sectionName === name) &&
    (port === undefined || port === listenerPort)
  );
}

function described({ sectionName, port }: ParentReference): string {
  const name = sectionName === undefined || sectionName === "" ? "" : `named ${sectionName}`;
  const on = port === undefined ? "" : `on port ${port}`;
  return [name, on].filter((part) => part !== "").join(" ") || "at all";
}

import type { Resource } from "../resources.ts";
import { type Entry, findInFlight, type KindView, type View } from "./view.ts";

/*
 * Make before break. Envoy warms clusters and listeners, but not routes: a route that names a cluster which is not in
 * force answers 503. So what names clusters waits for them, and clusters go only after nothing names them any more.
 */

/** How long a route or listener waits for its clusters at most. Envoy itself gives up on a resource after 15 s. */
export const HOLD_MS = 5_000;

/** How long the wait may take even while Envoy is still busy with clusters: its own `initial_fetch_timeout`. */
export const HOLD_BUSY_MS = 15_000;

/**
 * Envoy answers a response with clusters only when all that were warming are warm. After this time one that got its
 * endpoints counts as ready without the answer, so that one slow cluster does not hold up the routes of the others.
 */
export const SLOW_ANSWER_MS = 1_000;

/** The first cluster that a resource needs and that is not in force in the client; undefined where none is missing. */
export function missingCluster(view: View, resource: Resource, now: number): string | undefined {
  if (asksByName(view)) return undefined;
  return resource.needsClusters?.find((name) => !isClusterReady(view, name, now));
}

/**
 * Whether a client asks for clusters by name, as gRPC does: it learns the names from routes and would wait for itself.
 * An Envoy that comes back while a cluster warms asks for clusters only later (envoyproxy/envoy#34334).
 */
function asksByName(view: View): boolean {
  const { cluster, listener } = view.kinds;
  return cluster.subscribed ? !cluster.wildcard : !listener.wildcard;
}

/** Whether a wait for clusters has taken so long that the resource is sent anyway. */
export function isWaitOver(view: View, since: number, now: number): boolean {
  const busy = view.kinds.cluster.inFlight.length + view.kinds.endpoint.inFlight.length > 0;
  return now - since >= (busy ? HOLD_BUSY_MS : HOLD_MS);
}

/** Whether waiting for a cluster that is not ready is vain: nothing more will be sent for it. */
export function isWaitVain(view: View, name: string): boolean {
  return !view.table.has("cluster", name);
}

/**
 * Whether a route may name a cluster: some version of it is in force with its endpoints and secrets. A cluster that was
 * refused and never worked holds nothing back: only requests to it fail, and a route table has other routes as well.
 */
export function isClusterReady(view: View, name: string, now: number): boolean {
  const { cluster, endpoint } = view.kinds;
  const entry = cluster.entries.get(name);
  const flight = findInFlight(cluster, name);
  const flying = flight?.items.get(name);
  if (flying !== undefined && flying.resource === undefined) return flying.heals === true;
  const endpoints = endpoint.entries.get(name);
  if (entry?.inForce !== undefined) {
    // One that is on its way out may have come without its endpoints, and gets none any more.
    if (!view.table.has("cluster", name)) return endpoints?.inForce !== undefined;
    if (view.table.has("endpoint", name) && !isAnswered(endpoints)) return false;
    return hasSecrets(view, entry.inForce.resource);
  }
  if (flight === undefined) return entry?.rejected !== undefined;
  const warmed = endpoints?.inForce !== undefined && endpoints.sentIn > flight.sequence;
  return warmed && now - flight.sentAt >= SLOW_ANSWER_MS && hasSecrets(view, flying?.resource);
}

function hasSecrets(view: View, cluster: Resource | undefined): boolean {
  const { secret } = view.kinds;
  return (cluster?.needsRoutes ?? []).every(
    (name) => !view.table.has("secret", name) || isAnswered(secret.entries.get(name)),
  );
}

function isAnswered(entry: Entry | undefined): boolean {
  return entry !== undefined && (entry.inForce !== undefined || entry.rejected !== undefined);
}

/** What may not be removed yet. */
export interface InUse {
  /** Undefined: the client has routes or listeners of before this stream, so that any cluster may be in use. */
  readonly clusters: ReadonlySet<string> | undefined;
  /** Route tables and secrets that listeners and clusters in force name; undefined likewise. */
  readonly referred: ReadonlySet<string> | undefined;
}

/** What the routes, listeners and clusters in force, in flight or next in line name. */
export function findInUse(view: View, now: number): InUse {
  const { cluster, filter, listener, route, virtualHost } = view.kinds;
  const users = [
    // sidecars never ask for any
    ...(filter.subscribed ? [filter] : []),
    listener,
    route,
    ...(virtualHost.subscribed || hasTablesApart(view) ? [virtualHost] : []),
  ];
  const clusters = users.some((kind) => isObscure(view, kind, now))
    ? undefined
    : collect(users, (resource) => resource.needsClusters);
  const referred = hasForeign(listener) ? undefined : collect([listener, cluster], (one) => one.needsRoutes);
  return { clusters, referred };
}

/** Whether the client has virtual hosts of which it will tell: it tells of its route tables first. */
function hasTablesApart({ kinds: { route } }: View): boolean {
  return [...route.entries.values()].some(({ inForce }) => inForce?.resource?.hostsApart === true);
}

/** Whether it is unknown what a client's resources of a kind name: it kept them from before, and did not say which. */
function isObscure(view: View, kind: KindView, now: number): boolean {
  const silent = view.reconnected && !kind.subscribed && now - view.openedAt < HOLD_MS;
  return silent || hasForeign(kind);
}

function hasForeign(kind: KindView): boolean {
  for (const { inForce } of kind.entries.values()) {
    if (inForce !== undefined && inForce.resource === undefined) return true;
  }
  return false;
}

function collect(
  kinds: readonly KindView[],
  named: (resource: Resource) => readonly string[] | undefined,
): Set<string> {
  const names = new Set<string>();
  const add = (resource: Resource | undefined) => {
    if (resource !== undefined) for (const name of named(resource) ?? []) names.add(name);
  };
  for (const kind of kinds) {
    for (const entry of kind.entries.values()) {
      add(entry.inForce?.resource);
      add(entry.candidate?.resource);
    }
    for (const { items } of kind.inFlight) for (const item of items.values()) add(item.resource);
  }
  return names;
}

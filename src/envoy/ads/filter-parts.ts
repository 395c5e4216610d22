import type { Resource } from "../resources.ts";
import { missingCluster } from "./readiness.ts";
import { type KindView, type View, versionAtClient } from "./view.ts";

/*
 * Make before break, for what virtual hosts name of a filter: one that names a part waits until a filter with it has been
 * sent, and a filter that gives up parts waits until no virtual host in force names them. One that gives up parts and
 * brings others goes at once, as virtual hosts wait for it; those that still name what is gone let nobody in meanwhile.
 */

/** What has to be there, or to be replaced, before a resource is sent; undefined: it can go. */
export function missing(view: View, resource: Resource, now: number): string | undefined {
  const cluster = missingCluster(view, resource, now);
  if (cluster !== undefined) return cluster;
  if (resource.kind === "virtualHost") return missingPart(view, resource);
  return resource.kind === "filter" ? partInUse(view, resource.name, resource) : undefined;
}

/** A part of a filter that a virtual host needs, and that is still to be sent; undefined: it can go. */
function missingPart(view: View, resource: Resource): string | undefined {
  const { needsParts = [] } = resource;
  const { filter } = view.kinds;
  if (needsParts.length === 0 || !filter.subscribed) return undefined;
  // one that was refused holds nothing back
  const names = [...view.table.names("filter")].filter((name) => !filter.rejected.has(name));
  const wanted = partsOf(names, (name) => view.table.get("filter", name));
  const sent = sentParts(filter);
  return needsParts.find((part) => wanted.has(part) && !sent.has(part));
}

/** A part that the next version of a filter lacks, while virtual hosts still name it; undefined: it can go. */
export function partInUse(view: View, name: string, next: Resource | undefined): string | undefined {
  const { filter, virtualHost } = view.kinds;
  const before = filter.entries.get(name)?.inForce?.resource?.parts ?? [];
  const kept = new Set(next?.parts);
  const leaving = new Set(before.filter((part) => !kept.has(part)));
  const brings = next?.parts?.some((part) => !before.includes(part)) === true;
  return leaving.size === 0 || brings ? undefined : namedPart(virtualHost, leaving);
}

function namedPart(hosts: KindView, parts: ReadonlySet<string>): string | undefined {
  const named = (resource: Resource | undefined) => resource?.needsParts?.find((part) => parts.has(part));
  for (const [name, { inForce }] of hosts.entries) {
    const part = named(inForce?.resource);
    // what is under way replaces it before the filter comes
    if (part !== undefined && versionAtClient(hosts, name) === inForce?.version) return part;
  }
  for (const { items } of hosts.inFlight)
    for (const { resource } of items.values()) {
      const part = named(resource);
      if (part !== undefined) return part;
    }
  return undefined;
}

function sentParts({ entries, inFlight }: KindView): ReadonlySet<string> {
  const flying = inFlight.flatMap(({ items }) => [...items.values()].map(({ resource }) => resource));
  const parts = partsOf(entries.keys(), (name) => entries.get(name)?.inForce?.resource);
  return new Set([...parts, ...flying.flatMap((resource) => resource?.parts ?? [])]);
}

function partsOf(
  names: Iterable<string>,
  resource: (name: string) => Resource | undefined,
): ReadonlySet<string> {
  return new Set([...names].flatMap((name) => resource(name)?.parts ?? []));
}

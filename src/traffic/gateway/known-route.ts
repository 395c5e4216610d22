/** One route as the model knows it: translated once, attached to each of its parents, with the policies of those places. */
import type { RouteObject } from "../../objects/gateway/index.ts";
import { attach, type ParentResult } from "./attach.ts";
import type { ProxyRoute } from "./attached.ts";
import { keep, keepItems } from "./equality.ts";
import { siteOf } from "./listener-policies.ts";
import { gatewayOfSet, keyOf, type ObjectStore } from "./objects.ts";
import { applyPolicies } from "./policies/index.ts";
import { refersToGateway, type Resolution } from "./resolution.ts";
import { translateRoute } from "./routes/index.ts";
import type { LookupKey, TranslatedRoute } from "./routes/types.ts";

/** A route with its translation and what became of its parents. */
export interface KnownRoute extends ProxyRoute {
  readonly parents: readonly ParentResult[];
  /** Of the translation, and of policies for it. */
  readonly lookups: ReadonlySet<LookupKey>;
}

/** What a route is attached by: all objects, and what was resolved of each of our Gateways, by its key. */
export interface RouteSurroundings {
  readonly objects: ObjectStore;
  readonly resolutionOf: (gateway: string) => Resolution | undefined;
}

/** Attaches a translated route to its parents, with the policies that count there. */
export function knownRoute(
  id: string,
  object: RouteObject,
  translated: TranslatedRoute,
  surroundings: RouteSurroundings,
): KnownRoute {
  const lookups = new Set(translated.lookups);
  return {
    key: id,
    kind: translated.kind,
    createdAt: object.metadata.creationTimestamp ?? "",
    name: keyOf(object),
    translated,
    parents: attachToParents(object, translated, surroundings, lookups),
    lookups,
  };
}

/** Translates a route; parts that are the same as before stay the same objects. */
export function translateAgain(
  object: RouteObject,
  old: TranslatedRoute | undefined,
  objects: ObjectStore,
): TranslatedRoute {
  const next = translateRoute(object, objects);
  if (old === undefined) return next;
  const rules = keepItems(old.rules, next.rules, ({ rule }) => rule.name);
  return {
    ...next,
    rules,
    ...(next.stream === undefined ? {} : { stream: keep(old.stream, next.stream) }),
  };
}

function attachToParents(
  object: RouteObject,
  translated: TranslatedRoute,
  { objects, resolutionOf }: RouteSurroundings,
  lookups: Set<LookupKey>,
): readonly ParentResult[] {
  const namespace = object.metadata.namespace ?? "";
  return (object.spec.parentRefs ?? []).flatMap((parentRef) => {
    const key = `${parentRef.namespace ?? namespace}/${parentRef.name}`;
    const isGateway = refersToGateway(parentRef);
    const set = isGateway || parentRef.kind !== "ListenerSet" ? undefined : objects.get("ListenerSet", key);
    const gateway = isGateway ? key : set && gatewayOfSet(set);
    const resolution = gateway === undefined ? undefined : resolutionOf(gateway);
    if (gateway === undefined || resolution === undefined) return [];
    const kind = isGateway ? "Gateway" : "ListenerSet";
    const listeners = resolution.listenersOf.get(`${kind}/${key}`) ?? [];
    const result = attach(parentRef, gateway, listeners, translated, namespace, objects.labels);
    return [withPolicies(result, objects, lookups)];
  });
}

function withPolicies(parent: ParentResult, objects: ObjectStore, lookups: Set<LookupKey>): ParentResult {
  const attachments = parent.attachments.map((attachment) => {
    const site = siteOf(attachment.listener, parent.gateway);
    const policied = applyPolicies(attachment.translated, site, objects);
    for (const key of policied.lookups) lookups.add(key);
    return { ...attachment, translated: policied.route };
  });
  return { ...parent, attachments };
}

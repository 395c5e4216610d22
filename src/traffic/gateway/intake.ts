/** Changes of objects, stored, and turned into what must be done again. */
import type { BackendTLSPolicy, ListenerSet } from "../../objects/gateway/index.ts";
import type { KubeObject } from "../../objects/types.ts";
import type { ObjectChange } from "../tracker.ts";
import { sameContent } from "./changes.ts";
import type { Dependents } from "./dependents.ts";
import type { Dirt } from "./dirt.ts";
import { equal } from "./equality.ts";
import { type PolicyObject, type TargetKey, targetKeysOf } from "./policies/index.ts";
import {
  gatewayOfSet,
  type IntakeKind,
  type IntakeKinds,
  isRoute,
  isStatusKind,
  isTrafficPolicy,
  keyOf,
  parentsOf,
  namespaceOf,
  type ObjectStore,
  splitId,
  targetsOf,
} from "./objects.ts";

/** Where changes leave their marks. */
export interface Intake {
  readonly objects: ObjectStore;
  readonly dependents: Dependents;
  readonly dirt: Dirt;
}

/** Stores the object of a change and marks what depends on it; changes of no consequence mark nothing. */
export function takeIn<K extends IntakeKind>(
  intake: Intake,
  kind: K,
  change: ObjectChange<IntakeKinds[K]>,
): void {
  const key = keyOf(change.object);
  const object = change.type === "deleted" ? undefined : withKind(kind, change.object);
  const before = intake.objects.set(kind, key, object);
  if (before !== undefined && object !== undefined && isSame(kind, before, object)) {
    if (isStatusKind(kind)) intake.dirt.add("statuses", `${kind}/${key}`);
    return;
  }
  mark(intake, kind, key, before, object);
}

/** Lists of the API leave out the kind of their items. */
function withKind<T extends KubeObject>(kind: string, object: T): T {
  return object.kind === kind ? object : { ...object, kind };
}

function isSame(kind: IntakeKind, before: KubeObject, object: KubeObject): boolean {
  if (kind === "Namespace") return equal(before.metadata.labels, object.metadata.labels);
  return sameContent(before, object);
}

function mark(
  intake: Intake,
  kind: IntakeKind,
  key: string,
  before: KubeObject | undefined,
  after: KubeObject | undefined,
): void {
  const { dirt } = intake;
  const both = [before, after].filter((object) => object !== undefined);
  if (isRoute(kind)) dirt.add("routes", `${kind}/${key}`);
  else if (kind === "GatewayClass") dirt.add("classes", key);
  else if (kind === "Gateway") dirt.add("gateways", key);
  else if (kind === "ListenerSet") markSet(intake, key, both as ListenerSet[]);
  else if (kind === "BackendTLSPolicy") markPolicy(intake, key, both as BackendTLSPolicy[]);
  else if (isTrafficPolicy(kind)) markTrafficPolicy(intake, `${kind}/${key}`, both as PolicyObject[]);
  else if (kind === "ReferenceGrant") touch(intake, `ReferenceGrant/${namespaceOf(key)}`);
  else touch(intake, `${kind}/${key}`);
  if (kind === "Namespace") for (const route of intake.objects.routesIn(key)) dirt.add("attachments", route);
}

function markSet({ dirt, objects }: Intake, key: string, versions: readonly ListenerSet[]): void {
  dirt.add("statuses", `ListenerSet/${key}`);
  for (const route of objects.routesOf(`ListenerSet/${key}`)) dirt.add("attachments", route);
  for (const set of versions) dirt.add("gateways", gatewayOfSet(set));
}

function markPolicy(intake: Intake, key: string, versions: readonly BackendTLSPolicy[]): void {
  intake.dirt.add("statuses", `BackendTLSPolicy/${key}`);
  for (const policy of versions)
    for (const service of targetsOf(policy)) touch(intake, `BackendTLSPolicy/${service}`);
}

function markTrafficPolicy(intake: Intake, id: string, versions: readonly PolicyObject[]): void {
  intake.dirt.add("statuses", id);
  for (const policy of versions)
    for (const target of targetKeysOf(policy)) {
      touch(intake, `Policies/${target}`);
      markWider(intake, target);
    }
}

/** Policies on a route may override those on its parents, who say so. */
function markWider({ objects, dirt }: Intake, target: TargetKey): void {
  const route = isRoute(target.slice(0, target.indexOf("/"))) ? objects.route(target) : undefined;
  for (const parent of route === undefined ? [] : parentsOf(route)) {
    const [kind, key] = splitId(parent);
    const set = kind === "ListenerSet" ? objects.get("ListenerSet", key) : undefined;
    for (const at of set === undefined ? [parent] : [parent, `Gateway/${gatewayOfSet(set)}`])
      for (const policy of objects.policiesFor(at)) dirt.add("statuses", `${policy.kind}/${keyOf(policy)}`);
  }
}

/** Marks all that asked for an object. */
function touch({ dependents, dirt }: Intake, lookup: string): void {
  for (const dependent of dependents.of(lookup)) {
    const [kind, key] = splitId(dependent);
    if (kind === "Gateway") dirt.add("gateways", key);
    else if (kind === "GatewayClass") dirt.add("classes", key);
    else if (kind === "BackendTLSPolicy" || isTrafficPolicy(kind)) dirt.add("statuses", dependent);
    else if (lookup.startsWith("Policies/")) dirt.add("attachments", dependent);
    else dirt.add("routes", dependent);
  }
}

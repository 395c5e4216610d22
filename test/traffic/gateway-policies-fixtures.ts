/** Policies for tests: every one is held against the schema that it would have to pass in a cluster. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { admitCustomResource, type Schema, validateCustomResource } from "../../src/objects/crd/index.ts";
import type { KubeObject } from "../../src/objects/types.ts";
import {
  type PolicyObject,
  type PolicyReferences,
  type PolicySite,
  type PolicySurroundings,
  targetKeysOf,
} from "../../src/traffic/gateway/policies/index.ts";
import type { References } from "../../src/traffic/gateway/routes/types.ts";
import { objects } from "./gateway-routes-fixtures.ts";

interface Definition extends KubeObject {
  spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: Schema } }[] };
}

/** The definitions of the kinds of policies. */
export const DEFINITIONS: readonly Definition[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../data/crds/tandem-policies.json"), "utf8"),
).items;

/** Gateway `g` with one route, `r`. */
export const ONE_ROUTE = `
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: tandem, listeners: [{name: web, port: 80, protocol: HTTP}]}
---
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`;

/** What the API server would say about an object: `field: message` each. */
export function schemaErrors(object: KubeObject): string[] {
  const definition = DEFINITIONS.find(({ spec }) => spec.names.kind === object.kind);
  const schema = definition?.spec.versions[0]?.schema.openAPIV3Schema;
  assert.ok(schema, object.kind);
  const copy = structuredClone(object) as unknown as Record<string, unknown>;
  const unknown = admitCustomResource(copy, schema);
  return [
    ...unknown.map((field) => `${field}: unknown field`),
    ...validateCustomResource(copy, schema).map(({ field, message }) => `${field}: ${message}`),
  ];
}

/** Where a policy is attached to, in short: `Gateway g`, `Gateway g web`, `Service web http`. */
function targetRef(text: string) {
  const [kind = "", name = "", sectionName] = text.split(" ");
  const group = { Service: "", Backend: "tandem.dev" }[kind] ?? "gateway.networking.k8s.io";
  return { group, kind, name, ...(sectionName !== undefined && { sectionName }) };
}

/** A policy attached to targets in short form; `spec` is YAML in braces without its braces. */
export function policy(
  kind: "ClientTrafficPolicy" | "BackendTrafficPolicy" | "SecurityPolicy",
  name: string,
  targets: string | string[],
  spec: string,
  created = "2026-01-01T00:00:00Z",
): PolicyObject {
  const [made] = objects(
    `{kind: ${kind}, metadata: {name: ${name}, creationTimestamp: '${created}'}, spec: {${spec}}}`,
  );
  const object = { ...made, apiVersion: "tandem.dev/v1alpha1" } as PolicyObject;
  object.spec.targetRefs = [targets].flat().map(targetRef);
  return object;
}

/** As {@link policy}, which the schema must take. */
export function goodPolicy(...args: Parameters<typeof policy>): PolicyObject {
  const object = policy(...args);
  assert.deepEqual(schemaErrors(object), []);
  return object;
}

/** Of what policies refer to, nothing is there. */
export const NO_OBJECTS: References = {
  service: () => undefined,
  secret: () => undefined,
  configMap: () => undefined,
  backend: () => undefined,
  grantsIn: () => [],
  backendTlsPoliciesFor: () => [],
};

/** Lookups among some policies. */
export function among(...policies: PolicyObject[]): PolicyReferences {
  return {
    policiesFor: (target) => policies.filter((each) => targetKeysOf(each).includes(target)),
    objects: NO_OBJECTS,
  };
}

/** A Gateway `g` with listeners `web` and `other`, a ListenerSet `more` of it with `extra`, a route `r` and Services. */
export function surroundings(...policies: PolicyObject[]): PolicySurroundings {
  const sections: Record<string, readonly string[]> = {
    "Gateway/default/g": ["web", "other"],
    "ListenerSet/default/more": ["extra"],
    "HTTPRoute/default/r": ["named"],
    "Service/default/web": [],
    "Service/default/api": ["http", "dns"],
  };
  return {
    ...among(...policies),
    sections: (target) => sections[target],
    policiesOf: (kind) => policies.filter((each) => each.kind === kind),
    isUnder: (route, target) => route === "HTTPRoute/default/r" && target === "Gateway/default/g",
  };
}

/** Listener `web` of Gateway `g`. */
export const WEB: PolicySite = { gateway: "default/g", owner: "Gateway/default/g", listener: "web" };
/** Listener `extra` of a ListenerSet of Gateway `g`. */
export const EXTRA: PolicySite = {
  gateway: "default/g",
  owner: "ListenerSet/default/more",
  listener: "extra",
};

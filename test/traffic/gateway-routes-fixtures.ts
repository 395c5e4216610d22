/** Objects and lookups for the tests of the translation of routes. */
import { parseAllDocuments } from "yaml";
import type { AnyRoute, BackendTLSPolicy, ReferenceGrant } from "../../src/objects/gateway/index.ts";
import type { ConfigMap, KubeObject, Secret, Service } from "../../src/objects/types.ts";
import {
  type BackendObject,
  type References,
  type TranslatedRoute,
  translateRoute,
} from "../../src/traffic/gateway/routes/index.ts";

/** A certificate authority: nobody has its key. */
export const CA = `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUA1g0DGis+3PyUrt+cK2mcRUNsIMwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTIxMDUxNjU4WhgPMjEyNjEwMjgwNTE2NTha
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAER1bluJ9q
SIvUmDl7Kcg9lre51YXkm9JnwSWd5fUb3vnmlIaRgdsrQhzVzYPOzzUGUKwasWH1
ZCf75aS8ZVwAbqNTMFEwHQYDVR0OBBYEFCAUtVFxQHBPa/faZk1/RkPeh82VMB8G
A1UdIwQYMBaAFCAUtVFxQHBPa/faZk1/RkPeh82VMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIgN+qvymI1tlBcoP+UaJ9Iic/WtESG9Ynifg0u4HWD
DYoCIQCZ5cCo36NHE/ADxPahpbZ6GRqRx1rkgwTQSQaSHwbLMg==
-----END CERTIFICATE-----`;

/** Objects of a YAML text; the namespace is \`default\` unless they say. */
export function objects(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).map((document) => {
    const object = document.toJS() as KubeObject;
    object.metadata.namespace ??= "default";
    return object;
  });
}

const WEB = objects(`
{kind: Service, metadata: {name: web}, spec: {ports: [{port: 80, protocol: TCP}, {port: 81, protocol: TCP, appProtocol: kubernetes.io/h2c}]}}
---
{kind: Service, metadata: {name: api}, spec: {ports: [{name: http, port: 80, protocol: TCP}, {name: dns, port: 53, protocol: UDP}]}}
---
{kind: Service, metadata: {name: far, namespace: other}, spec: {ports: [{port: 80, protocol: TCP}]}}
`);

/** Lookups among some objects; Services `web` and `api` (and `other/far`) are always there. */
export function references(...more: KubeObject[]): References {
  const all = [...WEB, ...more];
  const find = <T>(kind: string, key: string) =>
    all.findLast(
      (object) => object.kind === kind && `${object.metadata.namespace}/${object.metadata.name}` === key,
    ) as T | undefined;
  return {
    service: (key) => find<Service>("Service", key),
    secret: (key) => find<Secret>("Secret", key),
    configMap: (key) => find<ConfigMap>("ConfigMap", key),
    backend: (key) => find<BackendObject>("Backend", key),
    grantsIn: (namespace) =>
      all.filter(
        (object): object is ReferenceGrant =>
          object.kind === "ReferenceGrant" && object.metadata.namespace === namespace,
      ),
    backendTlsPoliciesFor: (key) =>
      all.filter(
        (object): object is BackendTLSPolicy =>
          object.kind === "BackendTLSPolicy" &&
          (object as BackendTLSPolicy).spec.targetRefs.some(
            (target) => `${object.metadata.namespace}/${target.name}` === key,
          ),
      ),
  };
}

/** A route of a kind named `r`, from the YAML of its spec. */
export function route(kind: AnyRoute["kind"], spec: string, annotations?: Record<string, string>): AnyRoute {
  const [object] = objects(`{kind: ${kind}, metadata: {name: r}, spec: ${spec}}`);
  const metadata = { ...object?.metadata, name: "r", ...(annotations && { annotations }) };
  return { ...object, apiVersion: "gateway.networking.k8s.io/v1", kind, metadata } as AnyRoute;
}

/** Translates an HTTPRoute with one rule, given as YAML, beside some objects. */
export function httpRule(rule: string, ...more: KubeObject[]): TranslatedRoute {
  return translateRoute(route("HTTPRoute", `{rules: [${rule}]}`), references(...more));
}

/** The first rule of a route, which must be there. */
export function firstRule(translated: TranslatedRoute) {
  const [first] = translated.rules;
  if (first === undefined) throw new Error(`no rules: ${JSON.stringify(translated.conditions)}`);
  return first.rule;
}

/** What is done by the first rule of a route that forwards. */
export function firstForward(translated: TranslatedRoute) {
  const { action } = firstRule(translated);
  if (action.kind !== "forward") throw new Error(`does not forward: ${JSON.stringify(action)}`);
  return action;
}

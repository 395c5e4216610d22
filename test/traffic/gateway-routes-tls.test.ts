import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackendTLSPolicy } from "../../src/objects/gateway/index.ts";
import type { KubeObject } from "../../src/objects/types.ts";
import {
  recordingReferences,
  translateBackendTlsPolicy,
  translateRoute,
} from "../../src/traffic/gateway/routes/index.ts";
import { CA, firstRule, httpRule, objects, references, route } from "./gateway-routes-fixtures.ts";

const SERVICE = objects(
  "{kind: Service, metadata: {name: s}, spec: {ports: [{name: a, port: 443, appProtocol: HTTPS}, {name: b, port: 444}]}}",
);

function configMap(text: string | undefined): KubeObject {
  const data = text === undefined ? {} : { "ca.crt": text };
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "ca", namespace: "default" },
    data,
  };
  return object;
}

const CA_REF = "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]";

function policy(
  name: string,
  validation = CA_REF,
  target = "",
  created = "2026-01-01T00:00:00Z",
): BackendTLSPolicy {
  const [object] = objects(`
    {kind: BackendTLSPolicy, metadata: {name: ${name}, creationTimestamp: '${created}'},
     spec: {targetRefs: [{group: '', kind: Service, name: s${target}}], validation: {hostname: ${name}.example, ${validation}}}}`);
  return object as BackendTLSPolicy;
}

const to = (port: number, ...more: KubeObject[]) =>
  httpRule(`{backendRefs: [{name: s, port: ${port}}]}`, ...SERVICE, ...more);

test("a policy has its backends spoken to over TLS, whatever the plain protocol", () => {
  const translated = to(443, policy("p"), configMap(CA));
  assert.deepEqual(
    [...translated.needs.destinations.values()],
    [
      {
        key: "service/default/s/443/tls-p",
        target: { kind: "frontend", frontend: "default/s", port: 443 },
        protocol: "http1",
        tls: { serverName: "p.example", trust: "backendtlspolicy/default/p" },
        origins: [{ kind: "Service", key: "default/s", part: "a" }],
      },
    ],
  );
  assert.deepEqual(
    [...translated.needs.trust.values()],
    [
      {
        name: "backendtlspolicy/default/p",
        certificates: CA.trim(),
        origins: [{ kind: "BackendTLSPolicy", key: "default/p" }],
      },
    ],
  );
  assert.deepEqual([...translated.backendTlsPolicies], ["default/p"]);
  assert.ok(translated.lookups.has("ConfigMap/default/ca"));
});

test("names to look for in the certificate, and the system's authorities", () => {
  const names = "subjectAltNames: [{type: Hostname, hostname: x.example}, {type: URI, uri: 'spiffe://y'}]";
  const translated = to(443, policy("p", `wellKnownCACertificates: System, ${names}`));
  const [destination] = translated.needs.destinations.values();
  assert.deepEqual(destination?.tls, {
    serverName: "p.example",
    trust: "system",
    subjectAltNames: [
      { kind: "dns", value: "x.example" },
      { kind: "uri", value: "spiffe://y" },
    ],
  });
});

/** What is wrong with a policy, and what its status says. */
const BAD: [
  name: string,
  validation: string,
  ca: string | undefined | false,
  accepted: string,
  resolved: string,
][] = [
  ["an object that is not there", CA_REF, false, "NoValidCACertificate", "InvalidCACertificateRef"],
  ["no key", CA_REF, undefined, "NoValidCACertificate", "InvalidCACertificateRef"],
  ["an empty key", CA_REF, "", "NoValidCACertificate", "InvalidCACertificateRef"],
  ["nonsense", CA_REF, "nonsense", "NoValidCACertificate", "InvalidCACertificateRef"],
  ["half a certificate", CA_REF, CA.slice(0, 200), "NoValidCACertificate", "InvalidCACertificateRef"],
  [
    "a certificate that does not parse",
    CA_REF,
    CA.replace(/M/g, "N"),
    "NoValidCACertificate",
    "InvalidCACertificateRef",
  ],
  [
    "another kind",
    "caCertificateRefs: [{group: a.example, kind: Vault, name: ca}]",
    CA,
    "NoValidCACertificate",
    "InvalidKind",
  ],
  ["authorities nobody knows", "wellKnownCACertificates: a.example/x", false, "Invalid", "ResolvedRefs"],
];

for (const [name, validation, ca, accepted, resolved] of BAD)
  test(`a policy with ${name} lets no request through, least of all in plaintext`, () => {
    const bad = policy("p", validation);
    const more = [bad, ...(ca === false ? [] : [configMap(ca)])];
    for (const port of [443, 444]) {
      const translated = to(port, ...more);
      assert.deepEqual(firstRule(translated).action, { kind: "answer", status: 500 });
      assert.equal(translated.needs.destinations.size, 0);
      assert.equal(translated.conditions.resolvedRefs.reason, "InvalidBackendTLSPolicy");
    }
    const status = translateBackendTlsPolicy(bad, recordingReferences(references(...SERVICE, ...more)));
    assert.deepEqual([status.accepted.status, status.accepted.reason], ["False", accepted]);
    assert.equal(status.resolvedRefs.reason, resolved);
  });

test("one good reference is enough, and the bad one is named", () => {
  const both =
    "caCertificateRefs: [{group: '', kind: ConfigMap, name: none}, {group: '', kind: ConfigMap, name: ca}]";
  const good = policy("p", both);
  const status = translateBackendTlsPolicy(
    good,
    recordingReferences(references(...SERVICE, good, configMap(CA))),
  );
  assert.equal(status.accepted.status, "True");
  assert.deepEqual(status.resolvedRefs, {
    status: "False",
    reason: "InvalidCACertificateRef",
    message: "spec.validation.caCertificateRefs[0]: ConfigMap default/none does not exist",
  });
  assert.equal(to(443, good, configMap(CA)).conditions.resolvedRefs.status, "True");
});

const OLD = "2026-01-01T00:00:00Z";
const NEW = "2026-01-01T00:00:01Z";
/** Two policies, and the one that is in force for ports 443 (`a`) and 444 (`b`); `conflicted` is the other one. */
const RIVALS: [
  name: string,
  one: [string, string],
  two: [string, string],
  inForce: (string | undefined)[],
  conflicted?: string,
][] = [
  ["the older one", ["", NEW], ["", OLD], ["two", "two"], "one"],
  ["the first by name of the same age", ["", OLD], ["", OLD], ["one", "one"], "two"],
  [
    "the older one for a port",
    [", sectionName: a", NEW],
    [", sectionName: a", OLD],
    ["two", undefined],
    "one",
  ],
  ["one for a port before one for all", [", sectionName: a", NEW], ["", OLD], ["one", "two"]],
  ["each for its own port", [", sectionName: a", NEW], [", sectionName: b", OLD], ["one", "two"]],
];

for (const [name, one, two, inForce, conflicted] of RIVALS)
  test(`of two policies counts ${name}`, () => {
    const all = [policy("one", CA_REF, ...one), policy("two", CA_REF, ...two)];
    const names = [443, 444].map((port) => {
      const [key] = to(port, ...all, configMap(CA)).backendTlsPolicies;
      return key?.replace("default/", "");
    });
    assert.deepEqual(names, inForce);
    for (const each of all) {
      const { accepted } = translateBackendTlsPolicy(
        each,
        recordingReferences(references(...SERVICE, ...all, configMap(CA))),
      );
      assert.equal(accepted.reason, each.metadata.name === conflicted ? "Conflicted" : "Accepted");
    }
  });

test("a TLSRoute passes TLS through as it is, and makes it new where the listener ended it", () => {
  const object = route("TLSRoute", "{rules: [{backendRefs: [{name: s, port: 443}]}]}");
  const { stream, lookups } = translateRoute(object, references(...SERVICE, policy("p"), configMap(CA)));
  assert.deepEqual(stream?.passthrough.forward.shares, [
    { weight: 1, destination: "service/default/s/443/stream" },
  ]);
  assert.equal(stream?.passthrough.needs.trust.size, 0);
  assert.deepEqual(stream?.terminated.forward.shares, [
    { weight: 1, destination: "service/default/s/443/stream/tls-p" },
  ]);
  assert.ok(lookups.has("BackendTLSPolicy/default/s"));
});

test("gRPC over TLS is HTTP/2", () => {
  const object = route("GRPCRoute", "{rules: [{backendRefs: [{name: s, port: 443}]}]}");
  const { needs } = translateRoute(object, references(...SERVICE, policy("p"), configMap(CA)));
  assert.equal(needs.destinations.get("service/default/s/443/http2/tls-p")?.protocol, "http2");
});

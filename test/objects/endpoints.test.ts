import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldError } from "../../src/objects/field-errors.ts";
import type { EndpointSlice, Endpoints } from "../../src/objects/types.ts";
import { validateEndpointSlice, validateEndpoints } from "../../src/objects/validation/endpoints.ts";

// The rules of pkg/apis/discovery/validation and of ValidateEndpoints, with the texts of apimachinery's util/validation.

// biome-ignore lint/suspicious/noExplicitAny: slices here are wrong on purpose
type Loose = any;

function slice(addressType: string, ...endpoints: Loose[]): EndpointSlice {
  return { metadata: { name: "s" }, addressType, endpoints, ports: [] } as Loose;
}

function texts(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message.slice(0, 90)}`);
}

test("domains: one error each, of the part that is wrong", () => {
  const [long, many] = ["x".repeat(64), `${"a.".repeat(127)}ab`];
  const names = [
    "a.example.com",
    "a.example.com.",
    "10.1.1.1",
    "",
    "single",
    "single.",
    "A.b",
    `${long}.b`,
    many,
  ];
  const errors = validateEndpointSlice(slice("FQDN", ...names.map((name) => ({ addresses: [name] }))));
  assert.deepEqual(
    errors.map(({ field }) => field),
    [3, 4, 5, 6, 7, 8].map((index) => `endpoints[${index}].addresses[0]`),
  );
  const segments = "should be a domain with at least two segments separated by dots";
  const messages = errors.map(({ message }) => message);
  assert.deepEqual(messages.slice(0, 3), [
    "Required value",
    `Invalid value: "single": ${segments}`,
    `Invalid value: "single": ${segments}`,
  ]);
  assert.match(messages[3] ?? "", /^Invalid value: "A\.b": a lowercase RFC 1123 subdomain must consist/);
  assert.equal(
    messages[4],
    `Invalid value: "${long}": must be no more than 63 characters`,
    "the label alone",
  );
  assert.match(messages[5] ?? "", /: must be no more than 253 characters$/);
});

test("hints: no zone or node twice, and names that such things can have", () => {
  const of = (hints: object) =>
    texts(validateEndpointSlice(slice("IPv4", { addresses: ["10.1.1.1"], hints })));
  const path = "endpoints[0].hints";
  assert.deepEqual(of({ forZones: [{ name: "a" }, { name: "" }], forNodes: [{ name: "n" }] }), []);
  assert.deepEqual(
    of({ forZones: [{ name: "a" }, { name: "a" }], forNodes: [{ name: "n" }, { name: "n" }] }),
    [`${path}.forZones[1].name: Duplicate value: "a"`, `${path}.forNodes[1].name: Duplicate value: "n"`],
  );
  const [zone, node] = of({ forZones: [{ name: "a b" }], forNodes: [{ name: "Bad_N" }] });
  assert.match(
    zone ?? "",
    /forZones\[0\]\.name: Invalid value: "a b": a valid label must be an empty string/,
  );
  assert.match(node ?? "", /forNodes\[0\]\.name: Invalid value: "Bad_N": a lowercase RFC 1123 subdomain/);
  const nine = Array.from({ length: 9 }, (_, index) => ({ name: `z${index}` }));
  assert.deepEqual(of({ forZones: nine, forNodes: [{ name: "n" }, { name: "n" }] }), [
    `${path}.forZones: Too many: 9: must have at most 8 items`,
  ]);
});

test("the zone has a field of its own", () => {
  const deprecatedTopology = { "topology.kubernetes.io/zone": "a", "example.com/rack": "7" };
  assert.deepEqual(
    texts(validateEndpointSlice(slice("IPv6", { addresses: ["fd00::1"], deprecatedTopology }))),
    [
      "endpoints[0].deprecatedTopology[topology.kubernetes.io/zone]: " +
        "Internal error: reserved key was not removed in conversion",
    ],
  );
});

test("Endpoints: a special address is one whatever else is wrong", () => {
  const subsets = [{ addresses: [{ ip: "127.0.0.1", hostname: "Bad_H" }, { ip: "x" }] }];
  const errors = texts(validateEndpoints({ metadata: { name: "e" }, subsets } as Loose as Endpoints));
  assert.deepEqual(
    errors.map((text) => text.slice(0, text.indexOf(": "))),
    ["subsets[0].addresses[0].hostname", "subsets[0].addresses[0].ip", "subsets[0].addresses[1].ip"],
  );
});

test("lengths are counted in bytes", () => {
  const hostname = "ü".repeat(32);
  const errors = texts(validateEndpointSlice(slice("IPv4", { addresses: ["10.1.1.1"], hostname })));
  assert.equal(errors.length, 2);
  assert.match(errors[0] ?? "", /must be no more than 63 characters$/);
});

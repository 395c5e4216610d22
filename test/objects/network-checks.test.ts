import assert from "node:assert/strict";
import { test } from "node:test";
import { validateServiceCidr } from "../../src/objects/service-cidr.ts";
import { rulesOf } from "../../src/objects/strategy/registry.ts";
import { KINDS } from "../../src/objects/index.ts";
import type { FieldError } from "../../src/objects/field-errors.ts";
import type { EndpointSlice, Node, ServiceCIDR } from "../../src/objects/types.ts";
import { validateEndpointSliceUpdate } from "../../src/objects/validation/endpoints.ts";
import {
  validateNode,
  validateNodeStatusUpdate,
  validateNodeUpdate,
} from "../../src/objects/validation/node.ts";

function texts(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function slice(fields: object): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "es" },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.1.1"] }],
    ...fields,
  } as EndpointSlice;
}

test("endpoints that stay as they are are not looked at again", () => {
  const immutable = 'addressType: Invalid value: "IPv6": field is immutable';
  const family = 'endpoints[0].addresses: Invalid value: "10.1.1.2": must be an IPv6 address';
  const changed = slice({ addressType: "IPv6", endpoints: [{ addresses: ["10.1.1.2"] }] });
  assert.deepEqual(texts(validateEndpointSliceUpdate(slice({ addressType: "IPv6" }), slice({}))), [
    immutable,
  ]);
  assert.deepEqual(texts(validateEndpointSliceUpdate(changed, slice({}))), [family, immutable]);
});

/** A slice, the one that it replaces, and what the client is told. */
const WARNED: readonly (readonly [string, object, object | undefined, readonly string[]])[] = [
  [
    "of a domain",
    { addressType: "FQDN", endpoints: [] },
    undefined,
    ["spec.addressType: FQDN endpoints are deprecated"],
  ],
  [
    "of a domain that reads as an address",
    { addressType: "FQDN", endpoints: [{ addresses: ["10.01.1.1"] }] },
    undefined,
    [
      "spec.addressType: FQDN endpoints are deprecated",
      'endpoints[0].addresses[0]: non-standard IP address "10.01.1.1" will be considered invalid in a future Kubernetes release: use "10.1.1.1"',
    ],
  ],
  ["of domains only once", { addressType: "FQDN", endpoints: [] }, { addressType: "FQDN" }, []],
  [
    "of nothing that a controller wrote",
    {
      metadata: {
        name: "es",
        labels: { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" },
      },
      endpoints: [{ addresses: ["10.01.1.1"] }],
    },
    undefined,
    [],
  ],
];

for (const [name, next, stored, wanted] of WARNED) {
  test(`slices warn ${name}`, () => {
    const { warnings } = rulesOf(KINDS.EndpointSlice);
    const before = stored === undefined ? undefined : slice(stored);
    assert.deepEqual(warnings?.(slice(next) as never, before as never), wanted);
  });
}

test("the old map of labels goes from endpoints that change, and leaves the node that it named", () => {
  const { prepareForUpdate } = rulesOf(KINDS.EndpointSlice);
  const topology = { deprecatedTopology: { "kubernetes.io/hostname": "n1" } };
  const stored = slice({ endpoints: [{ addresses: ["10.1.1.1"], ...topology }] });
  const next = slice({ endpoints: [{ addresses: ["10.1.1.2"], ...topology }] });
  prepareForUpdate?.(next as never, stored as never);
  assert.deepEqual(next.endpoints, [{ addresses: ["10.1.1.2"], nodeName: "n1" }]);
});

/** Networks of a ServiceCIDR, and what is wrong with them. */
const NETWORKS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ["bad", "10.98.0.0/24"],
    ['spec.cidrs[0]: Invalid value: "bad": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ],
  [
    ["10.98.0.1/24", "10.99.0.0/24"],
    [
      'spec.cidrs[0]: Invalid value: "10.98.0.1/24": must not have bits set beyond the prefix length',
      'spec.cidrs: Invalid value: ["10.98.0.1/24","10.99.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  ],
  [["fd00:98::/112", "10.98.0.0/24"], []],
];

for (const [cidrs, wanted] of NETWORKS) {
  test(`networks ${cidrs.join(" and ")}`, () => {
    assert.deepEqual(texts(validateServiceCidr({ spec: { cidrs } } as unknown as ServiceCIDR)), wanted);
  });
}

function node(spec: object, status: object = {}): Node {
  return { apiVersion: "v1", kind: "Node", metadata: { name: "n" }, spec, status } as Node;
}

test("taints are told of as metadata, and twice when a Node is replaced", () => {
  const taints = [
    { key: "a", effect: "Never", value: "x y" },
    { key: "b", effect: "NoSchedule" },
    { key: "b", effect: "NoSchedule" },
  ];
  const errors = texts(validateNode(node({ taints })));
  assert.deepEqual(
    errors.map((text) => text.replace(/'.*/, "")),
    [
      'metadata.taints[0].value: Invalid value: "x y": a valid label must be an empty string or consist of alphanumeric characters, ',
      'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      'metadata.taints[2]: Duplicate value: {"Key":"b","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
  );
  assert.deepEqual(texts(validateNodeUpdate(node({ taints }), node({}))), [...errors, ...errors]);
});

test("of a Node every range that changes is told, its external ID stays, and addresses are there once", () => {
  const range = 'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid';
  const stored = node({ podCIDRs: ["10.1.0.0/24", "fd00:1::/64"] });
  assert.deepEqual(texts(validateNodeUpdate(node({ podCIDRs: ["10.2.0.0/24", "fd00:2::/64"] }), stored)), [
    range,
    range,
  ]);
  assert.deepEqual(texts(validateNodeUpdate(node({ podCIDRs: ["10.1.0.0/24"] }), stored)), [range]);
  assert.deepEqual(texts(validateNodeUpdate(node({ externalID: "x" }), node({}))), [
    "spec.externalID: Forbidden: may not be updated",
  ]);
  const address = { type: "InternalIP", address: "10.0.0.1" };
  assert.deepEqual(texts(validateNodeStatusUpdate(node({}, { addresses: [address, address] }), node({}))), [
    'status.addresses[1]: Duplicate value: {"Type":"InternalIP","Address":"10.0.0.1"}',
  ]);
});

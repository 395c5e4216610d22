import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeDeltaRequest,
  decodeSotwRequest,
  encodeDeltaResponse,
  encodeSotwResponse,
} from "../../src/envoy/ads/wire.ts";
import { decode, encode } from "../../src/envoy/proto/index.ts";
import { TYPE_URLS } from "../../src/envoy/resources.ts";
import { cluster } from "./ads-resources.ts";

const DISCOVERY = "type.googleapis.com/envoy.service.discovery.v3";
const NODE = { id: "n", cluster: "c", user_agent_name: "envoy", metadata: { many: ["things"] } };

test("requests are read as the generated codec writes them", () => {
  const delta = encode(`${DISCOVERY}.DeltaDiscoveryRequest`, {
    node: NODE,
    type_url: TYPE_URLS.cluster,
    resource_names_subscribe: ["a", "ä"],
    resource_names_unsubscribe: ["b"],
    initial_resource_versions: { x: "1", y: "" },
    response_nonce: "7",
    error_detail: { code: 3, message: "no" },
  });
  const node = { id: "n", cluster: "c", userAgent: "envoy" };
  assert.deepEqual(decodeDeltaRequest(delta), {
    node,
    typeUrl: TYPE_URLS.cluster,
    subscribe: ["a", "ä"],
    unsubscribe: ["b"],
    initialVersions: new Map(Object.entries({ x: "1", y: "" })),
    nonce: "7",
    error: "no",
  });
  const sotw = encode(`${DISCOVERY}.DiscoveryRequest`, {
    node: NODE,
    type_url: TYPE_URLS.route,
    resource_names: ["r"],
    version_info: "v",
    response_nonce: "7",
    error_detail: { code: 3 },
  });
  assert.deepEqual(decodeSotwRequest(sotw), {
    node,
    typeUrl: TYPE_URLS.route,
    names: ["r"],
    version: "v",
    nonce: "7",
    error: "rejected without a message",
  });
});

test("bytes that are no request are an error", () => {
  assert.throws(() => decodeDeltaRequest(Buffer.from([0x0a, 0xff])));
});

test("responses are read by the generated codec as they were meant", () => {
  const one = cluster("one");
  const long = cluster("long".repeat(100));
  const response = {
    kind: "cluster",
    nonce: "9",
    version: "v",
    resources: [one, long],
    removed: ["x"],
  } as const;
  const any = (bytes: Uint8Array) => ({ "@type": TYPE_URLS.cluster, ...decode(TYPE_URLS.cluster, bytes) });
  const resources = [one, long];
  assert.deepEqual(decode(`${DISCOVERY}.DeltaDiscoveryResponse`, encodeDeltaResponse(response)), {
    system_version_info: "v",
    type_url: TYPE_URLS.cluster,
    nonce: "9",
    removed_resources: ["x"],
    resources: resources.map(({ name, version, bytes }) => ({ name, version, resource: any(bytes) })),
  });
  assert.deepEqual(decode(`${DISCOVERY}.DiscoveryResponse`, encodeSotwResponse(response)), {
    version_info: "v",
    type_url: TYPE_URLS.cluster,
    nonce: "9",
    resources: resources.map(({ bytes }) => any(bytes)),
  });
});

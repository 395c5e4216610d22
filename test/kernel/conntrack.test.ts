import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlows, staleFlows } from "../../src/kernel/conntrack.ts";

const LISTING = `udp      17 28 src=10.244.0.5 dst=10.96.0.1 sport=40001 dport=53 src=10.244.0.3 dst=10.244.0.5 sport=5353 dport=40001 mark=0 use=1
udp      17 119 src=10.244.0.6 dst=10.96.0.1 sport=40002 dport=53 src=10.244.0.4 dst=10.244.0.6 sport=5353 dport=40002 [ASSURED] mark=0 use=1
udp      17 20 src=172.18.0.1 dst=172.18.0.2 sport=40003 dport=30053 [UNREPLIED] src=10.244.0.3 dst=10.244.0.1 sport=5353 dport=2000 mark=0 use=1
udp      17 20 src=172.18.0.1 dst=10.96.0.2 sport=40004 dport=53 [UNREPLIED] src=10.96.0.2 dst=172.18.0.1 sport=53 dport=40004 mark=0 use=1
udp      17 20 src=10.244.0.5 dst=192.0.2.1 sport=40005 dport=30053 src=192.0.2.1 dst=10.244.0.5 sport=30053 dport=40005 mark=0 use=1
`;

function staleWith(allowed: Record<string, string[]>): string[] {
  const answers = new Map(Object.entries(allowed).map(([place, endpoints]) => [place, new Set(endpoints)]));
  return staleFlows(parseFlows(LISTING), answers, ["172.18.0.2"]).map(
    (flow) => `${flow.destination} ${flow.port} ${flow.answeredBy}`,
  );
}

test("flows are read with the side that answers", () => {
  assert.equal(parseFlows(LISTING).length, 5);
  assert.deepEqual(parseFlows(LISTING)[2], {
    source: "172.18.0.1",
    destination: "172.18.0.2",
    port: 30053,
    answeredBy: "10.244.0.3",
    answeringPort: 5353,
  });
});

test("flows to endpoints that an entry no longer has are stale", () => {
  assert.deepEqual(staleWith({ "10.96.0.1 . 53": ["10.244.0.3 . 5353"] }), ["10.96.0.1 53 10.244.0.4"]);
  assert.deepEqual(staleWith({ "10.96.0.1 . 53": ["10.244.0.3 . 5354"] }), [
    "10.96.0.1 53 10.244.0.3",
    "10.96.0.1 53 10.244.0.4",
  ]);
});

test("a flow from before the Service existed is stale; flows that no changed entry is about are not", () => {
  assert.deepEqual(staleWith({ "10.96.0.2 . 53": ["10.244.0.3 . 5353"] }), ["10.96.0.2 53 10.96.0.2"]);
  assert.deepEqual(staleWith({ "10.96.0.3 . 53": [] }), []);
});

test("node ports are about the node's own addresses", () => {
  assert.deepEqual(staleWith({ " . 30053": [] }), ["172.18.0.2 30053 10.244.0.3"]);
});

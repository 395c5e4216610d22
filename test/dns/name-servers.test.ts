import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../../src/dns/answer.ts";
import { RCODE, type ResourceRecord, TYPE } from "../../src/dns/codec/message.ts";
import { followModel, type LiveIndex } from "../../src/dns/desired.ts";
import { modelOf, service, slice } from "./cluster.ts";

const SERVERS = ["10.244.0.53", "fd00:10:244::53"];
const PORTS = [{ name: "dns", port: 53, protocol: "UDP" as const }];

function ask(index: LiveIndex, name: string, type: keyof typeof TYPE, servers = SERVERS) {
  return answer(
    index.current(),
    { name, type: TYPE[type], class: 1 },
    { domain: "cluster.local.", servers },
  )!;
}

function show(records: readonly ResourceRecord[]): string[] {
  return records.map(({ name, data }) => {
    if (data.kind === "address") return `${name} ${data.address}`;
    return data.kind === "name" ? `${name} ${data.target}` : `${name} ${data.kind}`;
  });
}

const slices = [
  slice("4", "kube-dns", SERVERS.slice(0, 1), PORTS),
  slice("6", "kube-dns", SERVERS.slice(1), PORTS),
];
const clusterIPs = ["10.96.0.10", "fd00:10:96::a"];
const dual = {
  clusterIP: clusterIPs[0]!,
  clusterIPs,
  ipFamilies: ["IPv4" as const, "IPv6" as const],
  ports: PORTS,
};

test("the zone's name server is found where the Service is that leads to it, over that one's families", () => {
  const index = followModel(modelOf(service("kube-dns", dual), ...slices));
  assert.deepEqual(show(ask(index, "ns.dns.cluster.local.", "A").answers), [
    "ns.dns.cluster.local. 10.96.0.10",
  ]);
  assert.deepEqual(show(ask(index, "NS.DNS.cluster.local.", "AAAA").answers), [
    "NS.DNS.cluster.local. fd00:10:96::a",
  ]);
  assert.deepEqual(show(ask(index, "cluster.local.", "NS").answers), []);
  const one = { ...dual, clusterIPs: clusterIPs.slice(0, 1), ipFamilies: ["IPv4" as const] };
  const single = followModel(modelOf(service("kube-dns", one), ...slices));
  const missing = ask(single, "ns.dns.cluster.local.", "AAAA");
  assert.deepEqual([missing.rcode, missing.answers.length, missing.authority.length], [RCODE.NOERROR, 0, 1]);
});

test("a headless Service is found at its endpoints, and without any the server at its own addresses", () => {
  const headless = followModel(modelOf(service("kube-dns", { clusterIP: "None", ports: PORTS }), ...slices));
  for (const index of [headless, followModel(modelOf())]) {
    assert.deepEqual(show(ask(index, "ns.dns.cluster.local.", "AAAA").answers), [
      "ns.dns.cluster.local. fd00:10:244::53",
    ]);
  }
});

test("on loopback alone nobody else finds the server: its name is there, and empty", () => {
  const index = followModel(modelOf());
  for (const type of ["A", "AAAA", "SRV", "MX"] as const) {
    const { rcode, answers } = ask(index, "ns.dns.cluster.local.", type, []);
    assert.deepEqual([rcode, answers.length], [RCODE.NOERROR, 0], type);
  }
  assert.equal(ask(index, "ns.dns.cluster.local.", "TXT", []).rcode, RCODE.NXDOMAIN);
  assert.equal(ask(index, "dns.cluster.local.", "A", []).rcode, RCODE.NXDOMAIN);
  assert.equal(ask(index, "x.ns.dns.cluster.local.", "A", []).rcode, RCODE.NXDOMAIN);
});

// What CoreDNS answers in reverse zones, below any name of theirs that is answered here.
for (const [name, type, rcode] of [
  ["in-addr.arpa.", "SOA", RCODE.NOERROR],
  ["in-addr.arpa.", "TXT", RCODE.NXDOMAIN],
  ["ip6.arpa.", "A", RCODE.NOERROR],
  ["9.0.96.10.in-addr.arpa.", "SOA", RCODE.NOERROR],
  ["x.in-addr.arpa.", "SOA", RCODE.NOERROR],
  ["x.in-addr.arpa.", "PTR", RCODE.NXDOMAIN],
  ["9.0.96.10.in-addr.arpa.", "TXT", RCODE.NXDOMAIN],
] as const) {
  test(`${name} ${type} in a cluster without that address`, () => {
    assert.equal(ask(followModel(modelOf()), name, type).rcode, rcode);
  });
}

test("the zone is written as the asker writes it", () => {
  const { authority } = ask(followModel(modelOf()), "x.Default.SVC.CLUSTER.Local.", "A");
  assert.deepEqual(show(authority), ["CLUSTER.Local. soa"]);
});

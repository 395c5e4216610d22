import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answer } from "../../src/dns/answer.ts";
import { RCODE, TYPE } from "../../src/dns/codec/message.ts";
import { type LiveIndex, followModel } from "../../src/dns/desired.ts";
import { modelOf, put, service, slice } from "./cluster.ts";

const ZONE = "default.svc.cluster.local.";

function ask(index: LiveIndex, name: string, type: keyof typeof TYPE, domain = "cluster.local.") {
  return answer(index.current(), { name, type: TYPE[type], class: 1 }, { domain });
}

/** What the answers say, in short. */
function texts(index: LiveIndex, name: string, type: keyof typeof TYPE): string[] {
  return (ask(index, name, type)?.answers ?? []).map(({ data }) => {
    if (data.kind === "address") return data.address;
    if (data.kind === "srv") return `${data.weight} ${data.port} ${data.target}`;
    return data.kind === "name" ? data.target : data.kind;
  });
}

const headless = service("db", { clusterIP: "None", ports: [{ name: "sql", port: 5432, protocol: "TCP" }] });
const dual = service("web", {
  clusterIP: "10.96.0.9",
  clusterIPs: ["10.96.0.9", "fd00:10:96::9"],
  ipFamilies: ["IPv4", "IPv6"],
  ports: [{ port: 80, protocol: "TCP" }],
});
const SQL = [{ name: "sql", port: 5432, protocol: "TCP" as const }];

describe("names of a model that changes", () => {
  it("follow their Service, in both directions", () => {
    const model = modelOf(dual);
    const index = followModel(model);
    assert.deepEqual(texts(index, `web.${ZONE}`, "AAAA"), ["fd00:10:96::9"]);
    assert.deepEqual(texts(index, "9.0.96.10.in-addr.arpa.", "PTR"), [`web.${ZONE}`]);
    put(
      model,
      service("web", {
        ...dual.spec,
        clusterIP: "10.96.0.8",
        clusterIPs: ["10.96.0.8"],
        ipFamilies: ["IPv4"],
      }),
    );
    assert.deepEqual(texts(index, `web.${ZONE}`, "A"), ["10.96.0.8"]);
    assert.deepEqual(texts(index, `web.${ZONE}`, "AAAA"), []);
    assert.equal(ask(index, "9.0.96.10.in-addr.arpa.", "PTR")?.rcode, RCODE.NXDOMAIN);
    model.onService({ type: "deleted", object: dual });
    assert.equal(ask(index, `web.${ZONE}`, "A")?.rcode, RCODE.NXDOMAIN);
    assert.equal(ask(index, "8.0.96.10.in-addr.arpa.", "PTR")?.rcode, RCODE.NXDOMAIN);
  });

  it("follow their endpoints", () => {
    const model = modelOf(headless);
    const index = followModel(model);
    assert.equal(ask(index, `db.${ZONE}`, "A")?.rcode, RCODE.NXDOMAIN);
    put(model, slice("db-4", "db", ["10.244.0.1", "10.244.0.2"], SQL));
    put(model, slice("db-6", "db", ["fd00:10:244::1"], SQL));
    assert.deepEqual(texts(index, `db.${ZONE}`, "A"), ["10.244.0.1", "10.244.0.2"]);
    assert.deepEqual(texts(index, `_sql._tcp.db.${ZONE}`, "SRV"), [
      `33 5432 10-244-0-1.db.${ZONE}`,
      `33 5432 10-244-0-2.db.${ZONE}`,
      `33 5432 fd00-10-244--1.db.${ZONE}`,
    ]);
    model.onSlice({ type: "deleted", object: slice("db-4", "db", [], SQL) });
    assert.deepEqual(texts(index, `db.${ZONE}`, "A"), []);
    assert.equal(ask(index, `db.${ZONE}`, "A")?.rcode, RCODE.NOERROR);
    assert.equal(ask(index, "1.0.244.10.in-addr.arpa.", "PTR")?.rcode, RCODE.NXDOMAIN);
    const six = `1.${"0.".repeat(19)}4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa.`;
    assert.deepEqual(texts(index, six, "PTR"), [`fd00-10-244--1.db.${ZONE}`]);
    model.onService({ type: "deleted", object: headless });
    assert.equal(ask(index, six, "PTR")?.rcode, RCODE.NXDOMAIN);
  });

  it("know namespaces as they come and go", () => {
    const model = modelOf();
    const index = followModel(model);
    const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: "new" } };
    assert.equal(ask(index, "new.svc.cluster.local.", "A")?.rcode, RCODE.NXDOMAIN);
    model.onNamespace({ type: "added", object });
    assert.equal(ask(index, "new.svc.cluster.local.", "A")?.rcode, RCODE.NOERROR);
    model.onNamespace({ type: "deleted", object });
    assert.equal(ask(index, "new.svc.cluster.local.", "A")?.rcode, RCODE.NXDOMAIN);
  });
});

describe("answers that no recording holds", () => {
  it("take endpoints without ports, and ports that not all endpoints have", () => {
    const index = followModel(
      modelOf(headless, slice("a", "db", ["10.244.0.1"], SQL), slice("b", "db", ["10.244.0.2"])),
    );
    assert.deepEqual(texts(index, `db.${ZONE}`, "A"), ["10.244.0.1", "10.244.0.2"]);
    assert.deepEqual(texts(index, `db.${ZONE}`, "SRV"), [`50 5432 10-244-0-1.db.${ZONE}`]);
  });

  it("end chains of aliases, and give nothing for those that run in circles", () => {
    const alias = (name: string, externalName: string) =>
      service(name, { type: "ExternalName", externalName });
    const index = followModel(
      modelOf(
        dual,
        alias("one", `two.${ZONE}`),
        alias("two", `WEB.${ZONE}`),
        alias("ring", `gnir.${ZONE}`),
        alias("gnir", `ring.${ZONE}`),
        alias("self", `self.${ZONE}`),
        alias("out", `way.${ZONE}`),
        alias("way", "www.example.com"),
        alias("gone", `nowhere.${ZONE}`),
      ),
    );
    assert.deepEqual(texts(index, `one.${ZONE}`, "A"), [`two.${ZONE}`, `WEB.${ZONE}`, "10.96.0.9"]);
    for (const name of ["ring", "self", "gone"])
      assert.deepEqual(texts(index, `${name}.${ZONE}`, "A"), [], name);
    assert.deepEqual(texts(index, `out.${ZONE}`, "AAAA"), [`way.${ZONE}`, "www.example.com."]);
    assert.equal(ask(index, `out.${ZONE}`, "AAAA")?.chase, "www.example.com.");
    assert.deepEqual(texts(index, `out.${ZONE}`, "CNAME"), [`way.${ZONE}`]);
  });

  it("leave to others what is not the cluster's", () => {
    const index = followModel(modelOf(dual));
    for (const name of [
      "www.example.com.",
      "cluster.local.example.com.",
      "notcluster.local.",
      "local.",
      ".",
      "8.8.8.8.in-addr.arpa.",
    ]) {
      assert.equal(ask(index, name, "A"), undefined, name);
    }
    for (const name of [
      "1.0.0.127.in-addr.arpa.",
      "96.10.in-addr.arpa.",
      `${"0.".repeat(31)}d.ip6.arpa.`.replace(/0\.d/, "d.f"),
    ]) {
      assert.equal(ask(index, name, "PTR")?.rcode, RCODE.NXDOMAIN, name);
    }
    assert.equal(ask(index, "cluster.local.", "AXFR")?.rcode, RCODE.REFUSED);
    assert.equal(ask(index, "web.default.svc.k8s.test.", "A", "k8s.test.")?.answers.length, 1);
  });

  it("reads an address that its user spelt in another way", () => {
    const odd = service("odd", {
      clusterIP: "010.096.0.7",
      clusterIPs: ["010.096.0.7", "FD00:10:96:0::7"],
      ports: [{ port: 1, protocol: "TCP" }],
    });
    const index = followModel(modelOf(odd));
    assert.deepEqual(texts(index, `odd.${ZONE}`, "A"), ["10.96.0.7"]);
    assert.deepEqual(texts(index, `odd.${ZONE}`, "AAAA"), ["fd00:10:96::7"]);
    assert.deepEqual(texts(index, "7.0.96.10.in-addr.arpa.", "PTR"), [`odd.${ZONE}`]);
  });
});

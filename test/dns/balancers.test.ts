import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../../src/dns/answer.ts";
import { BalancerNames } from "../../src/dns/balancers.ts";
import { CLASS_IN, RCODE, TYPE } from "../../src/dns/codec/message.ts";
import { DnsIndex } from "../../src/dns/desired.ts";

const DOMAIN = "cluster.local.";
const balancers = new BalancerNames("cluster.local");
balancers.set("shop/web", {
  namespace: "shop",
  name: "web",
  hostnames: ["Shop.Example.com"],
  addresses: ["172.18.254.1", "fd00:172:18:0:fe::1"],
});
balancers.set("shop/old", { namespace: "shop", name: "old", hostnames: [], addresses: ["172.18.254.2"] });
balancers.set("shop/aws", {
  namespace: "shop",
  name: "aws",
  hostnames: [],
  addresses: [],
  alias: "lb-1.elb.amazonaws.com",
});

function ask(name: string, type: number): string | undefined {
  const question = { name, type, class: CLASS_IN };
  const found = answer(new DnsIndex(new Set(["shop"])), question, { domain: DOMAIN, balancers });
  if (found === undefined) return undefined;
  const rcode = Object.entries(RCODE).find(([, code]) => code === found.rcode)?.[0] ?? "";
  const data = found.answers.map((record) => {
    if (record.data.kind === "address") return record.data.address;
    return record.data.kind === "name" ? `CNAME ${record.data.target}` : record.data.kind;
  });
  return [rcode, ...data, ...(found.chase ? [`chase ${found.chase}`] : [])].join(" ");
}

test("a load balancer's name has an address of each family, from one status", () => {
  assert.equal(ask("web.shop.lb.cluster.local.", TYPE.A), "NOERROR 172.18.254.1");
  assert.equal(ask("web.shop.lb.cluster.local.", TYPE.AAAA), "NOERROR fd00:172:18:0:fe::1");
});

test("names of a Service's own choice, in any case, out of the cluster's domain", () => {
  assert.equal(ask("shop.example.COM.", TYPE.AAAA), "NOERROR fd00:172:18:0:fe::1");
  assert.equal(ask("example.com.", TYPE.AAAA), undefined);
});

test("a family that is missing is an empty answer, no denial", () => {
  assert.equal(ask("old.shop.lb.cluster.local.", TYPE.AAAA), "NOERROR");
  assert.equal(ask("none.shop.lb.cluster.local.", TYPE.AAAA), "NXDOMAIN");
  assert.equal(ask("lb.cluster.local.", TYPE.A), "NOERROR");
});

test("a balancer with a name only is an alias of it", () => {
  const expected = "NOERROR CNAME lb-1.elb.amazonaws.com. chase lb-1.elb.amazonaws.com.";
  assert.equal(ask("aws.shop.lb.cluster.local.", TYPE.AAAA), expected);
});

test("a name goes with its balancer, and to the next who claims it", () => {
  const names = new BalancerNames("cluster.local");
  const entry = (name: string, address: string) =>
    ({ namespace: "shop", name, hostnames: ["a.example"], addresses: [address] }) as const;
  names.set("shop/a", entry("a", "10.0.0.1"));
  names.set("shop/b", entry("b", "10.0.0.2"));
  assert.equal(names.find("a.example.")?.addresses[0]?.address, "10.0.0.1");
  names.set("shop/a", undefined);
  assert.equal(names.find("a.example.")?.addresses[0]?.address, "10.0.0.2");
  assert.equal(names.find("a.shop.lb.cluster.local."), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { candidatesOf, parseResolvConf, recordText } from "../../src/lab/images/programs/nslookup/answers.ts";

const CONFIG = parseResolvConf(
  "search default.svc.cluster.local cluster.local\nnameserver 10.96.0.10\nnameserver fd00:10:96::a\noptions edns0 ndots:2\n",
);

test("a resolv.conf of a pod is read as it is written", () => {
  assert.deepEqual(CONFIG.servers, ["10.96.0.10", "fd00:10:96::a"]);
  assert.equal(CONFIG.ndots, 2);
  assert.equal(parseResolvConf("nameserver ::1").ndots, 1);
});

test("names are extended before or after they are asked for as such, by their dots", () => {
  const extended = ["web.a.default.svc.cluster.local", "web.a.cluster.local"];
  assert.deepEqual(candidatesOf("web.a", CONFIG), [...extended, "web.a"]);
  assert.equal(candidatesOf("www.example.com", CONFIG)[0], "www.example.com");
  assert.deepEqual(candidatesOf("web.", CONFIG), ["web"]);
});

test("records read as BIND's nslookup has them", () => {
  assert.equal(recordText("web", "AAAA", "fd00::1"), "Name:\tweb\nAddress: fd00::1");
  assert.equal(recordText("10.96.0.10", "PTR", "dns"), "10.0.96.10.in-addr.arpa\tname = dns.");
  const digits = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f";
  assert.equal(recordText("fd00:10:96::1", "PTR", "web"), `${digits}.ip6.arpa\tname = web.`);
  const srv = { priority: 0, weight: 50, port: 80, name: "web.default" };
  assert.equal(recordText("_http._tcp.web", "SRV", srv), "_http._tcp.web\tservice = 0 50 80 web.default.");
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createEnvoyOutput } from "../../src/envoy/desired/index.ts";
import type { Resource, ResourceChange } from "../../src/envoy/resources.ts";
import type { ProxyModel, RouteRule, VirtualHost } from "../../src/traffic/gateway/model.ts";
import type { Frontend } from "../../src/traffic/model.ts";
import { frontendOf, type Input, readable, readInput, resourcesOf } from "./desired-model.ts";

const FOLDER = join(import.meta.dirname, "golden");

function golden(name: string): Input {
  return readInput(readFileSync(join(FOLDER, `${name}.in.yaml`), "utf8"));
}

function started(name: string) {
  const input = golden(name);
  const output = createEnvoyOutput(input.capabilities);
  const frontends = new Map(input.frontends);
  const update = (proxy: ProxyModel) => output.update(proxy, (key) => frontends.get(key));
  update(input.proxy);
  return { ...input, output, frontends, update };
}

function named(changes: readonly ResourceChange[] | undefined): string[] {
  return (changes ?? []).map(({ kind, name, resource }) => `${resource ? "" : "-"}${kind} ${name}`);
}

/** The model with the first rule of the first table changed. */
function withRule(proxy: ProxyModel, change: (rule: RouteRule) => RouteRule): ProxyModel {
  const [table] = proxy.routeTables.values();
  const [host, ...hosts] = table?.hosts ?? [];
  const [rule, ...rules] = host?.rules ?? [];
  assert.ok(table && host && rule);
  const changed: VirtualHost = { ...host, rules: [change(rule), ...rules] };
  return {
    ...proxy,
    routeTables: new Map(proxy.routeTables).set(table.name, { ...table, hosts: [changed, ...hosts] }),
  };
}

function plain({ kind, name, version }: Resource): string {
  return `${kind} ${name} ${version}`;
}

test("the same model again changes nothing, nor does an equal one", () => {
  const { update, proxy } = started("matching");
  assert.deepEqual(update(proxy), []);
  assert.deepEqual(update(golden("matching").proxy), []);
});

test("a route that gets a policy changes its host and nothing else: no listener drains", () => {
  const { update, proxy } = started("matching");
  const policy = {
    rateLimits: [{ requests: 1, perMilliseconds: 1000 }],
    allowedSources: ["10.0.0.0/8"],
    sessionPersistence: { by: "header" as const, name: "x" },
  };
  assert.deepEqual(named(update(withRule(proxy, (rule) => ({ ...rule, policy })))), [
    "virtualHost http-80/shop.example",
  ]);
});

test("hosts come, go and give way to what says that they are elsewhere; a table always has one", () => {
  const { update, proxy, output } = started("matching");
  const [table] = proxy.routeTables.values();
  assert.ok(table);
  const [first, ...others] = table.hosts;
  assert.ok(first);
  const withTable = (hosts: readonly VirtualHost[], misdirected: readonly string[] = []) =>
    named(update({ ...proxy, routeTables: new Map([["http-80", { name: "http-80", hosts, misdirected }]]) }));
  assert.deepEqual(withTable([{ hostname: "new.example", rules: first.rules }, first, ...others]), [
    "virtualHost http-80/new.example",
  ]);
  assert.deepEqual(withTable([first, ...others]), ["-virtualHost http-80/new.example"]);
  assert.deepEqual(withTable(others, [first.hostname, "far.example"]), [
    "virtualHost http-80/shop.example",
    "virtualHost http-80/far.example",
  ]);
  assert.deepEqual(withTable([first, ...others], [first.hostname]), [
    "virtualHost http-80/shop.example",
    "-virtualHost http-80/far.example",
  ]);
  assert.deepEqual(
    withTable([]).filter((change) => !change.startsWith("-")),
    ["virtualHost http-80/-"],
  );
  assert.deepEqual(named(update({ ...proxy, routeTables: new Map() })), [
    "-route http-80",
    "-virtualHost http-80/-",
  ]);
  assert.ok(output.resources(proxy.key).every(({ kind }) => kind !== "virtualHost"));
});

test("wherever hosts come, go and move, there is what there would be from the start", () => {
  const { update, proxy, output } = started("matching");
  const { rules } = proxy.routeTables.get("http-80")?.hosts[0] ?? { rules: [] };
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((hostname) => ({ hostname, rules }));
  assert.ok(a && b && c && d && e);
  const again = { ...c, rules: rules.slice(1) };
  const none: readonly VirtualHost[] = [];
  for (const [before, now, expected] of [
    [[a, b, c, d], [b, c, d, e], "-a e"],
    [[b, c, d, e], [a, b, c, d], "-e a"],
    [[a, b, c, d], [a, b, again, d], "c"],
    [[a, c, e], [b, d], "-a -c -e b d"],
    [[a, b, c, d], [d, b, a], "-c"],
    [[a, b, c], none, "-a -b -c -"],
    [none, [c, a], "c a --"],
  ] as const) {
    const withHosts = (hosts: readonly VirtualHost[]) =>
      update({ ...proxy, routeTables: new Map([["http-80", { name: "http-80", hosts }]]) });
    withHosts(before);
    const changes = named(withHosts(now)).map((change) => change.replace("virtualHost http-80/", ""));
    assert.equal(changes.join(" "), expected);
    const kept = output.resources(proxy.key).filter(({ kind }) => kind === "virtualHost");
    const wanted = now.length === 0 ? ["-"] : now.map(({ hostname }) => hostname);
    assert.deepEqual(kept.map(({ name }) => name.replace("http-80/", "")).sort(), [...wanted].sort());
  }
});

test("hosts between one that goes and one that comes are not looked at", () => {
  const { update, proxy } = started("matching");
  let looks = 0;
  const still = Array.from({ length: 100 }, (_, index) => ({
    get hostname() {
      looks++;
      return `still-${index}.example`;
    },
    rules: [],
  }));
  const withHosts = (hosts: readonly VirtualHost[]) =>
    update({ ...proxy, routeTables: new Map([["http-80", { name: "http-80", hosts }]]) });
  withHosts([{ hostname: "a", rules: [] }, ...still]);
  looks = 0;
  assert.deepEqual(named(withHosts([...still, { hostname: "z", rules: [] }])), [
    "-virtualHost http-80/a",
    "virtualHost http-80/z",
  ]);
  // the first, to see that it stays
  assert.equal(looks, 1);
});

test("after a change there is what there would be from the start", () => {
  const { update, proxy, output, capabilities, frontends } = started("matching");
  const changed = withRule(proxy, (rule) => ({ ...rule, match: { path: { kind: "exact", value: "/new" } } }));
  update(changed);
  assert.deepEqual(
    output.resources(proxy.key).map(plain),
    resourcesOf({ capabilities, proxy: changed, frontends }).map(plain),
  );
});

test("changed backends change the endpoints of the destinations that have them, and nothing else", () => {
  const { output, frontends } = started("families");
  const scaled: Frontend = frontendOf({
    key: "shop/v6-first",
    families: ["IPv6", "IPv4"],
    port: 80,
    backendPort: 8080,
    backends: [{ addresses: { IPv6: "fd00::9" } }],
  });
  frontends.set("shop/v6-first", scaled);
  assert.deepEqual(named(output.endpointsChanged("shop/v6-first").get("infra/web")), [
    "endpoint service-order",
    "endpoint wish",
    "endpoint parted-by-health-checks",
  ]);
  assert.equal(output.endpointsChanged("shop/v6-first").size, 0);
  assert.equal(output.endpointsChanged("shop/unknown").size, 0);
});

test("backends of a UDP port that is split are its own cluster's too", () => {
  const { output, frontends } = started("streams");
  frontends.set(
    "shop/dns2",
    frontendOf({
      key: "shop/dns2",
      families: ["IPv4"],
      protocol: "UDP",
      port: 53,
      backendPort: 53,
      backends: [{ addresses: { IPv4: "10.244.0.10" } }],
    }),
  );
  assert.deepEqual(named(output.endpointsChanged("shop/dns2").get("infra/web")), [
    "endpoint service/shop/dns2/53",
    "endpoint split/udp-5301",
  ]);
});

test("what is no longer in the model is taken away; clusters come before all else", () => {
  const { update, proxy, output } = started("streams");
  const changes = update({ ...proxy, listeners: [], destinations: new Map() });
  assert.ok(changes.every((change) => change.resource === undefined));
  assert.equal(output.resources(proxy.key).length, 0);
  assert.equal(output.endpointsChanged("shop/dns").size, 0);
  assert.deepEqual(
    [...new Set(update(proxy).map((change) => change.kind))],
    ["cluster", "endpoint", "listener"],
  );
});

test("a family that the host loses goes from listeners and endpoints, and from nothing else", () => {
  const input = golden("matching");
  let families: Input["capabilities"]["families"] = ["IPv4", "IPv6"];
  const output = createEnvoyOutput(() => ({ families }));
  output.update(input.proxy, (key) => input.frontends.get(key));
  families = ["IPv6"];
  assert.deepEqual(named(output.update(input.proxy, (key) => input.frontends.get(key))), [
    "endpoint service/shop/cart/80",
    "listener tcp-80",
  ]);
});

test("two families make as many resources as one", () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
    const input = golden(file.replace(".in.yaml", ""));
    const [both, one] = [["IPv4", "IPv6"] as const, ["IPv4"] as const].map(
      (families) => resourcesOf({ ...input, capabilities: { families } }).length,
    );
    assert.equal(both, one, file);
  }
});

test("clusters that a host needs are those that there are, mirrors included, invalid shares not", () => {
  const hosts = resourcesOf(golden("route-policies")).filter(({ kind }) => kind === "virtualHost");
  assert.deepEqual(hosts[0]?.needsClusters, ["service/shop/cart/80", "service/shop/copy/80"]);
  const listener = resourcesOf(golden("streams")).find(({ name }) => name === "tcp-9001");
  assert.deepEqual(listener?.needsClusters, ["service/shop/db/5432"]);
});

test("of two chains for one name the first has it, so that the listener is not refused", () => {
  const input = golden("tls");
  const [listener] = input.proxy.listeners;
  assert.ok(listener);
  const rival = { ...listener.chains[4], name: "rival", serverNames: ["shop.example", "own.example"] };
  const chains = [...listener.chains, rival as (typeof listener.chains)[0]];
  const proxy = { ...input.proxy, listeners: [{ ...listener, chains }] };
  const resource = resourcesOf({ ...input, proxy }).find(({ kind }) => kind === "listener");
  assert.ok(resource);
  const shown = JSON.stringify(readable(resource));
  assert.equal(shown.split('"shop.example"').length, 2);
  assert.match(shown, /"own\.example"/);
});

/**
 * From models of gateways to Envoy's resources: the time of one changed route among many, that of one changed backend,
 * and what dual-stack costs in bytes and resources against single-stack for the same objects.
 *
 * Usage: envoy-desired.ts [ROUTES…]   100, 1000 and 5000 unless given
 */
import { createEnvoyOutput } from "../src/envoy/desired/index.ts";
import type { Resource } from "../src/envoy/resources.ts";
import type { Family } from "../src/ip/family.ts";
import type { Destination, ProxyModel, RouteRule, VirtualHost } from "../src/traffic/gateway/model.ts";
import { createTrafficModel, type TrafficModel } from "../src/traffic/index.ts";
import { fill, objectsOf, sliceOf } from "./lib/services.ts";

const CHANGES = 50;
/** Bytes of dual-stack against single-stack, at most. */
const MOST_BYTES = 1.15;
/** Milliseconds of a change at the largest number of routes, at most. */
const MOST_MS = 20;
const BOTH: readonly Family[] = ["IPv4", "IPv6"];

function ruleOf(route: number, version: number): RouteRule {
  return {
    name: `httproute/default/route-${route}/rule/0/match/0`,
    match: { path: { kind: "prefix", value: `/version-${version}` } },
    action: {
      kind: "forward",
      forward: { shares: [{ weight: 1, destination: keyOf(route) }] },
      http: { mirrors: [] },
    },
    origin: { kind: "HTTPRoute", key: `default/route-${route}` },
  };
}

function hostOf(route: number, version: number): VirtualHost {
  return { hostname: `route-${route}.example.com`, rules: [ruleOf(route, version)] };
}

function keyOf(service: number): string {
  return `service/default/service-${service}/80`;
}

function destinationOf(service: number): Destination {
  return {
    key: keyOf(service),
    target: { kind: "frontend", frontend: `default/service-${service}`, port: 80 },
    protocol: "http1",
    origins: [{ kind: "HTTPRoute", key: `default/route-${service}` }],
  };
}

/** A Gateway with one HTTP port and many routes, each with a name and a Service of its own. */
function modelOf(families: readonly Family[], routes: number): ProxyModel {
  const numbers = Array.from({ length: routes }, (_, route) => route);
  const hosts = numbers.map((route) => hostOf(route, 0));
  return {
    key: "default/gateway",
    families,
    listeners: [
      {
        name: "tcp-80",
        transport: "TCP",
        port: 80,
        bindPort: 10_080,
        chains: [
          { name: "http", serverNames: [], serve: { kind: "http", routeTable: "http-80" }, origins: [] },
        ],
        origins: [],
      },
    ],
    routeTables: new Map([["http-80", { name: "http-80", hosts }]]),
    destinations: new Map(numbers.map((service) => [keyOf(service), destinationOf(service)])),
    certificates: new Map(),
    trust: new Map(),
  };
}

/** The same model with one route changed: what does not change stays the same object. */
function withChange(model: ProxyModel, route: number, version: number): ProxyModel {
  const hosts = [...(model.routeTables.get("http-80")?.hosts ?? [])];
  hosts[route] = hostOf(route, version);
  return { ...model, routeTables: new Map([["http-80", { name: "http-80", hosts }]]) };
}

function trafficOf(families: readonly Family[], services: number): TrafficModel {
  const objects = objectsOf(services);
  const model = createTrafficModel();
  fill(model, {
    services: objects.services.map((service) => ({
      ...service,
      spec: { ...service.spec, ipFamilies: [...families] },
    })),
    slices: objects.slices.filter((slice) => families.includes(slice.addressType as Family)),
  });
  return model;
}

interface Size {
  readonly count: number;
  readonly bytes: number;
}

function sizeOf(resources: readonly Resource[]): Size {
  return { count: resources.length, bytes: resources.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

function quantile(values: readonly number[], of: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? 0).toFixed(2);
}

/** Measures at a number of routes; the worst of the medians in ms. */
function changes(routes: number): number {
  const traffic = trafficOf(BOTH, routes);
  const frontend = (key: string) => traffic.snapshot().frontends.get(key);
  const output = createEnvoyOutput({ families: BOTH });
  let model = modelOf(BOTH, routes);
  const whole = timed(() => output.update(model, frontend));
  const routeTimes: number[] = [];
  const endpointTimes: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    model = withChange(model, (i * 7) % routes, i + 1);
    const changed = model;
    routeTimes.push(timed(() => output.update(changed, frontend)));
    for (const family of BOTH) {
      traffic.onSlice({ type: "updated", object: sliceOf((i * 7) % routes, family, [0, i + 2]) });
    }
    traffic.snapshot();
    endpointTimes.push(timed(() => output.endpointsChanged(`default/service-${(i * 7) % routes}`)));
  }
  console.log(
    `${routes} routes: all ${whole.toFixed(0)} ms; one route changed p50 ${quantile(routeTimes, 0.5)} ms,` +
      ` p99 ${quantile(routeTimes, 0.99)} ms; one backend changed p50 ${quantile(endpointTimes, 0.5)} ms`,
  );
  return Number(quantile(routeTimes, 0.5));
}

function sizes(routes: number): boolean {
  const measure = (families: readonly Family[]) => {
    const traffic = trafficOf(families, routes);
    const output = createEnvoyOutput({ families });
    output.update(modelOf(families, routes), (key) => traffic.snapshot().frontends.get(key));
    return sizeOf(output.resources("default/gateway"));
  };
  const [single, dual] = [measure(["IPv4"]), measure(BOTH)];
  const ratio = dual.bytes / single.bytes;
  const ok = ratio <= MOST_BYTES && dual.count === single.count;
  console.log(
    `${routes} routes, dual-stack against single-stack: ${dual.bytes} bytes to ${single.bytes},` +
      ` ratio ${ratio.toFixed(3)} (at most ${MOST_BYTES}); ${dual.count} resources to ${single.count}` +
      ` ${ok ? "ok" : "TOO MUCH"}`,
  );
  return ok;
}

const asked = process.argv.slice(2).map(Number);
const counts = asked.length > 0 ? asked : [100, 1_000, 5_000];
for (const count of counts) {
  const slow = changes(count) > MOST_MS;
  if (!sizes(count) || slow) process.exitCode = 1;
}

/** The objects of the scenario 000: Envoy as a gateway controller starts it, with its health port on 0.0.0.0. */
import type { AnyObject } from "../../objects/types.ts";

/** The port of health checks alone. */
export const HEALTH_PORT = 19003;
/** The port that answers clients. */
export const DATA_PORT = 10080;
/** The port of Envoy's admin interface. */
export const ADMIN_PORT = 19000;
/** The name of the Deployment, and of all that goes with it. */
export const NAME = "envoy";

const HCM =
  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const HEALTH_CHECK = "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck";
const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

function httpListener(name: string, addresses: readonly [string, ...string[]], port: number, hcm: object) {
  const [first, ...more] = addresses;
  const config = { "@type": HCM, stat_prefix: name, ...hcm };
  return {
    name,
    address: socket(first, port),
    ...(more.length > 0 && {
      additional_addresses: more.map((address) => ({ address: socket(address, port) })),
    }),
    filter_chains: [
      { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: config }] },
    ],
  };
}

const router = { name: "envoy.filters.http.router", typed_config: { "@type": ROUTER } };

/** `/ready` answers by Envoy's own state, as in the bootstrap of Envoy Gateway (envoy-gateway-proxy-ready). */
function healthListener(addresses: readonly [string, ...string[]]) {
  const headers = [{ name: ":path", string_match: { exact: "/ready" } }];
  const check = { "@type": HEALTH_CHECK, pass_through_mode: false, headers };
  const filter = { name: "envoy.filters.http.health_check", typed_config: check };
  const route_config = { virtual_hosts: [{ name: "none", domains: ["*"] }] };
  return httpListener(`ready-${addresses[0]}-${HEALTH_PORT}`, addresses, HEALTH_PORT, {
    route_config,
    http_filters: [filter, router],
  });
}

function dataListener() {
  const answer = { status: 200, body: { inline_string: "hello from the gateway\n" } };
  const routes = [{ match: { prefix: "/" }, direct_response: answer }];
  const route_config = { virtual_hosts: [{ name: "hello", domains: ["*"], routes }] };
  return httpListener("http", ["0.0.0.0", "::"], DATA_PORT, { route_config, http_filters: [router] });
}

/** Envoy's whole configuration; the health port listens on the addresses given. */
function envoyConfig(health: readonly [string, ...string[]]): string {
  return JSON.stringify({
    admin: { address: socket("127.0.0.1", ADMIN_PORT) },
    static_resources: { listeners: [dataListener(), healthListener(health)] },
  });
}

/** The Deployment of one Envoy, with the readiness probe of Envoy Gateway's proxies. */
export function deployment(health: readonly [string, ...string[]]): AnyObject {
  const labels = { app: NAME };
  const probe = { httpGet: { path: "/ready", port: HEALTH_PORT }, periodSeconds: 5, failureThreshold: 1 };
  const container = {
    name: NAME,
    image: "docker.io/envoyproxy/envoy:distroless-v1.40.0",
    args: ["--concurrency", "1", "--log-level", "info", "--config-yaml", envoyConfig(health)],
    ports: [{ containerPort: DATA_PORT }, { containerPort: HEALTH_PORT }],
    readinessProbe: probe,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME, namespace: "default" },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 2, containers: [container] },
      },
    },
  } as AnyObject;
}

/** The Service of the gateway. */
export function service(): AnyObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: NAME, namespace: "default" },
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "RequireDualStack",
      selector: { app: NAME },
      ports: [{ name: "http", port: 80, targetPort: DATA_PORT }],
    },
  } as AnyObject;
}

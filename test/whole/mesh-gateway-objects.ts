/**
 * The cluster of the test of Gateways in the mesh: `shop`, whose ports are strict, `open` without a policy of its own, and
 * Gateways in a namespace without sidecars, `edge`.
 */
import type { Family } from "../../src/ip/family.ts";
import { GATEWAY_GROUP } from "../../src/objects/gateway/index.ts";
import { APP, NODE } from "./load.ts";

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };
const node = (script: string, port: number) => ({
  image: "curlimages/curl",
  command: [NODE, `${APP}/test/whole/${script}`, String(port)],
  ports: [{ containerPort: port }],
  readinessProbe: { tcpSocket: { port }, periodSeconds: 1, timeoutSeconds: 10 },
});
const TCP_ECHO = {
  image: "docker.io/istio/tcp-echo-server:1.3",
  args: ["9000", "hello"],
  ports: [{ containerPort: 9000 }],
  readinessProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1, timeoutSeconds: 10 },
};
const HALF = `require("node:http").createServer((_, to) => to.end("half\\n")).listen(8080, "0.0.0.0");
process.on("SIGTERM", () => process.exit());`;
const NO_SIDECAR = { "tandem.dev/inject": "disabled" };

/** What the Gateway's proxies show: the name of their ServiceAccount, which is `<gateway>-<class>`. */
export const GATEWAY_IDENTITY = "cluster.local/ns/edge/sa/edge-tandem";

/** The manifests as a List. */
export function manifests(): object {
  const items = [
    namespace("shop", true),
    namespace("open", true),
    namespace("edge", false),
    namespace("outside", false),
    policy("shop", { mutualTls: "Strict", telemetry: { accessLog: "All", metrics: true } }),
    deployment("shop", "web", echo("web")),
    service("shop", "web", { name: "http", port: 80, targetPort: 8080 }),
    deployment("shop", "grpc", node("grpc-echo.ts", 50051)),
    service("shop", "grpc", { name: "grpc", port: 50051 }),
    deployment("shop", "tcp", TCP_ECHO),
    service("shop", "tcp", { name: "tcp", port: 9000 }),
    deployment("shop", "tls", node("tls-echo.ts", 8443)),
    service("shop", "tls", { name: "tls", port: 443, targetPort: 8443 }),
    deployment("shop", "checked", echo("checked")),
    service("shop", "checked", { name: "http", port: 80, targetPort: 8080 }),
    deployment("open", "inside", echo("inside"), { part: "mixed" }),
    deployment("open", "beside", echo("beside"), { part: "mixed", ...NO_SIDECAR }),
    service("open", "mixed", { name: "http", port: 80, targetPort: 8080 }, { part: "mixed" }),
    deployment("outside", "plain", SHELL),
    gateway(),
    http("web", "shop", "web"),
    http("checked", "shop", "checked"),
    http("mixed", "open", "mixed"),
    route("GRPCRoute", "grpc", "shop", { port: 50051, hostnames: ["grpc.test"] }),
    route("TCPRoute", "tcp", "shop", { port: 9000 }),
    route("TLSRoute", "tls", "shop", { port: 443, hostnames: ["tls.test"] }),
    {
      apiVersion: "tandem.dev/v1alpha1",
      kind: "BackendTrafficPolicy",
      metadata: { name: "checked", namespace: "shop" },
      spec: {
        targetRefs: [{ group: "", kind: "Service", name: "checked" }],
        healthCheck: {
          active: {
            type: "HTTP",
            interval: "200ms",
            timeout: "2s",
            unhealthyThreshold: 1,
            http: { path: "/" },
          },
        },
      },
    },
  ];
  return { apiVersion: "v1", kind: "List", items };
}

/**
 * What comes later, as no cluster is called up with it: an application that hears IPv4 alone, behind a sidecar that
 * accepts both, in a Service with IPv6 first.
 */
export function halfDead(): readonly object[] {
  const container = {
    image: "curlimages/curl",
    command: [NODE, "-e", HALF],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 },
  };
  return [
    deployment("shop", "half", container),
    service("shop", "half", { name: "http", port: 80, targetPort: 8080 }, { app: "half" }, ["IPv6", "IPv4"]),
    http("half", "shop", "half"),
  ];
}

function namespace(name: string, injected: boolean): object {
  const labels = { "tandem.dev/inject": injected ? "enabled" : "disabled" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function policy(place: string, spec: object): object {
  const metadata = { name: "all", namespace: place };
  return { apiVersion: "tandem.dev/v1alpha1", kind: "MeshPolicy", metadata, spec };
}

function echo(text: string): object {
  return {
    image: "hashicorp/http-echo",
    args: ["-listen=:8080", `-text=${text}`],
    ports: [{ containerPort: 8080 }],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 },
  };
}

/** A Deployment of one container. */
function deployment(place: string, name: string, container: object, more: object = {}): object {
  const spec = { containers: [{ name, ...container }] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: place },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name, ...more } }, spec },
    },
  };
}

function service(
  place: string,
  name: string,
  port: object,
  selector: object = { app: name },
  ipFamilies: readonly Family[] = ["IPv4", "IPv6"],
): object {
  const spec = {
    ipFamilyPolicy: "RequireDualStack",
    ipFamilies,
    selector,
    ports: [port],
  };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: place }, spec };
}

function gateway(): object {
  const all = { allowedRoutes: { namespaces: { from: "All" } } };
  const listeners = [
    { name: "http", port: 80, protocol: "HTTP", ...all },
    { name: "tcp", port: 9000, protocol: "TCP", ...all },
    { name: "tls", port: 443, protocol: "TLS", tls: { mode: "Passthrough" }, ...all },
  ];
  return {
    apiVersion: `${GATEWAY_GROUP}/v1`,
    kind: "Gateway",
    metadata: { name: "edge", namespace: "edge" },
    spec: { gatewayClassName: "tandem", listeners },
  };
}

function http(name: string, place: string, backend: string): object {
  return route("HTTPRoute", name, place, { port: 80, hostnames: [`${name}.test`] }, backend);
}

/** A route of the Gateway to the Service of its name. */
function route(
  kind: string,
  name: string,
  place: string,
  { port, ...more }: { port: number; hostnames?: readonly string[] },
  backend = name,
): object {
  const sectionName = kind === "TCPRoute" ? "tcp" : kind === "TLSRoute" ? "tls" : "http";
  return {
    apiVersion: `${GATEWAY_GROUP}/v1`,
    kind,
    metadata: { name, namespace: place },
    spec: {
      parentRefs: [{ name: "edge", namespace: "edge", sectionName }],
      ...more,
      rules: [{ backendRefs: [{ name: backend, port }] }],
    },
  };
}

/** The cluster of the tests of protocols: namespaces `demo` and `other` with sidecars, `outside` without. */
import type { Pod } from "../../src/objects/types.ts";
import { APP, NODE } from "./load.ts";

const ISTIO = "traffic.sidecar.istio.io";

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };
const TLS = {
  image: "curlimages/curl",
  command: [NODE, `${APP}/test/whole/tls-echo.ts`, "8443"],
  ports: [{ containerPort: 8443 }],
};
const WEB = {
  image: "hashicorp/http-echo",
  args: ["-listen=:8080", "-text=web"],
  ports: [{ containerPort: 8080 }],
};
const UDP_ECHO = `const socket = require("node:dgram").createSocket("udp6").bind(5000, "::");
socket.on("message", (text, { address, port }) => socket.send("hello " + text, port, address));
process.on("SIGTERM", () => process.exit());`;
const UDP = { image: "curlimages/curl", command: [NODE, "-e", UDP_ECHO] };

const TLS_PORT = { name: "tls", port: 443, targetPort: 8443 };
const WEB_PORT = { name: "http", port: 80, targetPort: 8080 };

/** The manifests as a List. */
export function manifests(): object {
  const items = [
    namespace("demo", true),
    namespace("other", true),
    namespace("outside", false),
    service("demo", "tls", TLS_PORT),
    deployment("demo", "tls", TLS),
    service("demo", "untold", { name: "untold", port: 443, targetPort: 8443 }),
    deployment("demo", "untold", TLS),
    service("outside", "tls", TLS_PORT),
    deployment("outside", "tls", TLS),
    service("demo", "web", WEB_PORT),
    deployment("demo", "web", WEB),
    service("demo", "node-web", WEB_PORT, { type: "NodePort", selector: { app: "web" } }),
    service("outside", "web", WEB_PORT),
    deployment("outside", "web", WEB),
    external("ext-web", "web", { name: "http", port: 80 }),
    external("ext-tls", "tls", { name: "tls", port: 443 }),
    service("demo", "pods", { name: "http", port: 8080 }, { clusterIP: "None" }),
    deployment("demo", "pods", WEB),
    service("demo", "udp", { name: "udp", port: 5000, protocol: "UDP" }),
    deployment("demo", "udp", UDP),
    service("demo", "open", WEB_PORT),
    deployment("demo", "open", WEB, { [`${ISTIO}/excludeInboundPorts`]: "8080" }),
    deployment("demo", "client", SHELL),
    deployment("other", "client", SHELL),
    deployment("outside", "plain", SHELL),
    deployment("demo", "ranges", SHELL, {
      [`${ISTIO}/excludeOutboundIPRanges`]: "10.244.0.0/16,fd00:10:244::/48",
    }),
    deployment("demo", "only", SHELL, {
      [`${ISTIO}/includeOutboundIPRanges`]: "10.96.0.0/16,fd00:10:96::/112",
    }),
    deployment("demo", "ports", SHELL, { "tandem.dev/excludeOutboundPorts": "8080" }),
  ];
  return { apiVersion: "v1", kind: "List", items };
}

/** A pod as one that was injected, but with a capture that fails: annotations that are wrong are refused before. */
export function uncapturable(): Pod {
  const capture = {
    name: "tandem-init",
    image: "tandem",
    args: ["internal", "capture", "--exclude-outbound-ranges=10.0.0.0/40"],
    env: [{ name: "POD_NAME", value: "uncapturable" }],
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "uncapturable",
      namespace: "demo",
      labels: { "tandem.dev/inject": "disabled", "tandem.dev/sidecar": "injected" },
    },
    spec: { initContainers: [capture], containers: [{ name: "main", ...SHELL }] },
  };
}

function namespace(name: string, injected: boolean): object {
  const labels = { "tandem.dev/inject": injected ? "enabled" : "disabled" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function service(place: string, name: string, port: object, more: object = {}): object {
  const both = { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: place },
    spec: { ...both, selector: { app: name }, ports: [port], ...more },
  };
}

/** A Service of type ExternalName in `demo`, which stands for one in `outside`. */
function external(name: string, target: string, port: object): object {
  const externalName = `${target}.outside.svc.cluster.local`;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: { type: "ExternalName", externalName, ports: [port] },
  };
}

function deployment(place: string, name: string, container: object, annotations: object = {}): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: place },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name, ...container }] } },
    },
  };
}

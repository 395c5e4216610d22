/** The cluster of the mesh's tests: servers of both families and of one, clients of two accounts, and one without a sidecar. */
import type { Family } from "../../src/ip/family.ts";

/** Namespaces with a tcp-echo, and the families of its Service. */
export const ECHOES: Readonly<Record<string, readonly Family[]>> = {
  "dual-stack": ["IPv4", "IPv6"],
  ipv4: ["IPv4"],
  ipv6: ["IPv6"],
};

/** The manifests as a List: `clients` has `friend` and `stranger` with sidecars, `outside` has `plain` without one. */
export function manifests(): object {
  const labels = { "istio-injection": "enabled" };
  const places = [...Object.keys(ECHOES), "clients", "web"].map((name) => namespace(name, labels));
  const echoes = Object.entries(ECHOES).flatMap(([place, families]) => [
    service(place, "tcp-echo", families, { name: "tcp", port: 9000 }),
    deployment(place, "tcp-echo", {
      image: "docker.io/istio/tcp-echo-server:1.3",
      args: ["9000", "hello"],
      ports: [{ containerPort: 9000 }],
      readinessProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1, timeoutSeconds: 10 },
    }),
  ]);
  const web = [
    service("web", "web", ["IPv4", "IPv6"], { name: "http", port: 80, targetPort: 8080 }),
    deployment("web", "web", {
      image: "hashicorp/http-echo",
      args: ["-listen=:8080", "-text=web"],
      ports: [{ containerPort: 8080 }],
    }),
  ];
  const clients = ["friend", "stranger"].flatMap((name) => [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "clients" } },
    deployment("clients", name, SHELL, { serviceAccountName: name }),
  ]);
  const outside = [
    namespace("outside", {}),
    deployment("outside", "plain", SHELL),
    deployment("outside", "server", {
      image: "docker.io/istio/tcp-echo-server:1.3",
      args: ["9000", "hello"],
      ports: [{ containerPort: 9000 }],
      readinessProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1, timeoutSeconds: 10 },
    }),
  ];
  return { apiVersion: "v1", kind: "List", items: [...places, ...echoes, ...web, ...clients, ...outside] };
}

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };

function namespace(name: string, labels: object): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function service(place: string, name: string, ipFamilies: readonly Family[], port: object): object {
  const ipFamilyPolicy = ipFamilies.length > 1 ? "RequireDualStack" : "SingleStack";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: place },
    spec: { ipFamilyPolicy, ipFamilies, selector: { app: name }, ports: [port] },
  };
}

function deployment(place: string, name: string, container: object, more: object = {}): object {
  const labels = { app: name };
  const spec = { ...more, containers: [{ name, ...container }] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: place },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

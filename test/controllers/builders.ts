import { KINDS } from "../../src/objects/kinds.ts";
import { controllerReference } from "../../src/controllers/runtime/owners.ts";
import type { KubeObject, Node, Pod, Service } from "../../src/objects/types.ts";

/** A time at which all tests take place. */
export const NOW = Date.parse("2026-01-01T00:10:00Z");

type Parts<T> = Partial<Omit<T, "metadata">> & { metadata?: Partial<KubeObject["metadata"]> };

/** A pod that runs, is ready and has an address of each family. */
export function pod(name: string, parts: Parts<Pod> & { ready?: boolean } = {}): Pod {
  const { metadata, spec, status, ready = true } = parts;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, labels: { app: "web" }, ...metadata },
    spec: { nodeName: "node-1", ...spec, containers: spec?.containers ?? [{ name: "c" }] },
    status: {
      phase: "Running",
      podIP: "10.244.0.5",
      podIPs: [{ ip: "10.244.0.5" }, { ip: "fd00:10:244::5" }],
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" },
      ],
      ...status,
    },
  };
}

/** A node that is ready. */
export function node(name: string, parts: Parts<Node> = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      uid: `uid-${name}`,
      ...parts.metadata,
      labels: { "kubernetes.io/hostname": name, ...parts.metadata?.labels },
    },
    spec: parts.spec ?? {},
    status: { conditions: [{ type: "Ready", status: "True" }], ...parts.status },
  };
}

/** A dual-stack Service `web`, port 80 to 8080. */
export function service(parts: Parts<Service> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "web",
      namespace: "default",
      uid: "uid-web",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...parts.metadata,
    },
    spec: {
      selector: { app: "web" },
      ipFamilies: ["IPv4", "IPv6"],
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10", "fd00:10:96::a"],
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      ...parts.spec,
    },
  };
}

/** Makes an object a ReplicaSet's or DaemonSet's own. */
export function owned<T extends KubeObject>(object: T, owner: KubeObject): T {
  const kind = KINDS[owner.kind as keyof typeof KINDS];
  return { ...object, metadata: { ...object.metadata, ownerReferences: [controllerReference(kind, owner)] } };
}

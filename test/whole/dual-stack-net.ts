/**
 * What the network tests of Kubernetes' end-to-end suite set up (NewNetworkingTestConfig in
 * test/e2e/framework/network/utils.go), with the same ports: a netserver pod on each node, NodePort Services over them,
 * a pod to dial from and one on the host network.
 */
import assert from "node:assert/strict";
import { applyManifests, parseManifest, pause } from "../../src/client/index.ts";
import type { Family } from "../../src/ip/family.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { EndpointSlice, Node, Pod, Service } from "../../src/objects/types.ts";
import type { TestCluster } from "../lab/cluster.ts";

/** The image of all pods here. */
export const AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.59";
/** The ports of the Services. */
export const CLUSTER_PORT = { http: 80, udp: 90 } as const;
const ENDPOINT_PORT = { http: 8083, udp: 8081 } as const;
const TEST_POD_PORT = 9080;
/** So many answers are asked for at once where the order does not matter. */
const PARALLEL = 4;

/** A protocol that is dialled. */
export type Protocol = "http" | "udp";
/** Asks a Service once, from somewhere; an empty text is no answer. */
export type Dialer = (protocol: Protocol, host: string, port: number, request?: string) => Promise<string>;

/** The family of an address, by its spelling. */
export const familyOf = (ip: string): Family => (ip.includes(":") ? "IPv6" : "IPv4");

/** Applies a manifest to namespace default. */
export async function apply(lab: TestCluster, yaml: string): Promise<void> {
  await applyManifests(lab.client, parseManifest("test.yaml", yaml));
}

/** Tries a check again until it holds, for five minutes at most: a busy machine takes longer than the 10 s of the suite. */
export async function eventually(check: () => Promise<void>, attempts = 3000): Promise<void> {
  for (let left = attempts; ; left--) {
    try {
      return await check();
    } catch (error) {
      if (left === 0) throw error;
      await pause(100);
    }
  }
}

/** The slices of a Service. */
export async function slicesOf(lab: TestCluster, service: string): Promise<EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return (await lab.client.list<EndpointSlice>(KINDS.EndpointSlice, { namespace: "default", labelSelector }))
    .items;
}

const PROBE = `{initialDelaySeconds: 0, timeoutSeconds: 30, periodSeconds: 1, successThreshold: 1, failureThreshold: 3,
      httpGet: {path: /healthz, port: ${ENDPOINT_PORT.http}}}`;
/** Endpoints on the host network answer UDP from the addresses that they are asked at. */
const HOST_ENV = `
    env:
    - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
    - {name: POD_IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}`;

function netserver(name: string, node: string, group: string, onHost: boolean): string {
  const listen = onHost ? ', "--udp-listen-addresses=$(HOST_IP),$(POD_IPS)"' : "";
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {group: ${group}}}
spec:
  hostNetwork: ${onHost}
  nodeSelector: {kubernetes.io/hostname: ${node}}
  containers:
  - name: webserver
    image: ${AGNHOST}
    args: [netexec, --http-port=${ENDPOINT_PORT.http}, --udp-port=${ENDPOINT_PORT.udp}${listen}]${onHost ? HOST_ENV : ""}
    ports:
    - {name: http, containerPort: ${ENDPOINT_PORT.http}}
    - {name: udp, containerPort: ${ENDPOINT_PORT.udp}, protocol: UDP}
    livenessProbe: ${PROBE}
    readinessProbe: ${PROBE}
`;
}

function nodePortService(name: string, group: string, affinity: "None" | "ClientIP"): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  sessionAffinity: ${affinity}
  selector: {group: ${group}}
  ports:
  - {name: http, port: ${CLUSTER_PORT.http}, protocol: TCP, targetPort: ${ENDPOINT_PORT.http}}
  - {name: udp, port: ${CLUSTER_PORT.udp}, protocol: UDP, targetPort: ${ENDPOINT_PORT.udp}}
`;
}

const TEST_PODS = `
apiVersion: v1
kind: Pod
metadata: {name: test-container-pod, namespace: default}
spec:
  containers:
  - {name: webserver, image: "${AGNHOST}", args: [netexec, --http-port=${TEST_POD_PORT}], ports: [{containerPort: ${TEST_POD_PORT}}],
     readinessProbe: {httpGet: {path: /healthz, port: ${TEST_POD_PORT}}, periodSeconds: 1, timeoutSeconds: 10}}
---
apiVersion: v1
kind: Pod
metadata: {name: host-test-container-pod, namespace: default}
spec:
  hostNetwork: true
  containers: [{name: agnhost, image: "${AGNHOST}", args: [pause]}]
`;

/** The pods to dial from, of which there are two for all tests. */
export async function createTestPods(lab: TestCluster): Promise<void> {
  await apply(lab, TEST_PODS);
  await Promise.all([lab.ready("test-container-pod"), lab.ready("host-test-container-pod")]);
}

/** Netserver pods on every node, two NodePort Services over them, and the ways to dial those. */
export class NetworkSetup {
  readonly #lab: TestCluster;
  readonly #nodes: readonly Node[];
  readonly #group: string;
  readonly #onHost: boolean;

  constructor(lab: TestCluster, nodes: readonly Node[], group: string, onHost = false) {
    this.#lab = lab;
    this.#nodes = nodes;
    this.#group = group;
    this.#onHost = onHost;
  }

  async create(): Promise<void> {
    const services = [
      nodePortService(`${this.#group}-service`, this.#group, "None"),
      nodePortService(`${this.#group}-affinity`, this.#group, "ClientIP"),
    ];
    await apply(this.#lab, services.join("---"));
    await this.fill();
  }

  /** Makes the netserver pods that are missing, and waits until all are ready and in the slices of both families. */
  async fill(): Promise<void> {
    const pods = this.#nodes.map((node, i) =>
      netserver(this.#pod(i), node.metadata.name, this.#group, this.#onHost),
    );
    await apply(this.#lab, pods.join("---"));
    await Promise.all(pods.map((_, i) => this.#lab.ready(this.#pod(i))));
    await this.#endpointsAre(pods.length);
  }

  /** Deletes a netserver pod without grace; returns once no slice has it any more and the nodes could follow. */
  async deleteOne(): Promise<void> {
    await this.#lab.client.delete(KINDS.Pod, this.#pod(0), "default", { gracePeriodSeconds: 0 });
    await this.#lab.gone(this.#pod(0));
    await this.#endpointsAre(this.#nodes.length - 1);
    await pause(1000);
  }

  /** What the netservers answer by: their pods' names, or their nodes' on the host network. */
  hostnames(): string[] {
    return this.#nodes.map((node, i) => (this.#onHost ? node.metadata.name : this.#pod(i)));
  }

  /** The secondary addresses and the ports to dial: of the cluster, and of a node. */
  async targets(protocol: Protocol): Promise<{ host: string; port: number }[]> {
    const { spec } = await this.service("service");
    const nodePort = spec.ports?.find(({ name }) => name === protocol)?.nodePort;
    const internal = this.#nodes[0]!.status!.addresses!.filter(({ type }) => type === "InternalIP");
    return [
      { host: spec.clusterIPs![1]!, port: CLUSTER_PORT[protocol] },
      { host: internal[1]!.address, port: nodePort! },
    ];
  }

  service(which: "service" | "affinity"): Promise<Service> {
    return this.#lab.client.get<Service>(KINDS.Service, `${this.#group}-${which}`, "default");
  }

  /** Dials from the plain test pod, told to by its dial handler. */
  readonly fromTestPod: Dialer = async (...what) => {
    const pod = await this.#lab.pod("test-container-pod");
    return this.#dial(pod.status!.podIP!, TEST_POD_PORT, ...what);
  };

  /** Dials from the first endpoint itself. */
  readonly fromEndpoint: Dialer = async (...what) => {
    const pod = await this.#lab.pod(this.#pod(0));
    return this.#dial(pod.status!.podIP!, ENDPOINT_PORT.http, ...what);
  };

  /** Dials from a node: from the pod on its host network. */
  readonly fromNode: Dialer = async (protocol, host, port) => {
    const command =
      protocol === "udp"
        ? `echo hostName | nc -w 1 -u ${host} ${port}`
        : `curl -g -q -s --max-time 15 --connect-timeout 5 http://${hostPort(host, port)}/hostName`;
    return (await this.#lab.exec("host-test-container-pod", ["/bin/sh", "-c", command])).out.trim();
  };

  async #dial(dialer: string, dialerPort: number, ...what: Parameters<Dialer>): Promise<string> {
    const [protocol, host, port, request = "hostname"] = what;
    const query = `request=${request}&protocol=${protocol}&host=${host}&port=${port}&tries=1`;
    const command = `curl -g -q -s 'http://${hostPort(dialer, dialerPort)}/dial?${query}'`;
    const { out } = await this.#lab.exec("host-test-container-pod", ["/bin/sh", "-c", command]);
    const { responses = [] } = JSON.parse(out || "{}") as { responses?: string[] };
    return (responses[0] ?? "").trim();
  }

  /**
   * Dials until exactly the expected endpoints have answered, at least `minTries` times and at most n² + 30 times
   * for n endpoints, as the suite does.
   */
  async reaches(
    dialer: Dialer,
    protocol: Protocol,
    target: { host: string; port: number },
    expected = this.hostnames(),
    minTries = 0,
  ): Promise<void> {
    const seen = new Set<string>();
    const maxTries = Math.max(this.maxTries, minTries);
    const wanted = expected.toSorted();
    for (let tries = 0; tries < maxTries; tries += PARALLEL) {
      const ask = () => dialer(protocol, target.host, target.port);
      for (const name of await Promise.all(Array.from({ length: PARALLEL }, ask))) if (name) seen.add(name);
      const all = [...seen].toSorted().join() === wanted.join();
      if (all && tries + PARALLEL >= minTries) return;
    }
    assert.deepEqual([...seen].toSorted(), wanted, `${protocol} to ${target.host} port ${target.port}`);
  }

  get maxTries(): number {
    return this.#nodes.length ** 2 + 30;
  }

  #pod(index: number): string {
    return `${this.#group}-${index}`;
  }

  #endpointsAre(count: number): Promise<void> {
    return eventually(async () => {
      for (const which of ["service", "affinity"]) {
        const slices = await slicesOf(this.#lab, `${this.#group}-${which}`);
        const ready = slices.map(({ endpoints }) => endpoints?.filter((it) => it.conditions?.ready).length);
        assert.deepEqual(ready, [count, count], `ready endpoints of ${this.#group}-${which}, by family`);
      }
    });
  }
}

const hostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** All pods with this label. */
export async function podsWith(lab: TestCluster, labelSelector: string): Promise<Pod[]> {
  return (await lab.client.list<Pod>(KINDS.Pod, { namespace: "default", labelSelector })).items;
}

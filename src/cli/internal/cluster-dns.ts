import type { KubeClient } from "../../client/index.ts";
import { familyOfText } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import type { EndpointSlice, Service } from "../../objects/types.ts";
import type { ClusterPlan } from "../../lab/plan.ts";

const NAMESPACE = "kube-system";
const NAME = "kube-dns";
const PORTS = [
  { name: "dns", protocol: "UDP" as const, port: 53 },
  { name: "dns-tcp", protocol: "TCP" as const, port: 53 },
];

/**
 * Creates the Service kube-dns with an address of each family of the cluster, so that pods of either family have a
 * resolver, and its slices, which lead to the DNS server on the fabric. What is there already stays.
 */
export async function createClusterDns(client: KubeClient, plan: ClusterPlan): Promise<void> {
  await createMissing(client, KINDS.Service, dnsService(plan));
  await Promise.all(
    plan.families.map((family) => createMissing(client, KINDS.EndpointSlice, dnsSlice(plan, family))),
  );
}

/** Asks first: a Service that exists already would be refused for its addresses, which are taken, by itself. */
async function createMissing(client: KubeClient, kind: Kind, object: Service | EndpointSlice): Promise<void> {
  const found = await client.find(kind, object.metadata.name, NAMESPACE);
  if (found === undefined) await client.create(kind, object);
}

function dnsService(plan: ClusterPlan): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: { "k8s-app": NAME, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: plan.dnsAddresses[0] as string,
      clusterIPs: [...plan.dnsAddresses],
      ipFamilies: plan.dnsAddresses.map((address) => familyOfText(address) as Family),
      ipFamilyPolicy: plan.dnsAddresses.length > 1 ? "RequireDualStack" : "SingleStack",
      ports: PORTS.map((port) => ({ ...port, targetPort: port.port })),
    },
  };
}

function dnsSlice(plan: ClusterPlan, family: Family): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${NAME}-${family.toLowerCase()}`,
      namespace: NAMESPACE,
      labels: {
        "kubernetes.io/service-name": NAME,
        "endpointslice.kubernetes.io/managed-by": "tandem.dev",
        "k8s-app": NAME,
      },
    },
    addressType: family,
    endpoints: [
      {
        addresses: [plan.fabric[family] as string],
        conditions: { ready: true, serving: true, terminating: false },
      },
    ],
    ports: PORTS.map((port) => ({ ...port })),
  };
}

/** Objects of meshes in tests, as YAML. */
import { ADDRESSES, type Place } from "../kernel/network.ts";

/** An EndpointSlice of a Service; `endpoints` is the text of its list. */
export function slice(
  service: string,
  family: "IPv4" | "IPv6",
  port: string,
  target: number,
  endpoints: string,
): string {
  return `
kind: EndpointSlice
metadata: { name: ${service}-${family}, labels: { kubernetes.io/service-name: ${service} } }
addressType: ${family}
ports: [{ name: ${port}, port: ${target}, protocol: TCP }]
endpoints:${endpoints}
---`;
}

/** A Service of both families, in a given order, with one pod. */
export function service(
  name: string,
  number: number,
  families: readonly ["IPv4" | "IPv6", "IPv4" | "IPv6"],
  ports: string,
  pod: Place,
  target: number,
): string {
  const addresses = { IPv4: `10.96.0.${number}`, IPv6: `fd00:10:96::${number}` };
  const [first, second] = families;
  const sliceOf = (family: "IPv4" | "IPv6") => {
    const endpoint = `
  - addresses: ["${ADDRESSES[pod][family]}"]
    conditions: { ready: true }
    targetRef: { kind: Pod, name: ${pod}, namespace: default, uid: ${pod} }`;
    return slice(name, family, ports, target, endpoint);
  };
  return `
kind: Service
metadata: { name: ${name} }
spec:
  type: ClusterIP
  clusterIP: "${addresses[first]}"
  clusterIPs: ["${addresses[first]}", "${addresses[second]}"]
  ipFamilies: [${first}, ${second}]
  ports: [{ name: ${ports}, port: 80, protocol: TCP, targetPort: ${target} }]
---${sliceOf("IPv4")}${sliceOf("IPv6")}`;
}

/** A pod with a sidecar, under an account of its name. */
export function pod(name: Place): string {
  return `
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  serviceAccountName: ${name}
  initContainers: [{ name: tandem-proxy }]
  containers: [{ name: main }]
status: { phase: Running, podIPs: [{ ip: ${ADDRESSES[name].IPv4} }, { ip: "${ADDRESSES[name].IPv6}" }] }
---`;
}

/** A policy in the namespace `default`. */
export function policy(kind: string, name: string, spec: string): string {
  return `
kind: ${kind}
apiVersion: tandem.dev/v1alpha1
metadata: { name: ${name} }
spec: { ${spec} }`;
}

import type { Node, Service, ServiceSpec } from "../../../src/objects/types.ts";
import { type BalancerWorld, translateBalancer } from "../../../src/traffic/balancer/index.ts";
import type { BalancerModel, HealthCheck, TranslatedBalancer } from "../../../src/traffic/balancer/model.ts";

/** What annotations of the AWS Load Balancer Controller begin with. */
export const AWS = "service.beta.kubernetes.io/aws-load-balancer-";
const PREFIX = "service.beta.kubernetes.io/";

/** Short keys get AWS's prefix: `scheme`, `/actions.TCP-80`; keys with a dot before a slash stay as they are. */
export function annotations(short: Readonly<Record<string, string>>): Record<string, string> {
  const whole = (key: string) => {
    if (key.startsWith("/")) return PREFIX + key.slice(1);
    return /^[a-z.]+\.[a-z]+\//.test(key) ? key : AWS + key;
  };
  return Object.fromEntries(Object.entries(short).map(([key, value]) => [whole(key), value]));
}

/** The health check of a port whose Service says nothing of it. */
export const TCP_CHECK: HealthCheck = {
  protocol: "TCP",
  port: "traffic-port",
  path: undefined,
  intervalSeconds: 10,
  timeoutSeconds: 10,
  healthyThreshold: 3,
  unhealthyThreshold: 3,
  successCodes: undefined,
};

/** A Service `default/web` of type LoadBalancer and class `tandem.dev/nlb` with a TCP port 80. */
export function balancerService(
  short: Readonly<Record<string, string>> = {},
  spec: Partial<ServiceSpec> = {},
): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "uid-web", annotations: annotations(short) },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "tandem.dev/nlb",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080, nodePort: 30080 }],
      ...spec,
    },
  };
}

/** A node that is Ready. */
export function node(name: string, over: { labels?: Record<string, string>; ready?: string } = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "topology.kubernetes.io/zone": "eu-west-1a", ...over.labels } },
    spec: { providerID: `aws:///eu-west-1a/i-${name}` },
    status: {
      conditions: [{ type: "Ready", status: over.ready ?? "True" }],
      addresses: [
        { type: "InternalIP", address: "10.0.0.4" },
        { type: "InternalIP", address: "2001:db8::4" },
        { type: "Hostname", address: name },
      ],
    },
  };
}

/** Translates, for AWS unless said otherwise. */
export function translate(service: Service, world: Partial<BalancerWorld> = {}): TranslatedBalancer {
  return translateBalancer(service, { provider: "aws", nodes: [], endpointSlices: [], ...world });
}

/** The messages of findings, each with its level. */
export function remarks({ findings }: TranslatedBalancer): string[] {
  return findings.map(({ level, message }) => `${level}: ${message}`);
}

/** The model of a Service that has no error; fails with its findings where it has. */
export function modelOf(service: Service, world: Partial<BalancerWorld> = {}): BalancerModel {
  const translated = translate(service, world);
  if (translated.model === undefined) throw new Error(JSON.stringify(translated, null, 2));
  return translated.model;
}

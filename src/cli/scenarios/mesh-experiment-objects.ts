/** The objects of the scenario 001: those of Istio's samples tcp-echo-{dual-stack,ipv4,ipv6} and sleep. */
import type { Family } from "../../ip/family.ts";
import type { AnyObject } from "../../objects/types.ts";

/** The servers. */
export const ECHO = "tcp-echo";
/** The port that they listen on. */
export const PORT = 9000;

/** The three namespaces with the families of their Service, in its order. */
export const NAMESPACES: Readonly<Record<string, readonly Family[]>> = {
  "dual-stack": ["IPv6", "IPv4"],
  ipv4: ["IPv4"],
  ipv6: ["IPv6"],
};

/** A namespace whose pods get sidecars. */
export function namespace(name: string): Partial<AnyObject> {
  return { metadata: { name, labels: { "istio-injection": "enabled" } } };
}

/** The Service of a namespace. */
export function echoService(place: string): Partial<AnyObject> {
  const ipFamilies = NAMESPACES[place] ?? [];
  return {
    metadata: { name: ECHO, namespace: place, labels: { app: ECHO } },
    spec: {
      ipFamilyPolicy: ipFamilies.length > 1 ? "RequireDualStack" : "SingleStack",
      ipFamilies,
      selector: { app: ECHO },
      ports: [{ name: "tcp", port: PORT, protocol: "TCP" }],
    },
  };
}

/** The server of a namespace, which listens on every address of its pod. */
export function echoDeployment(place: string): Partial<AnyObject> {
  return deployment(place, ECHO, {
    containers: [
      {
        name: ECHO,
        image: "docker.io/istio/tcp-echo-server:1.3",
        args: [String(PORT), "hello"],
        ports: [{ containerPort: PORT }],
      },
    ],
  });
}

/** The client. */
export const SLEEP = "sleep";

/** Who the client runs as. */
export function sleepAccount(): Partial<AnyObject> {
  return { metadata: { name: SLEEP, namespace: "default" } };
}

/** The client. */
export function sleepDeployment(): Partial<AnyObject> {
  return deployment("default", SLEEP, {
    serviceAccountName: SLEEP,
    containers: [{ name: SLEEP, image: "curlimages/curl", command: ["/bin/sleep", "infinity"] }],
  });
}

function deployment(place: string, name: string, spec: object): Partial<AnyObject> {
  const labels = { app: name };
  return {
    metadata: { name, namespace: place, labels },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

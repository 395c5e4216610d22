/** Deployments and Services of both families in the namespace `demo`, for tests of sidecars. */

/** A Deployment of one container; the pods' label `app` is its name. */
export function deployment(name: string, container: object, labels: object = {}, more: object = {}): object {
  const all = { app: name, ...labels };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "demo" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: all }, spec: { ...more, containers: [{ name, ...container }] } },
    },
  };
}

/** A Service of both families, IPv4 first, in front of the Deployment of its name. */
export function service(name: string, port: object): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: {
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
      selector: { app: name },
      ports: [port],
    },
  };
}

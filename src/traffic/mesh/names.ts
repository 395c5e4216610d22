/** Names in a mesh: identities, hosts, destinations. */

/** `spiffe://cluster.local/ns/NAMESPACE/sa/ACCOUNT`, as SPIFFE IDs of workloads are written in Kubernetes. */
export function workloadIdentity(trustDomain: string, namespace: string, account: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
}

/** The namespace and the account of an identity; undefined where it is none of the trust domain's workloads. */
export function accountOfIdentity(
  trustDomain: string,
  identity: string,
): { readonly namespace: string; readonly account: string } | undefined {
  const prefix = `spiffe://${trustDomain}/`;
  if (!identity.startsWith(prefix)) return undefined;
  const match = /^ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity.slice(prefix.length));
  return match === null ? undefined : { namespace: match[1] as string, account: match[2] as string };
}

/** `tcp-echo.dual-stack.svc.cluster.local`. */
export function hostOf(service: string, clusterDomain: string): string {
  const [namespace, name] = service.split("/");
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** All names of a Service, the short one first. */
export function hostnamesOf(service: string, clusterDomain: string): readonly string[] {
  const [namespace, name] = service.split("/") as [string, string];
  return [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, hostOf(service, clusterDomain)];
}

/** `outbound|9000||tcp-echo.dual-stack.svc.cluster.local`, as people know it from istioctl; a subset is a way to speak. */
export function outboundName(port: number, host: string, subset = ""): string {
  return `outbound|${port}|${subset}|${host}`;
}

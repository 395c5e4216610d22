import { Informer, type KubeClient } from "../../client/index.ts";
import { type BalancerEntry, BalancerNames } from "../../dns/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Service } from "../../objects/types.ts";
import { reportOnce } from "../wiring.ts";

/** Names that a load balancer shall have besides: Tandem's own annotation, and external-dns'. */
const HOSTNAMES = ["tandem.dev/hostname", "external-dns.alpha.kubernetes.io/hostname"] as const;

/** The names of a cluster's load balancers, kept current until the signal aborts. */
export async function connectBalancerNames(
  client: KubeClient,
  domain: string,
  signal: AbortSignal,
): Promise<BalancerNames> {
  const names = new BalancerNames(domain);
  const onError = reportOnce("dns: watching load balancers");
  const services = new Informer<Service>(client, KINDS.Service, { onError, transform: namesOnly });
  services.onChange(({ type, object }) => {
    names.set(objectKey(object), type === "deleted" ? undefined : entryOf(object));
  });
  await services.start(signal);
  for (const service of services.list()) names.set(objectKey(service), entryOf(service));
  return names;
}

function entryOf({ metadata, spec, status }: Service): BalancerEntry | undefined {
  if (spec.type !== "LoadBalancer") return undefined;
  const ingress = status?.loadBalancer?.ingress ?? [];
  const alias = ingress.find(({ hostname }) => hostname !== undefined)?.hostname;
  const texts = HOSTNAMES.flatMap((key) => metadata.annotations?.[key]?.split(",") ?? []);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    hostnames: texts.map((text) => text.trim()).filter((text) => text !== ""),
    addresses: ingress.flatMap(({ ip }) => ip ?? []),
    ...(alias !== undefined && { alias }),
  };
}

/** Nothing else is kept. */
function namesOnly({ apiVersion, kind, metadata, spec, status }: Service): Service {
  const { name, namespace, uid, resourceVersion, annotations = {} } = metadata;
  const kept = HOSTNAMES.filter((key) => annotations[key] !== undefined);
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(kept.length > 0 && { annotations: Object.fromEntries(kept.map((key) => [key, annotations[key]])) }),
    },
    spec: { type: spec.type } as Service["spec"],
    ...(spec.type === "LoadBalancer" &&
      status?.loadBalancer && { status: { loadBalancer: status.loadBalancer } }),
  } as Service;
}

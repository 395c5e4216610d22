/** Joins rooms that do not know each other: caches of the API's objects, and the traffic model that outputs read. */
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { Informer, type InformerOptions, type KubeClient } from "../client/index.ts";
import { KINDS } from "../objects/kinds.ts";
import type { EndpointSlice, KubeObject, Namespace, Pod, Service } from "../objects/types.ts";
import {
  createSharer,
  createTrafficModel,
  enforcesFamilyReadiness,
  FAMILY_READINESS_ANNOTATION,
  type FamilyReadiness,
  familyReadyType,
  feedModel,
  type TrafficModel,
} from "../traffic/index.ts";

/** How the traffic model is fed. */
export interface ModelOptions {
  /** Told of what keeps the caches from being current; they keep trying. */
  readonly onError?: (error: unknown) => void;
  /** Whether a pod is left out for a family that it does not answer over, unless its Service says. */
  readonly familyReadiness?: FamilyReadiness;
  /** Only what a node's rules are made from: no namespaces, headless Services, or Services of another proxy. */
  readonly rulesOnly?: boolean;
}

/** Which Services and slices kube-proxy looks at (cmd/kube-proxy/app/server.go). */
const RULES_SELECTOR = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name";

/**
 * The traffic model of a cluster: filled when this resolves, and kept current until the signal aborts. Rejects with the
 * signal's reason when it aborts before.
 */
export async function connectTrafficModel(
  client: KubeClient,
  signal: AbortSignal,
  options: ModelOptions = {},
): Promise<TrafficModel> {
  const { onError, familyReadiness = "report", rulesOnly = false } = options;
  const common: InformerOptions = { ...(onError && { onError }), transform: withoutBallast };
  const selected = rulesOnly ? { ...common, labelSelector: RULES_SELECTOR } : common;
  const services = new Informer<Service>(client, KINDS.Service, { ...selected, transform: withoutSelector });
  const slices = new Informer<EndpointSlice>(client, KINDS.EndpointSlice, {
    ...selected,
    transform: sliceTrimmer(),
  });
  const namespaces = rulesOnly ? undefined : new Informer<Namespace>(client, KINDS.Namespace, common);
  const all = [services, slices, ...(namespaces ? [namespaces] : [])];
  await Promise.all(all.map((informer) => informer.start(signal)));
  const model = createTrafficModel({ familyReadiness });
  await onceWanted(services, familyReadiness, () => followPods(client, model, common, signal));
  const stop = feedModel(model, { services, slices, ...(namespaces && { namespaces }) });
  signal.addEventListener("abort", stop, { once: true });
  return model;
}

/**
 * Calls back once a Service wants readiness per family enforced: at once where one does already, and then resolves when
 * that is done. Clusters where nobody asks are spared a watch of all pods.
 */
async function onceWanted(
  services: Informer<Service>,
  byDefault: FamilyReadiness,
  start: () => Promise<void>,
): Promise<void> {
  const wants = (service: Service) => enforcesFamilyReadiness(service, byDefault);
  if (byDefault === "enforce" || services.list().some(wants)) return start();
  const stop = services.onChange(({ object }) => {
    if (!wants(object)) return;
    stop();
    void start().catch(() => {}); // the signal aborted
  });
}

async function followPods(
  client: KubeClient,
  model: TrafficModel,
  options: InformerOptions,
  signal: AbortSignal,
): Promise<void> {
  const pods = new Informer<Pod>(client, KINDS.Pod, { ...options, transform: conditionsOnly });
  pods.onChange((change) => model.onPod(change));
  await pods.start(signal);
}

/** What is kept of a pod: by far the most objects of a cluster, of which two conditions matter. */
export function conditionsOnly({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, resourceVersion } = metadata;
  const types = [familyReadyType("IPv4"), familyReadyType("IPv6")];
  const conditions = (status?.conditions ?? []).filter(({ type }) => types.includes(type));
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion },
    spec: { ...(spec.nodeName && { nodeName: spec.nodeName }), containers: [] },
    status: { conditions },
  } as Pod;
}

const KEPT_ANNOTATIONS = [
  FAMILY_READINESS_ANNOTATION,
  "endpoints.kubernetes.io/last-change-trigger-time",
] as const;
const KEPT_LABEL = "kubernetes.io/service-name";

/** Without managed fields, owners, and labels and annotations that the model does not read: most of an object. */
function withoutBallast<T extends KubeObject>(object: T): T {
  const { name, namespace, uid, resourceVersion, labels, annotations } = object.metadata;
  const service = labels?.[KEPT_LABEL];
  const kept = KEPT_ANNOTATIONS.filter((key) => annotations?.[key] !== undefined);
  return {
    ...object,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(service !== undefined && { labels: { [KEPT_LABEL]: service } }),
      ...(kept.length > 0 && {
        annotations: Object.fromEntries(kept.map((key) => [key, annotations?.[key]])),
      }),
    },
  };
}

/** The selector is the controllers' concern. */
function withoutSelector(service: Service): Service {
  const { selector: _, ...spec } = service.spec;
  return withoutBallast({ ...service, spec });
}

/** Slices share what is the same in nearly all of them: ports, conditions, node names. */
export function sliceTrimmer(): (slice: EndpointSlice) => EndpointSlice {
  const shared = createSharer();
  return (slice) => {
    const trimmed = withoutBallast(slice);
    return {
      ...trimmed,
      ports: shared(trimmed.ports),
      endpoints: (trimmed.endpoints ?? []).map((endpoint) => ({
        ...endpoint,
        ...(endpoint.conditions && { conditions: shared(endpoint.conditions) }),
        ...(endpoint.nodeName && { nodeName: shared(endpoint.nodeName) }),
        ...(endpoint.zone && { zone: shared(endpoint.zone) }),
      })),
    };
  };
}

/** A signal that aborts on the first SIGINT or SIGTERM; the second ends the process as if nothing had been caught. */
export function untilStopped(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** For runs that come to an end by themselves: the first signal ends one in order, as an error; a second one at once. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      controller.abort(new UserError({ what: "stopped", why: `${signal} received` }));
      process.once(signal, () => process.exit(EXIT.failed));
    });
  }
  return controller.signal;
}

/** Prints each distinct failure once, so that a server that is down does not fill the terminal. */
export function reportOnce(prefix: string): (error: unknown) => void {
  let last: string | undefined;
  return (error) => {
    const text = error instanceof Error ? error.message : String(error);
    if (text === last) return;
    last = text;
    console.error(`${prefix}: ${text}`);
  };
}

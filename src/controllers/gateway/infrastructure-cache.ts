/** What there is of the infrastructure of Gateways, watched. */
import { Informer, type KubeClient } from "../../client/index.ts";
import { type Kind, KINDS, objectKey } from "../../objects/kinds.ts";
import type { Deployment, EndpointSlice, KubeObject, Node, Secret, Service } from "../../objects/types.ts";
import { controllerOf } from "../runtime/owners.ts";
import { GATEWAY_NAME_LABEL, PROXY_LABEL } from "./names.ts";

interface CacheOptions {
  readonly client: KubeClient;
  readonly log?: (line: string) => void;
}

/** What there is of infrastructure: only objects with a Gateway's label are watched. */
export class InfrastructureCache {
  readonly #accounts: Informer<KubeObject>;
  readonly #secrets: Informer<Secret>;
  readonly services: Informer<Service>;
  readonly #deployments: Informer<Deployment>;
  /** A Service's slices have its labels. */
  readonly #slices: Informer<EndpointSlice>;
  readonly nodes: Informer<Node>;
  /** What was applied last, by kind and key: tells fields that are to go. */
  readonly applied = new Map<string, string>();
  readonly #written = new Map<string, Secret>();

  constructor({ client, log }: CacheOptions, signal: AbortSignal) {
    const onError = (error: unknown): void => {
      if (!signal.aborted) log?.(`infrastructure: ${(error as Error).message}`);
    };
    const own = { onError, labelSelector: `${GATEWAY_NAME_LABEL},${PROXY_LABEL}` };
    this.#accounts = new Informer(client, KINDS.ServiceAccount, own);
    this.#secrets = new Informer(client, KINDS.Secret, own);
    this.services = new Informer(client, KINDS.Service, own);
    this.#deployments = new Informer(client, KINDS.Deployment, own);
    this.#slices = new Informer(client, KINDS.EndpointSlice, own);
    this.nodes = new Informer(client, KINDS.Node, { onError, transform: addressesOnly });
    this.#secrets.onChange(({ object }) => this.#written.delete(objectKey(object)));
  }

  /** The kinds that a Gateway owns, with what there is of each. */
  kinds(): { kind: Kind; informer: Informer<KubeObject> }[] {
    const all = [this.#accounts, this.#secrets, this.services, this.#deployments] as Informer<KubeObject>[];
    return all.map((informer) => ({ kind: informer.kind, informer }));
  }

  /** What there is of a kind that a Gateway owns, by `namespace/name`. */
  get(kind: Kind, key: string): KubeObject | undefined {
    return this.kinds()
      .find((entry) => entry.kind === kind)
      ?.informer.get(key);
  }

  /** A Secret as it is, or as it was written where the cache lags behind: a second certificate would be one too many. */
  secret(key: string): Secret | undefined {
    return this.#secrets.get(key) ?? this.#written.get(key);
  }

  /** Proxies that are ready; where there is a Service, as its endpoints, which is what nodes go by. */
  readyProxies(key: string, service: Service | undefined): number {
    const replicas = this.#deployments.get(key)?.status?.readyReplicas ?? 0;
    if (service === undefined || replicas === 0) return replicas;
    const slices = this.#slices
      .list(service.metadata.namespace ?? "")
      .filter((slice) => isOf(slice, service));
    const ready = slices.map(
      ({ endpoints }) => endpoints?.filter(({ conditions }) => conditions?.ready ?? true).length ?? 0,
    );
    return Math.min(replicas, Math.max(0, ...ready));
  }

  /** Takes in a Secret that was just written. */
  remember(secret: Secret): void {
    this.#written.set(objectKey(secret), secret);
  }

  /** Calls back with the keys of Gateways whose infrastructure has changed. */
  onChange(listener: (key: string) => void): void {
    for (const { informer } of this.kinds()) {
      informer.onChange(({ object }) => {
        const owner = controllerOf(object);
        if (owner?.kind === "Gateway") listener(`${object.metadata.namespace}/${owner.name}`);
      });
    }
    this.#slices.onChange(({ object }) => {
      const service = this.services.get(`${object.metadata.namespace}/${controllerOf(object)?.name}`);
      const owner = service && controllerOf(service);
      if (owner?.kind === "Gateway") listener(`${object.metadata.namespace}/${owner.name}`);
    });
  }

  /** Resolves once everything that there is has been read. */
  async start(signal: AbortSignal): Promise<void> {
    const all = [...this.kinds().map(({ informer }) => informer), this.#slices, this.nodes];
    await Promise.all(all.map((informer) => informer.start(signal)));
  }
}

function isOf(slice: EndpointSlice, service: Service): boolean {
  return controllerOf(slice)?.uid === service.metadata.uid;
}

function addressesOnly({ apiVersion, kind, metadata, status }: Node): object {
  const { name, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion },
    status: { addresses: status?.addresses ?? [] },
  };
}

/** Keeps each Gateway's infrastructure as it has to be, and tells by which addresses the Gateway can be reached. */
import { Informer, type KubeClient } from "../../client/index.ts";
import { type Kind, KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type {
  AnyObject,
  Deployment,
  EndpointSlice,
  KubeObject,
  Node,
  Secret,
  Service,
} from "../../objects/types.ts";
import { sameValue } from "../runtime/equal.ts";
import { controllerOf } from "../runtime/owners.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import { type Reachability, reachabilityOf } from "./addresses.ts";
import { type CertificateOptions, proxySecret } from "./certificates.ts";
import { covers } from "./covers.ts";
import { desiredInfrastructure, type InfrastructureRequest, nameOf, type ProxyContainer } from "./desired.ts";
import { GATEWAY_NAME_LABEL, PROXY_LABEL } from "./names.ts";
import { Settling } from "./settling.ts";

/** How a Gateway's infrastructure is doing. */
export interface InfrastructureState extends Reachability {
  /** Proxies that are ready. */
  readonly readyProxies: number;
  /** Why it cannot be made, for example because somebody else has an object of the name. */
  readonly problem?: string;
}

/** What making the infrastructure of Gateways needs. */
export interface InfrastructureOptions extends CertificateOptions {
  readonly client: KubeClient;
  /** How the proxy of a Gateway is run. */
  readonly container: (request: InfrastructureRequest) => ProxyContainer;
  readonly onState: (key: string, state: InfrastructureState) => void;
  /** Whether this process writes now; while it does not, it only tells of what is there. Always, unless given. */
  readonly leads?: () => boolean;
  readonly log?: (line: string) => void;
}

/** The infrastructure of all Gateways. */
export interface GatewayInfrastructure {
  /** Says what a Gateway (`namespace/name`) needs from now on; undefined: it is gone, or no longer ours. */
  set(key: string, request: InfrastructureRequest | undefined): void;
  /** What was last told of a Gateway. */
  state(key: string): InfrastructureState | undefined;
  /** Has everything looked at again, as when this process begins to write. */
  look(): void;
  /** Resolves when all work has ended after the signal's abort. */
  readonly stopped: Promise<void>;
}

const MANAGER = "tandem-gateway";
/** Certificates are looked at so often, in milliseconds. */
const RENEWAL_PERIOD = 6 * 3600_000;

/** Starts to look after infrastructure, until the signal aborts; resolves once it knows what is there already. */
export async function startGatewayInfrastructure(
  options: InfrastructureOptions,
  signal: AbortSignal,
): Promise<GatewayInfrastructure> {
  const caches = new Caches(options, signal);
  const requests = new Map<string, InfrastructureRequest>();
  const states = new Map<string, InfrastructureState>();
  const leaving = new Map<string, string>();
  const settled = new Settling((key) => queue.add(key), signal);
  const tell = (key: string, state: InfrastructureState): void => {
    if (sameValue(states.get(key), state)) return;
    states.set(key, state);
    options.onState(key, state);
  };
  const work = async (key: string): Promise<void> => {
    if (leads(options)) await removeAll(options.client, caches, key, leaving);
    const request = requests.get(key);
    if (request === undefined) return;
    const state = await ensure(options, caches, request);
    if (settled.has(key, state, request)) tell(key, state);
  };
  const onFailure = (key: string, error: unknown): void => {
    options.log?.(`infrastructure of Gateway ${key}: ${(error as Error).message}`);
    if (requests.has(key)) tell(key, { ...UNREACHABLE, problem: (error as Error).message });
  };
  const queue = new WorkQueue({ name: "gateway-infrastructure", maxRetries: 1e6, onFailure }, work);
  caches.onChange((key) => requests.has(key) && queue.add(key));
  await caches.start(signal);
  queue.start();
  const renewal = setInterval(() => {
    for (const key of requests.keys()) queue.add(key);
  }, RENEWAL_PERIOD);
  return {
    set(key, request) {
      const before = requests.get(key)?.gateway.metadata.uid;
      if (before === undefined && request === undefined) return;
      if (before !== undefined && before !== request?.gateway.metadata.uid) {
        states.delete(key);
        settled.forget(key);
        leaving.set(key, before);
      }
      if (request === undefined) requests.delete(key);
      else requests.set(key, request);
      // back before anybody took its infrastructure away
      if (leaving.get(key) === request?.gateway.metadata.uid) leaving.delete(key);
      queue.add(key);
    },
    state: (key) => states.get(key),
    look() {
      for (const key of [...requests.keys(), ...leaving.keys()]) queue.add(key);
    },
    stopped: ended(signal).then(async () => {
      clearInterval(renewal);
      await queue.stop();
    }),
  };
}

function leads(options: InfrastructureOptions): boolean {
  return options.leads?.() ?? true;
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

const UNREACHABLE: InfrastructureState = { addresses: [], missing: [], unusable: [], readyProxies: 0 };

/** Somebody else's object has the name that ours needs. */
class NameTaken extends Error {}

async function ensure(
  options: InfrastructureOptions,
  caches: Caches,
  request: InfrastructureRequest,
): Promise<InfrastructureState> {
  const { gateway } = request;
  const key = `${gateway.metadata.namespace}/${nameOf(gateway)}`;
  const desired = desiredInfrastructure(request, options.container(request));
  const owner = gateway.metadata.uid ?? "";
  try {
    const { account, service, deployment } = desired;
    // it may begin to lead in between: then the next pass writes, and makes the certificate first
    if (leads(options)) {
      const secret = await proxySecret(options, gateway, caches.secret(key));
      await apply(options, caches, KINDS.ServiceAccount, account, owner);
      await apply(options, caches, KINDS.Secret, secret, owner);
      if (service !== undefined) await apply(options, caches, KINDS.Service, service, owner);
      await apply(options, caches, KINDS.Deployment, deployment, owner);
    } else
      for (const kind of MADE)
        if (kind !== KINDS.Service || service !== undefined)
          await find(options.client, caches, kind, account.metadata, owner);
  } catch (error) {
    if (!(error instanceof NameTaken)) throw error;
    return { ...UNREACHABLE, problem: error.message };
  }
  const service = caches.services.get(key);
  const reachable =
    service === undefined ? UNREACHABLE : reachabilityOf(service, request, caches.nodes.list());
  return { ...reachable, readyProxies: caches.readyProxies(key, service) };
}

const MADE = [KINDS.ServiceAccount, KINDS.Secret, KINDS.Service, KINDS.Deployment];

/** What is there of a name. @throws NameTaken where it is somebody else's */
async function find(
  client: KubeClient,
  caches: Caches,
  kind: Kind,
  metadata: AnyObject["metadata"],
  owner: string,
): Promise<KubeObject | undefined> {
  const key = objectKey({ metadata });
  const live = caches.get(kind, key) ?? (await getOrNothing(client, kind, metadata));
  if (live !== undefined && controllerOf(live)?.uid !== owner)
    throw new NameTaken(`${kind.kind} ${key} exists and is not this Gateway's`);
  return live;
}

/** Server-side apply, where something differs and this process leads; fields no longer wanted go as well. */
async function apply(
  options: InfrastructureOptions,
  caches: Caches,
  kind: Kind,
  desired: AnyObject,
  owner: string,
): Promise<void> {
  const key = objectKey(desired);
  const { client } = options;
  const live = await find(client, caches, kind, desired.metadata, owner);
  if (!leads(options)) return;
  const text = JSON.stringify(desired);
  if (live !== undefined && caches.applied.get(`${kind.kind}/${key}`) === text && covers(live, desired))
    return;
  const { name, namespace } = desired.metadata;
  const how = { type: "apply", force: true, fieldManager: MANAGER } as const;
  const after = await client.patch<KubeObject>(kind, name, namespace, desired, how);
  if (kind === KINDS.Secret) caches.remember(after as Secret);
  caches.applied.set(`${kind.kind}/${key}`, text);
}

async function getOrNothing(client: KubeClient, kind: Kind, metadata: AnyObject["metadata"]) {
  try {
    return await client.get<KubeObject>(kind, metadata.name, metadata.namespace);
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/**
 * Takes away what a Gateway owned that lives on but is of another class now; what a deleted Gateway owned, the garbage
 * collector takes too, whoever is first.
 */
async function removeAll(
  client: KubeClient,
  caches: Caches,
  key: string,
  leaving: Map<string, string>,
): Promise<void> {
  const uid = leaving.get(key);
  if (uid === undefined) return;
  for (const { kind, informer } of caches.kinds()) {
    for (const object of informer.list(key.split("/")[0])) {
      if (controllerOf(object)?.uid !== uid) continue;
      const { name, namespace } = object.metadata;
      caches.applied.delete(`${kind.kind}/${objectKey(object)}`);
      await client.delete(kind, name, namespace, { propagationPolicy: "Background" }).catch((error) => {
        if (!(error instanceof ApiError) || error.code !== 404) throw error;
      });
    }
  }
  leaving.delete(key);
}

/** What there is of infrastructure: only objects with a Gateway's label are watched. */
class Caches {
  readonly accounts: Informer<KubeObject>;
  readonly secrets: Informer<Secret>;
  readonly services: Informer<Service>;
  readonly deployments: Informer<Deployment>;
  /** A Service's slices have its labels. */
  readonly slices: Informer<EndpointSlice>;
  readonly nodes: Informer<Node>;
  /** What was applied last, by kind and key: tells fields that are to go. */
  readonly applied = new Map<string, string>();
  readonly #written = new Map<string, Secret>();

  constructor({ client, log }: InfrastructureOptions, signal: AbortSignal) {
    const onError = (error: unknown): void => {
      if (!signal.aborted) log?.(`infrastructure: ${(error as Error).message}`);
    };
    const own = { onError, labelSelector: `${GATEWAY_NAME_LABEL},${PROXY_LABEL}` };
    this.accounts = new Informer(client, KINDS.ServiceAccount, own);
    this.secrets = new Informer(client, KINDS.Secret, own);
    this.services = new Informer(client, KINDS.Service, own);
    this.deployments = new Informer(client, KINDS.Deployment, own);
    this.slices = new Informer(client, KINDS.EndpointSlice, own);
    this.nodes = new Informer(client, KINDS.Node, { onError, transform: addressesOnly });
    this.secrets.onChange(({ object }) => this.#written.delete(objectKey(object)));
  }

  kinds(): { kind: Kind; informer: Informer<KubeObject> }[] {
    const all = [this.accounts, this.secrets, this.services, this.deployments] as Informer<KubeObject>[];
    return all.map((informer) => ({ kind: informer.kind, informer }));
  }

  get(kind: Kind, key: string): KubeObject | undefined {
    return this.kinds()
      .find((entry) => entry.kind === kind)
      ?.informer.get(key);
  }

  /** A Secret as it is, or as it was written where the cache lags behind: a second certificate would be one too many. */
  secret(key: string): Secret | undefined {
    return this.secrets.get(key) ?? this.#written.get(key);
  }

  /** Proxies that are ready; where there is a Service, as its endpoints, which is what nodes go by. */
  readyProxies(key: string, service: Service | undefined): number {
    const replicas = this.deployments.get(key)?.status?.readyReplicas ?? 0;
    if (service === undefined || replicas === 0) return replicas;
    const slices = this.slices.list(service.metadata.namespace ?? "").filter((slice) => isOf(slice, service));
    const ready = slices.map(
      ({ endpoints }) => endpoints?.filter(({ conditions }) => conditions?.ready ?? true).length ?? 0,
    );
    return Math.min(replicas, Math.max(0, ...ready));
  }

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
    this.slices.onChange(({ object }) => {
      const service = this.services.get(`${object.metadata.namespace}/${controllerOf(object)?.name}`);
      const owner = service && controllerOf(service);
      if (owner?.kind === "Gateway") listener(`${object.metadata.namespace}/${owner.name}`);
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    const all = [...this.kinds().map(({ informer }) => informer), this.slices, this.nodes];
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

/** Joins the rooms into what serves a mesh: injection, identities, objects → model → xDS, and statuses back. */
import type { KubeClient, ObjectChange } from "../../client/index.ts";
import { serverIdentity, StatusWriter } from "../../controllers/gateway/index.ts";
import {
  type Account,
  ensureMeshAuthority,
  Identities,
  identitySecretName,
  registerInjection,
  SIDECAR_LABEL,
  type WebhookAddress,
} from "../../controllers/mesh/index.ts";
import { EventRecorder } from "../../controllers/runtime/events.ts";
import { type AdsOptions, type AdsServer, type Peer, startAdsServer } from "../../envoy/ads/index.ts";
import { createMeshOutput, missingTarget } from "../../envoy/mesh/index.ts";
import { joinHostPort } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { GATEWAY_KINDS, type RouteStatus } from "../../objects/gateway/index.ts";
import { type Kind, KINDS, objectKey } from "../../objects/kinds.ts";
import { MESH_KINDS } from "../../objects/mesh/index.ts";
import type { KubeObject, Pod } from "../../objects/types.ts";
import type { KeyPair } from "../../pki/issue.ts";
import { createTrafficModel } from "../../traffic/index.ts";
import { accountOfIdentity, createMeshModel, workloadIdentity } from "../../traffic/mesh/index.ts";
import { collectGarbage } from "../memory.ts";
import { patiently } from "../xds/patiently.ts";
import { type Sources, startSources } from "../xds/sources.ts";
import { captureFailure, meshSources } from "./kinds.ts";
import { identityFiles, injectionSettings, podOfNode } from "./proxy.ts";
import { authoritySource, warnOfExpiry } from "./authority.ts";
import { GRPC_CLIENTS, GrpcClients } from "./grpc-clients.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./ports.ts";
import { MeshPump } from "./pump.ts";
import { RouteRefusals } from "./route-refusals.ts";
import { ServerCredentials } from "./server-credentials.ts";
import { serveWebhook } from "./webhook.ts";

/** The controllerName in statuses of routes that have a Service as a parent. */
export const MESH_CONTROLLER = "tandem.dev/mesh-controller";
export interface MeshOptions {
  readonly client: KubeClient;
  /** Addresses that xDS and the webhook are served on. */
  readonly listen: readonly string[];
  /** Addresses and names by which sidecars and the API server reach them, of both families. */
  readonly advertise: readonly string[];
  readonly xdsPort?: number;
  readonly webhookPort?: number;
  /** Where applications ask that speak xDS themselves. */
  readonly grpcPort?: number;
  /** Where the API server finds the webhook. */
  readonly webhook: WebhookAddress;
  /** The families that pods of the cluster have, the primary one first. */
  readonly families: readonly Family[];
  readonly clusterDomain: string;
  readonly initImage: string;
  /** SO_MARK of sidecars' sockets, where they cannot have a user of their own. */
  readonly mark?: number;
  /** See InjectionSettings. */
  readonly probesDeclaredPorts?: boolean;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts to serve a mesh until the signal aborts. Until some pod has a sidecar there is nothing but the webhook: the
 * rest starts with the first of them, and what it fails of then is told by `stopped`.
 */
export async function startMesh(options: MeshOptions): Promise<{ readonly stopped: Promise<void> }> {
  const { client, signal, log, clusterDomain, advertise } = options;
  const onError = (error: unknown): void => log((error as Error).message);
  const authority = await patiently(() => ensureMeshAuthority(client), onError, signal);
  warnOfExpiry(authority, log);
  const { webhook: address } = options;
  const about = { client, clusterDomain, advertise, webhook: address, log, signal };
  const servers = await ServerCredentials.create(about, authority);
  const stopped = Promise.withResolvers<void>();
  let core: Promise<Core> | undefined;
  const identities = startIdentities(options, authority, (account) => {
    core?.then(
      ({ pump }) => pump.renewed(account),
      () => {}, // told by `stopped`
    );
  });
  const wake = (): Promise<Core> => {
    if (core === undefined) {
      core = startCore(options, { authority, servers, identities });
      core.catch((error: unknown) => signal.aborted || stopped.reject(error));
    }
    return core;
  };
  const onInject = ({ namespace, serviceAccount }: { namespace: string; serviceAccount: string }): void => {
    identities.want({ namespace, account: serviceAccount });
    void wake();
  };
  const webhook = await serveWebhook(
    options.listen,
    options.webhookPort ?? WEBHOOK_PORT,
    servers.certificate,
    {
      settings: injectionSettings(sidecarSettings(options), identitySecretName),
      namespaceLabels: () => undefined, // the webhook's selectors have looked at them
      onInject,
      log,
    },
  );
  servers.onWebhook((next) => webhook.setCertificate(next));
  await patiently(() => registerInjection(client, authority, options.webhook), onError, signal);
  if (await patiently(() => hasSidecars(client), onError, signal)) await wake();
  const stop = async (): Promise<void> => {
    webhook.close();
    await core?.then(
      (running) => running.stop(),
      () => {}, // it was still starting
    );
    stopped.resolve();
  };
  signal.addEventListener("abort", () => void stop(), { once: true });
  return { stopped: stopped.promise };
}

async function hasSidecars(client: KubeClient): Promise<boolean> {
  const { items } = await client.list(KINDS.Pod, { labelSelector: SIDECAR_LABEL, limit: 1 });
  return items.length > 0;
}

function sidecarSettings(options: MeshOptions): Parameters<typeof injectionSettings>[0] {
  const { families, advertise, xdsPort = MESH_XDS_PORT, clusterDomain, initImage, mark } = options;
  const { probesDeclaredPorts = false } = options;
  return {
    families,
    trustDomain: clusterDomain,
    initImage,
    probesDeclaredPorts,
    ...(mark !== undefined && { mark }),
    xds: { advertise, port: xdsPort, identity: serverIdentity(clusterDomain) },
    grpcServers: advertise.map((host) => joinHostPort(host, options.grpcPort ?? MESH_GRPC_PORT)),
  };
}

function startIdentities(
  { client, clusterDomain, log, signal }: MeshOptions,
  authority: KeyPair,
  onChange: (account: Account) => void,
): Identities {
  const identities = new Identities({
    client,
    authority: { signer: authority, others: [] },
    identityOf: ({ namespace, account }) => workloadIdentity(clusterDomain, namespace, account),
    files: identityFiles(),
    onChange,
    log,
  });
  identities.start(signal);
  return identities;
}

/** What the part that waits for sidecars needs. */
interface Credentials {
  readonly authority: KeyPair;
  /** The servers' own. */
  readonly servers: ServerCredentials;
  readonly identities: Identities;
}

/** What runs once there are sidecars. */
interface Core {
  readonly pump: MeshPump;
  stop(): Promise<void>;
}

async function startCore(options: MeshOptions, credentials: Credentials): Promise<Core> {
  const { client, clusterDomain, families, signal, log } = options;
  const { identities } = credentials;
  const onError = (error: unknown): void => log(`watching: ${(error as Error).message}`);
  const traffic = createTrafficModel({ familyReadiness: "enforce" });
  const model = createMeshModel({
    traffic,
    trustDomain: clusterDomain,
    clusterDomain,
    clusterFamilies: families,
    controllerName: MESH_CONTROLLER,
    now: () => new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  });
  const clients = new GrpcClients({
    trustDomain: clusterDomain,
    want: (account) => identities.want(account),
  });
  const events = new EventRecorder(client);
  const onPod = (change: ObjectChange<Pod>): void => {
    clients.onPod(change);
    tellOfCapture(events, change);
  };
  const kinds = [...meshSources(model, traffic, onPod), authoritySource({ client, log, ...credentials })];
  const sources = await startSources({ client, kinds, onError }, signal);
  const refused = new RouteRefusals(MESH_CONTROLLER, (route) => {
    const { kind, key } = kindAndKey(route) ?? {};
    if (kind !== undefined && key !== undefined) statuses.recheck(kind, "updated", key);
  });
  const statuses = new StatusWriter({
    client,
    controllerName: MESH_CONTROLLER,
    current: sources.get,
    amend: ({ kind }, key, status) => refused.amend(`${kind}/${key}`, status as RouteStatus),
    log,
  });
  sources.onAny((kind, { type, object }) => statuses.recheck(kind, type, objectKey(object)));
  statuses.start();
  let pump: MeshPump | undefined;
  const ads = await startXds(options, credentials.servers, (peer) =>
    clients.isClient(peer.nodeId)
      ? clients.isAllowed(peer) && pump?.serveClients(GRPC_CLIENTS, families)
      : authorizeSidecar(peer, (pod, identity) => pump?.authorize(pod, identity)),
  );
  const output = createMeshOutput({
    identity: ({ identity }) => {
      const account = accountOfIdentity(clusterDomain, identity);
      return account && identities.get(account);
    },
    ...(options.mark !== undefined && { mark: options.mark }),
  });
  const record = (id: string, reason: string, message: string): void => {
    const object = objectOf(id, sources);
    if (object !== undefined) events.record("tandem-mesh", object, "Warning", reason, message);
  };
  const parts = {
    record,
    setRefused: (sidecar: string, messages: ReadonlyMap<string, string>): void => {
      model.setRefused(sidecar, messages);
      refused.setRefused(sidecar, messages);
    },
    specOf: (id: string) => (objectOf(id, sources) as { spec?: unknown } | undefined)?.spec,
    model,
    traffic,
    output,
    ads,
    identities,
    statuses,
    trustDomain: clusterDomain,
    log,
  };
  pump = new MeshPump({ ...parts, onQuiet: collectGarbage });
  pump.start(signal);
  collectGarbage();
  const stop = async (): Promise<void> => {
    await Promise.all([statuses.stop(), ads.close()]);
  };
  return { pump, stop };
}

/** A pod that does not start, as its traffic cannot be captured, has an event that says why. */
function tellOfCapture(events: EventRecorder, { type, object, previous }: ObjectChange<Pod>): void {
  const failure = captureFailure(object);
  if (failure === undefined || type === "deleted" || (previous && captureFailure(previous) === failure))
    return;
  const message = `the pod does not start, as its traffic cannot be captured: ${failure}`;
  events.record("tandem-mesh", object, "Warning", "CaptureFailed", message);
}

/** The object of an id, `Kind/namespace/name`, if it is one of the kinds that are watched. */
function objectOf(id: string, sources: Sources): KubeObject | undefined {
  const known = kindAndKey(id);
  return known && sources.get(known.kind, known.key);
}

function kindAndKey(id: string): { kind: Kind; key: string } | undefined {
  const [name = "", ...key] = id.split("/");
  const kinds = { ...GATEWAY_KINDS, ...MESH_KINDS, Service: KINDS.Service, Pod: KINDS.Pod };
  const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof typeof kinds] : undefined;
  return kind && { kind, key: key.join("/") };
}

/**
 * Over mutual TLS: a sidecar gets what is its own by its certificate and its pod. Applications that speak xDS themselves
 * have a port without TLS, where nothing secret is told.
 */
async function startXds(
  { listen, xdsPort = MESH_XDS_PORT, grpcPort = MESH_GRPC_PORT }: MeshOptions,
  servers: ServerCredentials,
  authorize: (peer: Peer) => string | false | undefined,
): Promise<AdsServer> {
  const ads = await startAdsServer({
    listen: [
      ...listen.map((host) => ({ host, port: xdsPort })),
      ...listen.map((host) => ({ host, port: grpcPort, open: true })),
    ],
    tls: servers.xds,
    authorize: (peer) => authorize(peer) || undefined,
    standIn: standIns(),
  });
  servers.onXds((next) => ads.setCertificates(next));
  return ads;
}

/** Targets that nobody has. A client may ask for many names: what is more than that waits for its own timeout. */
function standIns(): NonNullable<AdsOptions["standIn"]> {
  const names = new Set<string>();
  return (proxy, name) => {
    if (proxy !== GRPC_CLIENTS || (names.size >= MOST_STAND_INS && !names.has(name))) return undefined;
    names.add(name);
    return missingTarget(name);
  };
}

const MOST_STAND_INS = 1_000;

function authorizeSidecar<T>(
  { names, nodeId }: Peer,
  authorize: (pod: string, identity: string) => T | undefined,
): T | undefined {
  const pod = podOfNode(nodeId);
  const identity = names.find((name) => name.startsWith("URI:"))?.slice(4);
  return pod === undefined || identity === undefined ? undefined : authorize(pod, identity);
}

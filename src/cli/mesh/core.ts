/** What runs once there are sidecars: objects → model → xDS, and statuses back. */
import type { ObjectChange } from "../../client/index.ts";
import { StatusWriter } from "../../controllers/gateway/index.ts";
import type { Identities } from "../../controllers/mesh/index.ts";
import { EventRecorder } from "../../controllers/runtime/events.ts";
import type { Peer } from "../../envoy/ads/index.ts";
import { createMeshOutput } from "../../envoy/mesh/index.ts";
import { GATEWAY_KINDS, type RouteStatus } from "../../objects/gateway/index.ts";
import { type Kind, KINDS, objectKey } from "../../objects/kinds.ts";
import { MESH_KINDS } from "../../objects/mesh/index.ts";
import { formatTime } from "../../objects/time.ts";
import type { KubeObject, Pod } from "../../objects/types.ts";
import type { KeyPair } from "../../pki/issue.ts";
import { createTrafficModel } from "../../traffic/index.ts";
import { accountOfIdentity, createMeshModel, type IncrementalMeshModel } from "../../traffic/mesh/index.ts";
import { collectGarbage } from "../memory.ts";
import { later } from "../xds/later.ts";
import { LEASE_NAMESPACE, RefusalBoard } from "../xds/refusal-board.ts";
import { type Sources, startSources } from "../xds/sources.ts";
import { authoritySource } from "./authority.ts";
import { GRPC_CLIENTS, GrpcClients } from "./grpc-clients.ts";
import { captureFailure, meshSources } from "./kinds.ts";
import { podOfNode } from "./proxy.ts";
import { MeshPump } from "./pump.ts";
import { type RefusalParts, Refusals } from "./refusals.ts";
import { RouteRefusals } from "./route-refusals.ts";
import type { MeshOptions } from "./run.ts";
import type { ServerCredentials } from "./server-credentials.ts";
import { startXds } from "./xds.ts";

/** The controllerName in statuses of routes that have a Service as a parent. */
const MESH_CONTROLLER = "tandem.dev/mesh-controller";
const COMPONENT = "tandem-mesh";

/** What the part that waits for sidecars needs. */
export interface Credentials {
  readonly authority: KeyPair;
  /** The servers' own. */
  readonly servers: ServerCredentials;
  readonly identities: Identities;
  /** Whether this replica writes what one replica alone writes. */
  readonly leads: () => boolean;
}

/** What runs once there are sidecars. */
export interface Core {
  readonly pump: MeshPump;
  /** Of routes and policies; not started. */
  readonly statuses: StatusWriter;
  stop(): Promise<void>;
}

/** Starts it: nobody writes until the first of these has been told to. */
export async function startCore(options: MeshOptions, credentials: Credentials): Promise<Core> {
  const { client, clusterDomain, families, signal, log } = options;
  const { identities, leads } = credentials;
  const onError = (error: unknown): void => log(`watching: ${(error as Error).message}`);
  const traffic = createTrafficModel({ familyReadiness: "enforce" });
  const model = createMeshModel({
    traffic,
    trustDomain: clusterDomain,
    clusterDomain,
    clusterFamilies: families,
    controllerName: MESH_CONTROLLER,
    now: () => formatTime(new Date()),
    later,
  });
  const clients = new GrpcClients({
    trustDomain: clusterDomain,
    want: (account) => identities.want(account),
  });
  const events = new EventRecorder(client);
  const onPod = (change: ObjectChange<Pod>): void => {
    clients.onPod(change);
    if (leads()) tellOfCapture(events, change);
  };
  const kinds = [...meshSources(model, traffic, onPod), authoritySource({ client, log, ...credentials })];
  const sources = await startSources({ client, kinds, onError }, signal);
  const { statuses, setRefused } = statusesOf(options, sources, model);
  let pump: MeshPump | undefined;
  const ads = await startXds(options, credentials.servers, (peer) =>
    clients.isClient(peer.nodeId)
      ? clients.whenAllowed(peer, () => pump?.serveClients(GRPC_CLIENTS, families))
      : authorizeSidecar(peer, (pod, identity) => pump?.authorize(pod, identity)),
  );
  const output = createMeshOutput({
    identity: ({ identity }) => {
      const account = accountOfIdentity(clusterDomain, identity);
      return account && identities.get(account);
    },
    ...(options.mark !== undefined && { mark: options.mark }),
  });
  const isWithheld = (object: string): boolean => model.isWithheld(object);
  const { refusals, boarded } = refusalsOf(options, { ads, sources, events, setRefused, isWithheld });
  const parts = {
    model,
    traffic,
    output,
    ads,
    identities,
    statuses,
    refusals,
    trustDomain: clusterDomain,
    log,
  };
  pump = new MeshPump({ ...parts, onQuiet: collectGarbage });
  pump.start(signal);
  collectGarbage();
  const stop = async (): Promise<void> => {
    await Promise.all([statuses.stop(), ads.close(), boarded]);
  };
  return { pump, statuses, stop };
}

/** The statuses of routes and policies, and what takes in that a sidecar cannot follow them. */
function statusesOf({ client, log }: MeshOptions, sources: Sources, model: IncrementalMeshModel) {
  const routes = new RouteRefusals(MESH_CONTROLLER, (route) => {
    const { kind, key } = kindAndKey(route) ?? {};
    if (kind !== undefined && key !== undefined) statuses.recheck(kind, "updated", key);
  });
  const statuses = new StatusWriter({
    client,
    controllerName: MESH_CONTROLLER,
    current: sources.get,
    amend: ({ kind }, key, status) => routes.amend(`${kind}/${key}`, status as RouteStatus),
    log,
  });
  sources.onAny((kind, { type, object }) => statuses.recheck(kind, type, objectKey(object)));
  const setRefused: RefusalParts["setRefused"] = (sidecar, messages, sure) => {
    model.setRefused(sidecar, messages, sure);
    routes.setRefused(sidecar, messages);
  };
  return { statuses, setRefused };
}

interface RefusalSources extends Required<Pick<RefusalParts, "ads" | "setRefused" | "isWithheld">> {
  readonly sources: Sources;
  readonly events: EventRecorder;
}

/** What sidecars refuse, those of other replicas included. */
function refusalsOf(
  { client, leaseNamespace = LEASE_NAMESPACE, signal, log }: MeshOptions,
  { ads, sources, events, setRefused, isWithheld }: RefusalSources,
): { readonly refusals: Refusals; readonly boarded: Promise<void> } {
  const refusals = new Refusals({
    ads,
    setRefused,
    isWithheld,
    specOf: (id) => (objectOf(id, sources) as { spec?: unknown } | undefined)?.spec,
    record: (id, reason, message) => {
      const object = objectOf(id, sources);
      if (object !== undefined) events.record(COMPONENT, object, "Warning", reason, message);
    },
    podOf: (node) => podOfNode(node) ?? node,
    onOwn: () => board.poke(),
    log,
  });
  const board = new RefusalBoard({
    client,
    namespace: leaseNamespace,
    component: COMPONENT,
    own: () => refusals.book.own(),
    onPeriod: () => refusals.book.prune(),
    onOthers: () => refusals.book.setOthers(board.others()),
    log,
  });
  return { refusals, boarded: board.run(signal) };
}

function authorizeSidecar<T>(
  { names, nodeId }: Peer,
  authorize: (pod: string, identity: string) => T | undefined,
): T | undefined {
  const pod = podOfNode(nodeId);
  const identity = names.find((name) => name.startsWith("URI:"))?.slice(4);
  return pod === undefined || identity === undefined ? undefined : authorize(pod, identity);
}

/** A pod that does not start, as its traffic cannot be captured, has an event that says why. */
function tellOfCapture(events: EventRecorder, { type, object, previous }: ObjectChange<Pod>): void {
  const failure = captureFailure(object);
  if (failure === undefined || type === "deleted" || (previous && captureFailure(previous) === failure))
    return;
  const message = `the pod does not start, as its traffic cannot be captured: ${failure}`;
  events.record(COMPONENT, object, "Warning", "CaptureFailed", message);
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

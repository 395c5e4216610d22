/** Joins the rooms into what serves Gateways: objects → model → xDS, and statuses and infrastructure back. */
import type { KubeClient } from "../../client/index.ts";
import {
  ClassFinalizers,
  ensureAuthority,
  issueServerCertificate,
  proxyOfIdentity,
  serverIdentity,
  StatusEvents,
  StatusWriter,
  startGatewayInfrastructure,
} from "../../controllers/gateway/index.ts";
import { type AdsServer, startAdsServer } from "../../envoy/ads/index.ts";
import { createEnvoyOutput } from "../../envoy/desired/index.ts";
import { EventRecorder } from "../../controllers/runtime/events.ts";
import type { Family } from "../../ip/family.ts";
import { GATEWAY_KINDS } from "../../objects/gateway/index.ts";
import { objectKey } from "../../objects/kinds.ts";
import { formatTime } from "../../objects/time.ts";
import { createGatewayModel, type GatewayModel } from "../../traffic/gateway/index.ts";
import { createTrafficModel, type FamilyReadiness } from "../../traffic/index.ts";
import type { Lead } from "../election.ts";
import { collectGarbage } from "../memory.ts";
import { proxyContainer, proxyFiles } from "./bootstrap.ts";
import { modelStateOf } from "./infrastructure.ts";
import { sourcesOf } from "./kinds.ts";
import { GatewayMesh } from "./mesh.ts";
import { TANDEM_NAMESPACE, XDS_PORT } from "./places.ts";
import { Pump } from "./pump.ts";
import { RefusalNews } from "./refusal-news.ts";
import { gatewayRefusals } from "./refusals.ts";
import { patiently } from "../xds/patiently.ts";
import { LEASE_NAMESPACE, RefusalBoard } from "../xds/refusal-board.ts";
import type { RefusalBook } from "../xds/refusal-book.ts";
import { type Sources, startSources } from "../xds/sources.ts";

/** The controllerName of GatewayClasses that are ours. */
export const CONTROLLER_NAME = "tandem.dev/gateway-controller";

/** Who writes, as `kubectl describe gateway` shows it. */
const COMPONENT = "tandem-gateway";

/** What Gateways are served with. */
export interface GatewayOptions {
  readonly client: KubeClient;
  /** Addresses that xDS is served on. */
  readonly listen: readonly string[];
  /** Addresses and names by which proxies reach it, of both families. */
  readonly advertise: readonly string[];
  readonly xdsPort?: number;
  /** The families that pods of the cluster have, the primary one first. */
  readonly families: readonly Family[];
  readonly clusterDomain: string;
  readonly familyReadiness?: FamilyReadiness;
  /** Where several replicas run: statuses and infrastructure are the leader's, and configuration comes from each. */
  readonly lead?: Lead;
  /** Where replicas tell each other what their proxies refuse; kube-system unless given. */
  readonly leaseNamespace?: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts to serve Gateways until the signal aborts. Proxies are served once everything in the cluster is known, so that
 * those that have a configuration keep it over a restart.
 */
export async function startGateways(options: GatewayOptions): Promise<{ readonly stopped: Promise<void> }> {
  const { client, families, signal, log, lead, familyReadiness = "report" } = options;
  const now = () => formatTime(new Date());
  const model = createGatewayModel({ controllerName: CONTROLLER_NAME, clusterFamilies: families, now });
  // of the pods that it is told of: all where that is asked for, else those with sidecars, which accept for both families
  const traffic = createTrafficModel({ familyReadiness: "enforce" });
  const onError = (error: unknown): void => log(`watching: ${(error as Error).message}`);
  const classes = new ClassFinalizers({ client, controllerName: CONTROLLER_NAME, log });
  const mesh = new GatewayMesh({
    client,
    trustDomain: options.clusterDomain,
    onPod: (change) => traffic.onPod(change),
    log,
  });
  const kinds = sourcesOf(model, traffic, familyReadiness, (change) => mesh.onGateway(change), classes);
  const [sources, authority] = await Promise.all([
    startSources({ client, kinds, onError }, signal),
    patiently(() => ensureAuthority(client, TANDEM_NAMESPACE), onError, signal),
  ]);
  const xdsPort = options.xdsPort ?? XDS_PORT;
  const xds = {
    advertise: options.advertise,
    port: xdsPort,
    identity: serverIdentity(options.clusterDomain),
  };
  const turn = { leads: false };
  const infrastructure = await startGatewayInfrastructure(
    {
      client,
      authority,
      trustDomain: options.clusterDomain,
      files: proxyFiles(),
      container: (request) => proxyContainer(request, families, xds),
      onState: (key, state) => model.setInfrastructure(key, modelStateOf(key, state)),
      leads: () => turn.leads,
      log,
    },
    signal,
  );
  const { statuses, onRefused, told } = startTelling(options, sources, () => turn.leads);
  const ads = await startXds(options, xdsPort, authority);
  const output = createEnvoyOutput({ families }, mesh);
  await mesh.start(sources, signal);
  const { refusals, boarded } = shareRefusals(options, ads, model, onRefused);
  new Pump({
    model,
    traffic,
    output,
    ads,
    infrastructure,
    statuses,
    sources,
    refusals,
    mesh,
    log,
    ...(lead && { mayBeElsewhere: (key) => (infrastructure.state(key)?.readyProxies ?? 0) > 0 }),
    onQuiet: collectGarbage,
  }).start(signal);
  const work = (term: AbortSignal) => leadFor(term, turn, infrastructure, [statuses, classes]);
  const led = lead === undefined ? work(signal) : lead(work, signal);
  const stopped = Promise.all([infrastructure.stopped, led, boarded]).then(async () => {
    await Promise.all([statuses.stop(), classes.stop(), ads.close()]);
    await told();
  });
  return { stopped };
}

/** What one process of several does until its term ends: it makes infrastructure, and writes. */
async function leadFor(
  term: AbortSignal,
  turn: { leads: boolean },
  infrastructure: { look(): void },
  writers: readonly { start(): void; pause(): Promise<void> }[],
): Promise<void> {
  turn.leads = true;
  infrastructure.look();
  for (const writer of writers) writer.start();
  await aborted(term);
  turn.leads = false;
  await Promise.all(writers.map((writer) => writer.pause()));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

type OnRefused = NonNullable<Parameters<typeof gatewayRefusals>[3]>;

/** What tells objects what became of them, in statuses and Events; `told` resolves when all Events are written. */
function startTelling({ client, log }: GatewayOptions, sources: Sources, leads: () => boolean) {
  const recorder = new EventRecorder(client);
  const events = new StatusEvents(recorder, COMPONENT);
  const statuses = new StatusWriter({
    client,
    controllerName: CONTROLLER_NAME,
    current: sources.get,
    tell: (object, news) => events.tell(object, news),
    log,
  });
  sources.onAny((kind, { type, object }) => statuses.recheck(kind, type, objectKey(object)));
  const refused = new RefusalNews();
  const onRefused: OnRefused = (key, refusals) => {
    const news = refused.set(key, refusals);
    const gateway = sources.get(GATEWAY_KINDS.Gateway, key);
    if (leads() && gateway !== undefined) events.tell(gateway, news);
  };
  return { statuses, onRefused, told: () => recorder.flush() };
}

/** The book of what proxies refuse, here and at other replicas; `boarded` resolves when its Lease is gone. */
function shareRefusals(
  { client, leaseNamespace = LEASE_NAMESPACE, log, signal }: GatewayOptions,
  ads: AdsServer,
  model: GatewayModel,
  onRefused: OnRefused,
): { readonly refusals: RefusalBook; readonly boarded: Promise<void> } {
  const refusals = gatewayRefusals(ads, model, () => board.poke(), onRefused);
  const board = new RefusalBoard({
    client,
    namespace: leaseNamespace,
    component: COMPONENT,
    own: () => refusals.own(),
    onPeriod: () => refusals.prune(),
    onOthers: () => refusals.setOthers(board.others()),
    log,
  });
  return { refusals, boarded: board.run(signal) };
}

/** Over mutual TLS: what a proxy gets is told by its certificate alone. */
async function startXds(
  { listen, advertise, clusterDomain }: GatewayOptions,
  port: number,
  authority: Awaited<ReturnType<typeof ensureAuthority>>,
): Promise<AdsServer> {
  const { certificate, key } = await issueServerCertificate(authority, clusterDomain, advertise);
  return startAdsServer({
    listen: listen.map((host) => ({ host, port })),
    tls: { certificate, key, clientCa: authority.certificate },
    authorize: ({ names }) => {
      const identities = names.flatMap((name) => (name.startsWith("URI:") ? [name.slice(4)] : []));
      return identities
        .map((identity) => proxyOfIdentity(clusterDomain, identity))
        .find((proxy) => proxy !== undefined);
    },
  });
}

import { REPLACED_ANNOTATION } from "../../balancer/aws/migration.ts";
import { REGISTERED_ANNOTATION } from "../../balancer/aws/registered.ts";
import { KubeClient, loadKubeconfig, type ManifestObject, readManifests } from "../../client/index.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import { ANNOTATIONS } from "../../traffic/balancer/index.ts";
import type { BalancerModel } from "../../traffic/balancer/model.ts";
import type { BalancerContext, BalancerProvider } from "../../traffic/balancer/provider.ts";
import { SERVICE_NAME_LABEL } from "../../traffic/index.ts";
import { type Output, render } from "../output.ts";
import type { BalancerSettings } from "./flags.ts";
import { hasBalancer, leavingOf } from "./leaving.ts";
import { askProvider, openProvider, translateWith } from "./provider.ts";
import { printPlans, type ServicePlan } from "./report.ts";

/** The objects that plans are made from. */
interface Objects {
  readonly services: readonly Service[];
  /** All Services, of whatever type: forward actions name them. */
  readonly neighbours: readonly Service[];
  readonly nodes: readonly Node[];
  readonly endpointSlices: readonly EndpointSlice[];
}

/**
 * Prints what would be done for the Services of manifests; nothing is changed. Nodes and EndpointSlices come from the
 * manifests too, or from the cluster where a kubeconfig is named (by its flag or $KUBECONFIG). Where what exists cannot
 * be looked at (no VPC, or for the local provider no cluster), what is wrong with the Services is all there is to say.
 */
export async function printPlan(
  settings: BalancerSettings,
  files: readonly string[],
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  if (files.length === 0) throw noFile();
  const manifests = objectsOf(await readManifests(files));
  const ended = new AbortController();
  const named = settings.kubeconfig !== undefined || (process.env["KUBECONFIG"] ?? "") !== "";
  const client = named ? new KubeClient(await loadKubeconfig(settings.kubeconfig)) : undefined;
  try {
    const objects = client === undefined ? manifests : await joined(client, manifests);
    if (objects.services.length === 0) throw noServices(files);
    const over = AbortSignal.any([signal, ended.signal]);
    const provider = await providerFor(settings, client, over);
    const ask = () => planAll(settings, provider, objects, signal);
    const plans = await (provider === undefined ? ask() : askProvider(settings, over, ask));
    console.log(render(plans, output, printPlans));
    if (provider === undefined) console.error(ONLY_FINDINGS[settings.provider]);
    else if (client === undefined) console.error(NO_CLUSTER);
    if (provider !== undefined) tellOfNodePorts(settings, objects.services);
    if (provider !== undefined && settings.provider === "aws") tellOfNames(objects.services);
    const failed = plans.some(({ findings }) => findings.some(({ level }) => level === "error"));
    return failed ? EXIT.badInput : EXIT.ok;
  } finally {
    ended.abort();
    client?.close();
  }
}

/** Node ports come with the application of a manifest; until then a plan has the Service's own in their place. */
function tellOfNodePorts({ defaultTargetType }: BalancerSettings, services: readonly Service[]): void {
  const without = services.filter(isBalancer).filter(({ spec, metadata }) => {
    const target = metadata.annotations?.[ANNOTATIONS.targetType.key] ?? defaultTargetType;
    return target === "instance" && spec.ports?.some(({ nodePort }) => (nodePort ?? 0) === 0);
  });
  const names = without.map(objectKey).join(", ");
  if (names !== "") console.error(`No node ports yet, in whose place the ports stand: Service ${names}`);
  const unasked = without.filter(
    ({ spec }) => spec.externalTrafficPolicy === "Local" && (spec.healthCheckNodePort ?? 0) === 0,
  );
  if (unasked.length > 0)
    console.error(
      `No healthCheckNodePort yet, in whose place traffic-port stands: Service ${unasked.map(objectKey).join(", ")}`,
    );
}

/** Names of AWS end with a hash over the Service's uid, which a new Service has not. */
function tellOfNames(services: readonly Service[]): void {
  const names = services
    .filter(({ metadata }) => metadata.uid === undefined)
    .map(objectKey)
    .join(", ");
  if (names !== "") console.error(`No uid yet, so that names will end differently in AWS: Service ${names}`);
}

const NO_CLUSTER =
  "No cluster was asked: Services count as new, and nodes are those of the manifests. Name it with --kubeconfig.";

const ONLY_FINDINGS = {
  aws: "Nothing was compared: name the VPC (--vpc-id) and the region to see what would be made.",
  local: "Nothing was compared: name a cluster (--kubeconfig) to see what would be made.",
};

async function providerFor(
  settings: BalancerSettings,
  client: KubeClient | undefined,
  signal: AbortSignal,
): Promise<BalancerProvider | undefined> {
  if (settings.provider === "aws" ? settings.vpcId === undefined : client === undefined) return undefined;
  const options = { client, readOnly: true, log: (line: string) => console.error(line) };
  return (await openProvider(settings, options, signal)).provider;
}

async function planAll(
  settings: BalancerSettings,
  provider: BalancerProvider | undefined,
  { services, neighbours, nodes, endpointSlices }: Objects,
  signal: AbortSignal,
): Promise<ServicePlan[]> {
  const plans: ServicePlan[] = [];
  for (const service of services) {
    const slices = endpointSlices.filter(
      ({ metadata }) =>
        metadata.namespace === service.metadata.namespace &&
        metadata.labels?.[SERVICE_NAME_LABEL] === service.metadata.name,
    );
    const { ownership, findings, model } = translateWith(settings, service, {
      nodes,
      endpointSlices: slices,
      services: neighbours.filter(({ metadata }) => metadata.namespace === service.metadata.namespace),
    });
    const context = {
      annotations: service.metadata.annotations ?? {},
      ingress: service.status?.loadBalancer?.ingress ?? [],
      signal,
    };
    const planned = model === undefined ? undefined : await stepsOf(provider, model, context);
    const leaving = leavingOf(service, ownership);
    const all = [...findings, ...(planned?.findings ?? []), ...(leaving === undefined ? [] : [leaving])];
    plans.push({ service: objectKey(service), ownership, findings: all, steps: planned?.steps });
  }
  return plans;
}

/** The steps; what keeps one Service from being planned keeps no other. */
async function stepsOf(
  provider: BalancerProvider | undefined,
  model: BalancerModel,
  context: BalancerContext,
): Promise<Pick<ServicePlan, "findings" | "steps">> {
  try {
    return { findings: [], steps: await provider?.plan(model, context) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { why, next } = error.parts;
    return { findings: [{ level: "error", field: "load balancer", message: why, next }], steps: undefined };
  }
}

function isBalancer({ spec }: Service): boolean {
  return spec?.type === "LoadBalancer";
}

type Loose = { kind: string; metadata: { name: string; namespace?: string } };

function objectsOf(manifests: readonly ManifestObject[]): Objects {
  const objects = manifests.map(({ object }) => object) as unknown as readonly Loose[];
  const ofKind = <T>(kind: string): T[] => objects.filter((object) => object.kind === kind) as T[];
  const inNamespace = <T extends Loose>(object: T): T => ({
    ...object,
    metadata: { ...object.metadata, namespace: object.metadata.namespace ?? "default" },
  });
  const neighbours = ofKind<Service>("Service").map(inNamespace);
  return {
    services: neighbours.filter(isBalancer),
    neighbours,
    nodes: ofKind<Node>("Node"),
    endpointSlices: ofKind<EndpointSlice>("EndpointSlice").map(inNamespace),
  };
}

/** The manifests' Services with the cluster's nodes and slices, and what the cluster knows of the same Services. */
async function joined(client: KubeClient, { neighbours, nodes, endpointSlices }: Objects): Promise<Objects> {
  const [liveServices, liveNodes, liveSlices] = await Promise.all([
    client.list<Service>(KINDS.Service),
    client.list<Node>(KINDS.Node),
    client.list<EndpointSlice>(KINDS.EndpointSlice),
  ]);
  const live = new Map(liveServices.items.map((service) => [objectKey(service), service]));
  const concerned = neighbours.filter(
    (service) => isBalancer(service) || hasBalancer(live.get(objectKey(service))),
  );
  return {
    services: concerned.map((service) => withLive(service, live.get(objectKey(service)))),
    neighbours: [...neighbours, ...liveServices.items],
    nodes: nodes.length > 0 ? nodes : liveNodes.items,
    endpointSlices: endpointSlices.length > 0 ? endpointSlices : liveSlices.items,
  };
}

/**
 * The wishes of a manifest, with the identity, node ports, status and the running balancer's memory of the Service that
 * is there.
 */
export function withLive(service: Service, live: Service | undefined): Service {
  if (live === undefined) return service;
  const ports = service.spec?.ports?.map((port) => ({
    ...live.spec.ports?.find(
      (known) => known.port === port.port && known.protocol === (port.protocol ?? "TCP"),
    ),
    ...port,
  }));
  const annotations = { ...writtenByUs(live), ...service.metadata.annotations };
  return {
    ...service,
    metadata: { ...live.metadata, ...service.metadata, annotations },
    // a manifest without a type means the default, whatever type the Service has now
    spec: { ...live.spec, ...service.spec, ...(ports && { ports }), type: service.spec?.type ?? "ClusterIP" },
    ...(live.status && { status: live.status }),
  };
}

const OURS = new Set([REPLACED_ANNOTATION, REGISTERED_ANNOTATION]);

/** What the running balancer remembers on a Service is in no manifest, and outlives its application. */
function writtenByUs({ metadata }: Service): Record<string, string> {
  const written = Object.entries(metadata.annotations ?? {});
  return Object.fromEntries(written.filter(([key]) => OURS.has(key)));
}

function noFile(): UserError {
  return new UserError({
    what: "cannot plan load balancers",
    where: "flag -f",
    why: "it is missing: there is no Service to plan for",
    next: "give a file, a directory, or - for what comes on the standard input",
    exitCode: EXIT.usage,
  });
}

function noServices(files: readonly string[]): UserError {
  return new UserError({
    what: "cannot plan load balancers",
    where: files.join(", "),
    why: "there is no Service of type LoadBalancer in it",
    next: "set spec.type: LoadBalancer, or name other files with -f",
    exitCode: EXIT.badInput,
  });
}

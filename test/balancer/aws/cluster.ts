/**
 * A Service and its controller in miniature, for tests of the AWS provider: what the real controller keeps in the
 * cluster (annotations, status) is kept here, what it does at each outcome is done here, and time is a fake clock.
 */
import { type AwsProviderOptions, createAwsProvider } from "../../../src/balancer/aws/provider.ts";
import type { EndpointSlice, Node, Service } from "../../../src/objects/types.ts";
import { translateBalancer } from "../../../src/traffic/balancer/index.ts";
import type { BalancerModel } from "../../../src/traffic/balancer/model.ts";
import type {
  BalancerContext,
  BalancerEvent,
  BalancerIngress,
  BalancerOutcome,
  BalancerProvider,
} from "../../../src/traffic/balancer/provider.ts";
import type { AwsApi } from "../../../src/balancer/aws/api.ts";
import { type FakeAws, type FakeClock, usualAws } from "../fake-aws/fake.ts";

/** The name of the cluster in tags. */
export const CLUSTER = "shoot--dev--one";
const PREFIX = "service.beta.kubernetes.io/aws-load-balancer-";
const NO_RATE = { perSecond: 1e9, burst: 1e9 };

/** A port of a test's Service. */
export interface TestPort {
  readonly name: string;
  readonly port: number;
  readonly nodePort: number;
  readonly protocol?: "TCP" | "UDP";
}

/** A port of a Service. */
export const HTTP: TestPort = { name: "http", port: 80, nodePort: 30_080 };
/** Another port of it. */
export const HTTPS: TestPort = { name: "https", port: 443, nodePort: 30_443 };

/** A Service as a test wants it. */
export interface TestService {
  readonly name?: string;
  readonly uid?: string;
  readonly ports?: readonly TestPort[];
  /** Annotations by what follows `aws-load-balancer-`, or whole keys. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Slices of two pods with an address of each family, for `ip` targets: `http` is port 8080 of them, `dns` 53. */
const PODS: readonly EndpointSlice[] = (["IPv4", "IPv6"] as const).map((addressType) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `web-${addressType}`,
    namespace: "default",
    labels: { "kubernetes.io/service-name": "web" },
  },
  addressType,
  ports: [
    { name: "http", port: 8080, protocol: "TCP" },
    { name: "dns", port: 53, protocol: "UDP" },
  ],
  endpoints: [20, 21].map((number) => ({
    addresses: [addressType === "IPv4" ? `10.0.0.${number}` : `2a05:d018:1234:5600::${number}`],
    conditions: { ready: true },
    targetRef: { kind: "Pod", name: `pod-${number}` },
    nodeName: "node",
  })),
})) as unknown as readonly EndpointSlice[];

/** Annotations with whole keys. */
function annotationsOf(short: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(short);
  return Object.fromEntries(entries.map(([key, value]) => [key.includes("/") ? key : PREFIX + key, value]));
}

function serviceOf(test: TestService): Service {
  const { name = "web", uid = `uid-of-${name}`, ports = [HTTP], annotations = {}, spec = {} } = test;
  const usual = { type: "external", "nlb-target-type": "instance", scheme: "internet-facing" };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: "default",
      uid,
      annotations: annotationsOf({ ...usual, ...annotations }),
    },
    spec: {
      type: "LoadBalancer",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      externalTrafficPolicy: "Cluster",
      ports: ports.map(({ protocol = "TCP", ...port }) => ({ ...port, protocol, targetPort: port.port })),
      ...spec,
    },
  } as unknown as Service;
}

/** The nodes of `usualAws`. */
export const NODES: readonly Node[] = ["1", "2"].map((number) => nodeOf(`i-0aaaaaaaaaaaaaaa${number}`));

/** A node on an instance. */
export function nodeOf(instance: string): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `node-${instance}`, labels: {} },
    spec: { providerID: `aws:///eu-west-1a/${instance}` },
    status: { conditions: [{ type: "Ready", status: "True" }], addresses: [] },
  } as unknown as Node;
}

/** What the Service asks for; throws where it cannot be served. */
export function modelOf(service: Service, nodes: readonly Node[] = NODES): BalancerModel {
  const { model, findings, ownership } = translateBalancer(service, {
    provider: "aws",
    nodes,
    endpointSlices: PODS,
  });
  if (model === undefined) throw new Error(JSON.stringify({ findings, ownership }));
  return model;
}

/** A provider as a process has it: started anew, it knows nothing but AWS. */
export function providerOf(
  aws: FakeAws,
  api: AwsApi,
  cluster: Pick<AwsProviderOptions, "clusterUid" | "formerUids"> = {},
): BalancerProvider {
  const clock = { now: aws.clock.now, pause: aws.clock.sleep };
  return createAwsProvider({
    api,
    clusterName: CLUSTER,
    ...cluster,
    vpcId: "vpc-1",
    clock,
    random: () => 0.5,
    rates: { describe: NO_RATE, modify: NO_RATE, register: NO_RATE },
  });
}

/** The Service as it is in the cluster. */
export class LiveService {
  service: Service;
  nodes: readonly Node[] = NODES;
  ingress: readonly BalancerIngress[] = [];
  readonly events: BalancerEvent[] = [];
  readonly signal = new AbortController().signal;

  constructor(test: TestService = {}) {
    this.service = serviceOf(test);
  }

  get key(): string {
    return `default/${this.service.metadata.name}`;
  }

  get uid(): string {
    return this.service.metadata.uid ?? "";
  }

  get hostname(): string | undefined {
    return this.ingress[0]?.hostname;
  }

  get annotations(): Record<string, string> {
    return this.service.metadata.annotations ?? {};
  }

  get context(): BalancerContext {
    return { annotations: this.annotations, ingress: this.ingress, signal: this.signal };
  }

  /** The user applies another version; what the controller wrote stays. */
  apply(test: TestService): void {
    const kept = Object.entries(this.annotations).filter(
      ([key]) => key === "tandem.dev/replaced-load-balancers" || key === "tandem.dev/registered-targets",
    );
    this.service = serviceOf({ uid: this.uid, name: this.service.metadata.name, ...test });
    Object.assign(this.annotations, Object.fromEntries(kept));
  }

  /** Writes what an outcome says, in the order of the controller. */
  write(outcome: BalancerOutcome): void {
    for (const [key, value] of Object.entries(outcome.annotations ?? {}))
      if (value === null) delete this.annotations[key];
      else this.annotations[key] = value;
    if (outcome.ingress !== undefined) this.ingress = outcome.ingress;
    this.events.push(...outcome.events);
  }

  reasons(): string[] {
    return this.events.map(({ reason }) => reason);
  }
}

/** How a Service came to rest. */
export interface Rest {
  readonly rounds: number;
  /** Outcomes and errors in order, for a failed test's reader. */
  readonly story: readonly string[];
}

/** Most tries of a test: a Service that has not come to rest by then never will. */
const MOST_ROUNDS = 100;

/** Serves until nothing is left to do, moving time on as asked; errors are tried again after a while. */
export async function settle(
  provider: BalancerProvider,
  live: LiveService,
  clock: FakeClock,
  until: (outcome: BalancerOutcome) => boolean = ({ done }) => done,
): Promise<Rest> {
  return repeat(live, clock, until, () => provider.serve(modelOf(live.service, live.nodes), live.context));
}

/** Releases until the finalizer may go. */
export async function settleRelease(
  provider: BalancerProvider,
  live: LiveService,
  clock: FakeClock,
): Promise<Rest> {
  const { key, uid } = live;
  return repeat(
    live,
    clock,
    ({ done }) => done,
    () => provider.release({ key, uid }, live.context),
  );
}

async function repeat(
  live: LiveService,
  clock: FakeClock,
  until: (outcome: BalancerOutcome) => boolean,
  ask: () => Promise<BalancerOutcome>,
): Promise<Rest> {
  const story: string[] = [];
  for (let rounds = 1; rounds <= MOST_ROUNDS; rounds++) {
    try {
      const outcome = await ask();
      live.write(outcome);
      story.push(
        `${outcome.done} again ${outcome.againAfterMs} ${outcome.events.map((it) => it.message).join("; ")}`,
      );
      if (until(outcome)) return { rounds, story };
      clock.advance(outcome.againAfterMs ?? 60_000);
    } catch (error) {
      story.push((error as Error).message);
      clock.advance(1000);
    }
  }
  throw new Error(`no rest after ${MOST_ROUNDS} rounds:\n${story.slice(-8).join("\n")}`);
}

/** A world and a provider in it. */
export function world(test: TestService = {}) {
  const aws = usualAws();
  const connection = aws.connect();
  const provider = providerOf(aws, connection);
  return { aws, connection, provider, clock: aws.clock, live: new LiveService(test) };
}

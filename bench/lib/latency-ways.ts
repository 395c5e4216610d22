/** The ways from pod `a` to pod `b` that bench/mesh-latency.ts compares: without sidecars, by hand twice, and Tandem's. */
import { pod, policy, service } from "../../test/envoy/mesh-texts.ts";
import { type MeshWorld, startWorld } from "../../test/envoy/mesh-world.ts";
import { ADDRESSES, createNetwork, type TestNetwork } from "../../test/kernel/network.ts";
import { startByHand } from "./hand-envoys.ts";
import type { LoadResult, LoadSlice } from "./latency-agent.ts";
import { Load } from "./latency-load.ts";
import { descendants, isEnvoy } from "./machine.ts";

const PORT = 8_090;
/** The last parts of the Services' addresses. */
const NUMBERS = { IPv4: 4, IPv6: 6 } as const;
const VIPS = { IPv4: "10.96.0.4", IPv6: "fd00:10:96::6" } as const;
const HOSTS = { IPv4: "web4", IPv6: "web6" } as const;
/** The families that ways are measured over. */
export type Family = keyof typeof VIPS;
/** All of them, in the order of the table. */
export const FAMILIES: readonly Family[] = ["IPv4", "IPv6"];
/** How the sidecars speak with each other. */
export const SECURITIES = ["mutual TLS", "plain"] as const;
/** One of these. */
export type Security = (typeof SECURITIES)[number];
/** Who carries the requests: nobody, Envoys configured by hand (twice, for the noise), and the mesh. */
export const CONTENDERS = ["none", "hand", "hand again", "tandem"] as const;
/** One of these. */
export type Contender = (typeof CONTENDERS)[number];

/** A way's load generator and Envoys. */
interface Pair {
  readonly contender: Contender;
  readonly load: Load;
  /** Its Envoys, by process. */
  readonly envoys: readonly number[];
}

/** One way from `a` to `b`, over one family. */
export interface Way extends Pair {
  readonly family: Family;
}

/** Runs a slice of load over a way; on new connections where it says so. */
export async function runSlice(
  { contender, family, load }: Way,
  slice: Pick<LoadSlice, "rate" | "warm" | "count">,
  anew: boolean,
): Promise<LoadResult> {
  const direct = { address: ADDRESSES.b[family], port: PORT };
  const to = contender === "none" ? direct : { address: VIPS[family], port: 80 };
  return load.run({ ...slice, ...to, host: HOSTS[family], anew });
}

/** Everything that was started, to be closed in the end. */
export interface Started {
  /** All of them over each family. */
  readonly ways: readonly Way[];
  /** What Tandem's sidecars have refused. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

type Closers = (() => unknown)[];

/** Starts all of them anew, each in namespaces of its own. */
export async function startWays(security: Security): Promise<Started> {
  const closers: Closers = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { world, pair } = await startTandem(closers);
    if (security === "plain") await world.apply(policy("MeshPolicy", "plain", "mutualTls: Disabled"));
    const none: Pair = {
      contender: "none",
      load: await startLoad(await startNetwork(closers), closers),
      envoys: [],
    };
    const hands = [
      await startHand("hand", security, closers),
      await startHand("hand again", security, closers),
    ];
    const ways = FAMILIES.flatMap((family) => [none, ...hands, pair].map((one): Way => ({ ...one, family })));
    return { ways, refused: world.refused, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startLoad(network: TestNetwork, closers: Closers): Promise<Load> {
  const load = await Load.start(network, PORT);
  closers.push(() => load.close());
  return load;
}

async function startNetwork(closers: Closers): Promise<TestNetwork> {
  const network = await createNetwork();
  closers.push(() => network.close());
  return network;
}

async function startHand(contender: Contender, security: Security, closers: Closers): Promise<Pair> {
  const network = await startNetwork(closers);
  const envoys = await startByHand(network, PORT, security === "mutual TLS");
  closers.push(() => envoys.map((envoy) => envoy.kill("SIGKILL")));
  const load = await startLoad(network, closers);
  return { contender, load, envoys: envoys.map(({ pid }) => pid as number) };
}

/** A Service whose first family is the one given, so that its backend is reached over that. */
function serviceOf(family: Family): string {
  const families = family === "IPv4" ? (["IPv4", "IPv6"] as const) : (["IPv6", "IPv4"] as const);
  return service(HOSTS[family], NUMBERS[family], families, "http", "b", PORT);
}

/** Before the others, so that all Envoys that run are its own. */
async function startTandem(closers: Closers): Promise<{ world: MeshWorld; pair: Pair }> {
  const objects = [pod("a"), pod("b"), ...FAMILIES.map(serviceOf)].join("\n");
  const world = await startWorld(objects, ["a", "b"], []);
  closers.push(() => world.close());
  const envoys = descendants().filter(isEnvoy);
  return { world, pair: { contender: "tandem", load: await startLoad(world.network, closers), envoys } };
}

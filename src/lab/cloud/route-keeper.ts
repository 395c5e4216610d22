import { Informer } from "../../client/index.ts";
import { parseAddress } from "../../ip/address.ts";
import { cidrContains, parseCidr } from "../../ip/cidr.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { EndpointSlice, Service } from "../../objects/types.ts";
import { run } from "../run.ts";
import { isOurs } from "./addresses.ts";
import type { CloudContext } from "./context.ts";
import { balancerNodes, type BalancerRoutes, routeCommands, routesInto, shownRoutes } from "./routes.ts";

/** Keeps the ways from outside to the addresses, through the nodes that are ready. */
export class RouteKeeper {
  readonly #context: CloudContext;
  #slices: Informer<EndpointSlice> | undefined;
  #known: BalancerRoutes = new Map();
  #dirty = false;
  #working: Promise<void> | undefined;

  constructor(context: CloudContext) {
    this.#context = context;
  }

  /**
   * Routes of an earlier process stay where they are right: the kernel replaces an IPv6 route hop by hop, which leads
   * connections to another node in the middle.
   */
  async start(): Promise<void> {
    this.#known = await existingRoutes(this.#context.plan.balancerRanges).catch(() => new Map());
    this.#context.nodes.onChange(() => void this.#update());
    this.#context.services.onChange(({ object, previous }) => {
      if (object.spec.type === "LoadBalancer" || previous?.spec.type === "LoadBalancer") void this.#update();
    });
    return this.#update();
  }

  /** One update at a time; what changes meanwhile is in the next. */
  #update(): Promise<void> {
    this.#dirty = true;
    this.#working ??= this.#applyAll().finally(() => {
      this.#working = undefined;
      if (this.#dirty && !this.#context.signal.aborted) void this.#update();
    });
    return this.#working;
  }

  async #applyAll(): Promise<void> {
    while (this.#dirty && !this.#context.signal.aborted) {
      this.#dirty = false;
      try {
        await this.#apply();
      } catch (error) {
        this.#context.log(`routes to balancer addresses: ${(error as Error).message}`);
      }
    }
  }

  async #apply(): Promise<void> {
    const services = this.#context.services.list();
    if (services.some(isLocal)) await this.#followSlices();
    const nodes = balancerNodes(this.#context.nodes.list());
    const wanted = routesInto(this.#context.plan.balancerRanges, nodes, services, (service) =>
      this.#slicesOf(service),
    );
    const commands = routeCommands(this.#known, wanted);
    this.#known = wanted;
    // -force: a route that is gone already hurts nobody
    if (commands.length > 0) await run(["ip", "-force", "-batch", "-"], `${commands.join("\n")}\n`);
  }

  /** Only clusters with a Service of policy Local pay for a watch of endpoints. */
  async #followSlices(): Promise<void> {
    if (this.#slices !== undefined) return;
    const slices = new Informer<EndpointSlice>(this.#context.client, KINDS.EndpointSlice);
    await slices.start(this.#context.signal);
    this.#slices = slices;
    slices.onChange(({ object }) => {
      const service = this.#context.services.get(`${object.metadata.namespace}/${serviceNameOf(object)}`);
      if (service !== undefined && isLocal(service)) void this.#update();
    });
  }

  #slicesOf({ metadata }: Service): EndpointSlice[] {
    const all = this.#slices?.list(metadata.namespace ?? "") ?? [];
    return all.filter((slice) => serviceNameOf(slice) === metadata.name);
  }
}

async function existingRoutes(ranges: readonly string[]): Promise<BalancerRoutes> {
  const cidrs = ranges.map(parseCidr).filter((range) => range !== undefined);
  const isBalancer = (destination: string): boolean => {
    const address = parseAddress(destination.split("/")[0] ?? "");
    return address !== undefined && cidrs.some((range) => cidrContains(range, address));
  };
  const shown = await Promise.all(["-4", "-6"].map((family) => run(["ip", "-json", family, "route"])));
  return shownRoutes(
    shown.flatMap((text) => JSON.parse(text || "[]")),
    isBalancer,
  );
}

function isLocal(service: Service): boolean {
  return isOurs(service) && service.spec.externalTrafficPolicy === "Local";
}

function serviceNameOf({ metadata }: EndpointSlice): string | undefined {
  return metadata.labels?.["kubernetes.io/service-name"];
}

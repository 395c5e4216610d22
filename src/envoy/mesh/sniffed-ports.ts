/**
 * Services' ports of one number whose protocol nobody has said: of each what the listener of that number has of it, kept
 * encoded. One more costs its own encoding; the rest is copied as bytes.
 */
import { canonicalAddress } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { cidrRange } from "../desired/names.ts";
import { encodeField, type JsonObject } from "../proto/index.ts";
import { TYPE_URLS } from "../resources.ts";
import { IP_MATCHER, toChain } from "./destination-matcher.ts";
import { type OutboundStyle, streamTo } from "./outbound-listener.ts";
import { withoutRivals } from "./routes.ts";
import type { SniffedPlan } from "./services.ts";
import { streamToSubset } from "./subsets.ts";

/** What a listener with such ports depends on. */
export interface SniffedStyle extends OutboundStyle {
  /** Of the sidecar's host. */
  readonly families: readonly Family[];
}

/** The filter chains for what is not HTTP, as fields of a Listener, and how they are found, as those of an IPMatcher. */
export interface SniffedPart {
  readonly service: string;
  readonly cluster: string;
  readonly chains: Uint8Array;
  readonly ranges: Uint8Array;
}

/** The ports of one number. */
export class SniffedPorts {
  readonly #plans = new Map<string, SniffedPlan>();
  /** By what they depend on, which lives as long as a layer, and by plan. */
  readonly #parts = new WeakMap<SniffedStyle, WeakMap<SniffedPlan, SniffedPart>>();
  /** How often it was changed. */
  revision = 0;

  get isEmpty(): boolean {
    return this.#plans.size === 0;
  }

  /** Takes in a Service's port. */
  put(plan: SniffedPlan): void {
    this.#plans.set(plan.service, plan);
    this.revision++;
  }

  /** Takes out a Service. */
  delete(service: string): void {
    if (this.#plans.delete(service)) this.revision++;
  }

  /** All of them, for sidecars of a style. */
  parts(style: SniffedStyle): SniffedPart[] {
    let known = this.#parts.get(style);
    if (known === undefined) {
      known = new WeakMap();
      this.#parts.set(style, known);
    }
    const plans = withoutRivals(this.#plans.values(), (plan) => Object.values(plan.addresses));
    return plans.flatMap((plan) => {
      const part = known.get(plan) ?? sniffedPart(plan, style);
      if (part !== undefined) known.set(plan, part);
      return part ?? [];
    });
  }
}

/** Where clients' families count there is a chain for each; else one is found by all addresses. */
function sniffedPart(plan: SniffedPlan, style: SniffedStyle): SniffedPart | undefined {
  const addresses = plan.families.flatMap((family) => {
    const address = style.families.includes(family) ? plan.addresses[family] : undefined;
    return address === undefined ? [] : [{ family, address: canonicalAddress(address) ?? address }];
  });
  const [first] = addresses;
  if (first === undefined) return undefined;
  const chains: JsonObject[] = [];
  const ranges: JsonObject[] = [];
  const add = (name: string, those: readonly string[], client: Family | undefined) => {
    chains.push({ name, filters: [streamToSubset(streamTo(plan.cluster, style), { family: client })] });
    ranges.push({ ranges: those.map(cidrRange), on_match: toChain(name) });
  };
  if (style.preferClient === true && addresses.length > 1)
    for (const { family, address } of addresses) add(address, [address], family);
  else {
    const all = addresses.map(({ address }) => address);
    add(first.address, all, undefined);
  }
  return {
    service: plan.service,
    cluster: plan.cluster,
    chains: encodeField(TYPE_URLS.listener, "filter_chains", chains),
    ranges: encodeField(IP_MATCHER, "range_matchers", ranges),
  };
}

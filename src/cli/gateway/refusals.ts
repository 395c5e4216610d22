/** What proxies of Gateways refuse, told to the model, whose statuses say it. */
import type { AdsServer } from "../../envoy/ads/index.ts";
import type { GatewayModel, Rejection } from "../../traffic/gateway/index.ts";
import { RefusalBook, type Told } from "../xds/refusal-book.ts";

/**
 * The book of what is refused here and at other replicas; `onOwn` is called when something refused here came or went,
 * and `onTold` with all that the proxies of a Gateway refuse when that has changed.
 */
export function gatewayRefusals(
  ads: AdsServer,
  model: GatewayModel,
  onOwn: () => void,
  onTold: (gateway: string, refusals: readonly Told[]) => void = () => {},
): RefusalBook {
  return new RefusalBook({
    ads,
    podOf,
    onOwn,
    tell: (gateway, refusals) => {
      onTold(gateway, refusals);
      if (model.proxy(gateway) === undefined) return;
      model.setRejected(
        gateway,
        refusals.flatMap(({ origins, message }) => origins.map((origin) => rejectionOf(origin, message))),
      );
    },
  });
}

/** A node calls itself `POD.NAMESPACE`; names of namespaces have no dots. */
function podOf(node: string): string {
  const dot = node.lastIndexOf(".");
  return `${node.slice(dot + 1)}/${node.slice(0, dot)}`;
}

/** `Kind/namespace/name#part` is where it came from. */
function rejectionOf(text: string, message: string): Rejection {
  const [object = "", part] = text.split("#");
  const [kind = "", ...key] = object.split("/");
  return { origin: { kind, key: key.join("/"), ...(part ? { part } : {}) }, message };
}

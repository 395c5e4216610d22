import { formatAddress, parseAddress } from "../../ip/address.ts";
import type { Family, PerFamily } from "../../ip/family.ts";
import type { Translation } from "./context.ts";
import type { LocalSettings } from "./model.ts";
import { parseProxyFields } from "./proxy-fields.ts";

/** What annotations (and the older spec.loadBalancerIP) ask of the local provider: a pool, and addresses. */
export function localSettings(translation: Translation, clients: readonly Family[]): LocalSettings {
  const { annotations, service } = translation;
  const pool = annotations.get("addressPool")?.trim();
  const sharing = annotations.get("sharing")?.trim();
  const fields = annotations.get("proxyFields");
  return {
    pool: pool === "" ? undefined : pool,
    addresses: addressesOf(translation, clients),
    ...(service.spec.ipFamilyPolicy === "RequireDualStack" && { all: true }),
    ...(sharing && { sharing }),
    ...(fields !== undefined && { proxyFields: parseProxyFields(fields).fields }),
  };
}

function addressesOf({ annotations, service }: Translation, clients: readonly Family[]): PerFamily<string> {
  const asked: { IPv4?: string; IPv6?: string } = {};
  const refuse = (message: string, next: string) => annotations.refuse("addresses", message, next);
  for (const text of annotations.get("addresses") ?? []) {
    const address = parseAddress(text);
    if (address === undefined) refuse(`${text} is no IP address`, "write addresses divided by a comma");
    else if (asked[address.family] !== undefined)
      refuse(
        `${asked[address.family]} and ${text} are both ${address.family}`,
        "ask for at most one a family",
      );
    else {
      asked[address.family] = formatAddress(address);
      if (!clients.includes(address.family))
        refuse(
          `${text} is ${address.family}, which this load balancer's clients do not use`,
          "set service.beta.kubernetes.io/aws-load-balancer-ip-address-type to dualstack",
        );
    }
  }
  const older = parseAddress(service.spec.loadBalancerIP ?? "");
  if (older !== undefined) asked[older.family] ??= formatAddress(older);
  return asked;
}

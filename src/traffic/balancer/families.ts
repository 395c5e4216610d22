/** Which families clients may use and which ones targets are spoken to over: two questions, never one. */
import { FAMILIES, type Family, otherFamily } from "../../ip/family.ts";
import { note, type Translation } from "./context.ts";

/** The families of a Service's clients and targets, in the order of preference. */
export interface BalancerFamilies {
  readonly clients: readonly Family[];
  readonly targets: readonly Family[];
  readonly ipAddressType: "ipv4" | "dualstack";
}

/**
 * Clients: what `ip-address-type` says, whatever the Service's own families (seed: SingleStack IPv4 behind dualstack);
 * without it IPv4 on AWS and the Service's own families locally. Targets: the Service's own families, the first one
 * first, or the one asked for. Notes a refusal where AWS has no such translation.
 */
export function familiesOfBalancer(translation: Translation): BalancerFamilies {
  const { annotations, provider } = translation;
  const own = serviceFamilies(translation);
  const targets = targetFamilies(translation, own);
  const asked = annotations.get("ipAddressType");
  const both = own.length > 1 ? own : [own[0]!, otherFamily(own[0]!)];
  if (asked === "dualstack") return { clients: both, targets, ipAddressType: "dualstack" };
  if (provider === "local" && asked === undefined)
    return { clients: own, targets, ipAddressType: own.includes("IPv6") ? "dualstack" : "ipv4" };
  if (provider === "aws" && targets[0] === "IPv6") refuseIpv6(translation);
  return { clients: ["IPv4"], targets, ipAddressType: "ipv4" };
}

/** What the API server wrote, or what a manifest means that has not been there. */
function serviceFamilies({ service: { spec } }: Translation): readonly Family[] {
  const given = (spec.ipFamilies ?? []).filter((family) => FAMILIES.includes(family));
  if (given.length > 0) return given;
  const dual = spec.ipFamilyPolicy === "RequireDualStack" || spec.ipFamilyPolicy === "PreferDualStack";
  return dual ? FAMILIES : ["IPv4"];
}

function targetFamilies({ annotations }: Translation, own: readonly Family[]): readonly Family[] {
  const asked = annotations.get("targetFamily") as Family | undefined;
  if (asked === undefined || own[0] === asked) return own;
  if (own.includes(asked)) return [asked, ...own.filter((family) => family !== asked)];
  const next = "set spec.ipFamilyPolicy to PreferDualStack, or take the annotation away";
  annotations.refuse(
    "targetFamily",
    `the Service has no ${asked}: its ipFamilies are ${own.join(", ")}`,
    next,
  );
  return own;
}

function refuseIpv6(translation: Translation): void {
  const field = translation.annotations.get("targetFamily") === undefined ? "spec.ipFamilies" : undefined;
  const message = "unsupported IPv6 configuration, lb not dual-stack";
  const next =
    "set service.beta.kubernetes.io/aws-load-balancer-ip-address-type to dualstack, or put IPv4 first";
  if (field === undefined) translation.annotations.refuse("targetFamily", message, next);
  else note(translation, "error", field, message, next);
}

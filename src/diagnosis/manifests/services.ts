/** Services: their families as the API server decides them, and what else of them is of one family. Pure. */
import { decideFamilies, normaliseNew } from "../../allocation/index.ts";
import { familyOfText } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import { type Family, otherFamily } from "../../ip/family.ts";
import { ApiError } from "../../objects/status.ts";
import { ipFamiliesOf, validateClusterIPs } from "../../objects/service/index.ts";
import type { Service } from "../../objects/types.ts";
import { translateBalancer } from "../../traffic/balancer/index.ts";
import { asObject, type Path, type Remark, textsOf } from "./model.ts";

type Families = readonly [Family] | readonly [Family, Family];
type Spec = Readonly<Record<string, unknown>>;

/** Judges a Service in a cluster of these families, primary first. */
export function judgeService(object: unknown, families: Families): Remark[] {
  const spec = asObject(asObject(object)["spec"]);
  const misshapen = wrongShape(spec);
  if (misshapen.length > 0) return misshapen;
  if (spec["type"] === "ExternalName") return [];
  const service = { ...(object as Service), spec: structuredClone(spec) as Service["spec"] };
  const refused = refusals(service, families);
  if (refused.length > 0) return refused;
  const own = ipFamiliesOf(service);
  return [
    ...saysNothing(spec, own, families),
    ...addressesBeside(spec, own),
    ...sourceRanges(spec, own, ["spec", "loadBalancerSourceRanges"]),
  ];
}

/** Judges the annotations of the AWS Load Balancer Controller on a Service; none on others. */
export function judgeBalancer(object: unknown): Remark[] {
  const { spec, metadata } = asObject(object);
  const annotations = asObject(asObject(metadata)["annotations"]);
  const isAws = Object.keys(annotations).some((key) =>
    key.startsWith("service.beta.kubernetes.io/aws-load-balancer-"),
  );
  if (asObject(spec)["type"] !== "LoadBalancer" || !isAws) return [];
  const { findings } = translateBalancer(object as Service, {
    provider: "aws",
    nodes: [],
    endpointSlices: [],
  });
  return findings.map(
    ({ level, field, message, next = "tandem balancer plan -f FILE shows what would be made" }) => ({
      code: "balancer-settings",
      level,
      path: pathOf(field),
      message,
      next,
    }),
  );
}

/** `spec.ports[0].name`, `metadata.annotations[a.b/c]` in steps. */
function pathOf(field: string): Path {
  const [, before = field, key] = /^([^[]*annotations)\[(.*)\]$/.exec(field) ?? [];
  const steps = before
    .split(/\.|\[(?=\d)/)
    .map((step) => (/^\d+\]$/.test(step) ? Number.parseInt(step, 10) : step));
  return key === undefined ? steps : [...steps, key];
}

/** What the API server would say, in its words; it decides the families of the Service in place. */
function refusals(service: Service, families: Families): Remark[] {
  try {
    service.spec.type ??= "ClusterIP";
    normaliseNew(service);
    decideFamilies({ families, nodePorts: { first: 30_000, last: 32_767 } }, service);
    return validateClusterIPs(service).map(refusal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field = "spec", message = "" }) =>
      refusal({ field, message }),
    );
  }
}

function refusal({ field, message }: { field: string; message: string }): Remark {
  const path = pathOf(field);
  const next = message.startsWith("Unsupported value")
    ? "write one of these, as it is spelled here"
    : "let ipFamilyPolicy, ipFamilies and clusterIPs say the same, in one order; PreferDualStack fits any cluster";
  return { code: "service-refused", level: "error", path, message, next };
}

/** Fields of another type than the rules read. */
function wrongShape(spec: Spec): Remark[] {
  return ["ipFamilies", "clusterIPs", "externalIPs", "loadBalancerSourceRanges"].flatMap((field) => {
    const value = spec[field];
    const fits =
      value === undefined ||
      value === null ||
      (Array.isArray(value) && textsOf(value).length === value.length);
    if (fits) return [];
    const message = `Invalid value: ${JSON.stringify(value)}: must be a list of strings`;
    return [
      {
        code: "service-refused",
        level: "error",
        path: ["spec", field],
        message,
        next: `${field}: [${String(value)}]`,
      } as const,
    ];
  });
}

function saysNothing(spec: Spec, own: readonly Family[], families: Families): Remark[] {
  if (families.length < 2 || own.length > 1) return [];
  const said = typeof spec["ipFamilyPolicy"] === "string";
  const [only = families[0]] = own;
  const message = said
    ? `SingleStack: clients over ${otherFamily(only)} have no address to go to`
    : `ipFamilyPolicy is missing: the Service gets ${only} alone, and clients over ${otherFamily(only)} have no address to go to`;
  const path = said ? ["spec", "ipFamilyPolicy"] : ["spec"];
  return [
    {
      code: "service-one-family",
      level: "note",
      path,
      message,
      next: "ipFamilyPolicy: PreferDualStack (it fits clusters of one family too)",
    },
  ];
}

/** Addresses that nobody serves: kube-proxy takes those of the Service's families only. */
function addressesBeside(spec: Spec, own: readonly Family[]): Remark[] {
  const named: [Path, string][] = textsOf(spec["externalIPs"]).map((ip, index) => [
    ["spec", "externalIPs", index],
    ip,
  ]);
  if (typeof spec["loadBalancerIP"] === "string")
    named.push([["spec", "loadBalancerIP"], spec["loadBalancerIP"]]);
  return named.flatMap(([path, ip]) => {
    const family = familyOfText(ip);
    if (family === undefined || own.length === 0 || own.includes(family)) return [];
    return {
      code: "service-address-family" as const,
      level: "warning" as const,
      path,
      message: `${ip} is ${family}, and the Service has ${own.join(" and ")} alone: nobody answers there`,
      next: `ipFamilyPolicy: PreferDualStack, or an address of ${own.join(" or ")}`,
    };
  });
}

/** kube-proxy guards a family only where it has a range of it: the other one stays open to all. */
function sourceRanges(spec: Spec, own: readonly Family[], path: Path): Remark[] {
  const found = new Set(
    textsOf(spec["loadBalancerSourceRanges"]).flatMap((text) => parseCidr(text.trim())?.family ?? []),
  );
  const missing = own.filter((family) => !found.has(family));
  if (found.size === 0 || missing.length === 0) return [];
  return [
    {
      code: "source-ranges-one-family",
      level: "warning",
      path,
      message: `there is no range of ${missing.join(" and ")}: kube-proxy lets every client of it in, and some clouds let none in`,
      next: `add the ${missing.join(" and ")} ranges of the same clients`,
    },
  ];
}

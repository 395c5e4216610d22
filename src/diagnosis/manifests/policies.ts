/** Lists of CIDRs that let clients in or out: all of one family, and nothing of the other. Pure. */
import { parseCidr } from "../../ip/cidr.ts";
import { bitsOf, type Family, otherFamily } from "../../ip/family.ts";
import { asObject, type Path, type Remark, textsOf } from "./model.ts";

const ALL: Readonly<Record<Family, string>> = { IPv4: "0.0.0.0/0", IPv6: "::/0" };

/** Kinds whose CIDRs are about clients and servers of pods; the fields that hold them. */
const KINDS =
  /^(NetworkPolicy|GlobalNetworkPolicy|CiliumNetworkPolicy|CiliumClusterwideNetworkPolicy|AuthorizationPolicy|SecurityPolicy|ClientTrafficPolicy|AdminNetworkPolicy|BaselineAdminNetworkPolicy|ClusterNetworkPolicy)$/;
const LISTS = /^(nets|fromCIDR|toCIDR|ipBlocks|remoteIpBlocks|clientCIDRs|networks)$/;
const SETS = /^(from|to|fromCIDRSet|toCIDRSet)$/;
const CIDR_OF: readonly (readonly string[])[] = [["ipBlock", "cidr"], ["cidr"]];

/** Annotations of Ingresses and Services with lists of ranges, separated by commas. */
const ANNOTATIONS =
  /^(nginx\.ingress\.kubernetes\.io\/(whitelist|allowlist)-source-range|alb\.ingress\.kubernetes\.io\/inbound-cidrs|service\.beta\.kubernetes\.io\/load-balancer-source-ranges)$/;

/** Judges the CIDRs of an object's policies and annotations. */
export function judgePolicies(
  object: Readonly<Record<string, unknown>>,
  families: readonly Family[],
): Remark[] {
  if (families.length < 2) return [];
  const inSpec = KINDS.test(String(object["kind"])) ? below(object["spec"], ["spec"]) : [];
  const annotations = asObject(asObject(object["metadata"])["annotations"]);
  const inAnnotations = Object.entries(annotations).flatMap(([key, value]) =>
    ANNOTATIONS.test(key) && typeof value === "string"
      ? judge(
          value.split(",").map((text) => text.trim()),
          ["metadata", "annotations", key],
          key,
        )
      : [],
  );
  return [...inSpec, ...inAnnotations];
}

function below(value: unknown, path: Path): Remark[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => below(item, [...path, index]));
  return Object.entries(asObject(value)).flatMap(([field, inner]) => {
    const place = [...path, field];
    if (Array.isArray(inner) && LISTS.test(field)) return judge(textsOf(inner), place, field);
    if (Array.isArray(inner) && SETS.test(field)) {
      const found = judge(cidrsOf(inner), place, field);
      if (found.length > 0) return found;
    }
    return below(inner, place);
  });
}

function cidrsOf(items: readonly unknown[]): readonly string[] {
  return items.flatMap((item) =>
    CIDR_OF.flatMap((steps) => {
      const text = steps.reduce<unknown>((found, step) => asObject(found)[step], item);
      return typeof text === "string" ? [text] : [];
    }),
  );
}

function judge(cidrs: readonly string[], path: Path, field: string): Remark[] {
  const ranges = cidrs.flatMap((text) => parseCidr(text) ?? []);
  const [family, ...more] = new Set(ranges.map((range) => range.family));
  if (family === undefined || more.length > 0) return [];
  const other = otherFamily(family);
  const all = cidrs.includes(ALL[family]);
  // single hosts are meant as they are
  if (!all && ranges.every(({ prefix }) => prefix === bitsOf(family))) return [];
  const named = all ? `all of ${family} (${ALL[family]})` : `ranges of ${family} alone (${cidrs.join(", ")})`;
  return [
    {
      code: "policy-one-family",
      level: all ? "warning" : "note",
      path,
      message: `${field} names ${named} and nothing of ${other}: ${other} is shut out`,
      next: all
        ? `add ${ALL[other]} beside it, or the ${other} ranges that are meant`
        : `add the ${other} ranges of the same clients or servers`,
    },
  ];
}

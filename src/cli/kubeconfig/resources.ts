import { Discovery, type KubeClient } from "../../client/index.ts";
import type { PolicyRule } from "../../objects/rbac/types.ts";
import { badFlag, splitList } from "./flags.ts";

type ServedKind = Awaited<ReturnType<Discovery["namespacedKinds"]>>[number];

/**
 * Reads `--resources` with the help of the server's discovery: plural, singular and short names, with a group
 * (`deployments.apps`) or a subresource (`pods/log`) where needed; `*` is everything.
 * @returns one rule for each API group
 * @throws UserError for what the server does not have in namespaces
 */
export async function parseResources(
  client: KubeClient,
  text: string,
  verbs: string[],
): Promise<PolicyRule[]> {
  const names = splitList(text);
  if (names.includes("*")) return [{ apiGroups: ["*"], resources: ["*"], verbs }];
  if (names.length === 0) {
    throw badFlag(
      "--resources",
      text,
      "it names no resource",
      "for example --resources services,endpointslices",
    );
  }
  const kinds = await new Discovery(client).namespacedKinds([]);
  const byGroup = new Map<string, string[]>();
  for (const name of names) {
    const [group, resource] = resolve(kinds, name, text);
    byGroup.set(group, [...(byGroup.get(group) ?? []), resource]);
  }
  return [...byGroup].map(([group, resources]) => ({ apiGroups: [group], resources, verbs }));
}

function resolve(
  kinds: readonly ServedKind[],
  name: string,
  text: string,
): [group: string, resource: string] {
  const slash = name.indexOf("/");
  const [base, subresource] = slash < 0 ? [name, ""] : [name.slice(0, slash), name.slice(slash + 1)];
  const dot = base.indexOf(".");
  const [short, group] = dot < 0 ? [base, undefined] : [base.slice(0, dot), base.slice(dot + 1)];
  const wanted = short.toLowerCase();
  const kind = kinds.find(
    (candidate) =>
      (group === undefined || candidate.group === group) &&
      [candidate.plural, candidate.singular, ...candidate.shortNames].includes(wanted),
  );
  if (kind === undefined) {
    const why = `the server has no resource ${JSON.stringify(base)} in namespaces`;
    throw badFlag("--resources", text, why, "kubectl api-resources --namespaced lists what there is");
  }
  if (subresource === "") return [kind.group, kind.plural];
  if (kind.subresources.includes(subresource)) return [kind.group, `${kind.plural}/${subresource}`];
  const has = kind.subresources.length === 0 ? "it has none" : `it has ${kind.subresources.join(", ")}`;
  const why = `${kind.plural} have no subresource ${JSON.stringify(subresource)}`;
  throw badFlag("--resources", text, why, has);
}

import { sameJson } from "../../patch/json-value.ts";
import type { Definition, DefinitionCondition, DefinitionNames } from "./types.ts";

/**
 * Sets a condition; its time changes only with its status.
 * @returns whether anything changed
 */
export function setCondition(definition: Definition, wanted: DefinitionCondition, now: string): boolean {
  definition.status ??= {};
  const conditions = definition.status.conditions ?? [];
  const at = conditions.findIndex(({ type }) => type === wanted.type);
  const old = conditions[at];
  const lastTransitionTime = old?.status === wanted.status ? (old.lastTransitionTime ?? now) : now;
  const next = { lastTransitionTime, ...wanted };
  if (old !== undefined && sameJson({ ...old }, { ...next })) return false;
  definition.status.conditions =
    at < 0 ? [...conditions, next] : conditions.map((each, index) => (index === at ? next : each));
  return true;
}

/**
 * Which names a definition gets, given the others of its group, and whether it may be served
 * (apiextensions controller/status/naming_controller.go and establish).
 * @returns whether anything changed
 */
export function acceptNames(definition: Definition, others: readonly Definition[], now: string): boolean {
  const { names, group } = definition.spec;
  const taken = takenNames(others.filter(({ spec }) => spec.group === group));
  const accepted: DefinitionNames = structuredClone(
    definition.status?.acceptedNames ?? { kind: "", plural: "" },
  );
  const problem = firstConflict(names, taken, accepted);
  definition.status ??= {};
  const changed = !sameJson(definition.status.acceptedNames ?? {}, accepted);
  definition.status.acceptedNames = accepted;
  const named: DefinitionCondition =
    problem === undefined
      ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : { type: "NamesAccepted", status: "False", ...problem };
  const changes = [
    changed,
    setCondition(definition, named, now),
    establish(definition, problem === undefined, now),
  ];
  return changes.some(Boolean);
}

function establish(definition: Definition, isNamed: boolean, now: string): boolean {
  const current = definition.status?.conditions?.find(({ type }) => type === "Established");
  if (current?.status === "True") return false;
  const wanted: DefinitionCondition = isNamed
    ? {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      }
    : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
  return setCondition(definition, wanted, now);
}

interface Taken {
  readonly resources: Set<string>;
  readonly kinds: Set<string>;
}

function takenNames(others: readonly Definition[]): Taken {
  const taken: Taken = { resources: new Set(), kinds: new Set() };
  for (const { status } of others) {
    const {
      plural = "",
      singular = "",
      kind = "",
      listKind = "",
      shortNames = [],
    } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name !== "") taken.resources.add(name);
    for (const name of [kind, listKind]) if (name !== "") taken.kinds.add(name);
  }
  return taken;
}

interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** Takes over every name that is free; the last one that is not decides about the condition, as in the real server. */
function firstConflict(names: DefinitionNames, taken: Taken, accepted: DefinitionNames): Problem | undefined {
  let problem: Problem | undefined;
  const refuse = (reason: string, name: string): void => {
    problem = { reason, message: `${JSON.stringify(name)} is already in use` };
  };
  if (taken.resources.has(names.plural)) refuse("PluralConflict", names.plural);
  else accepted.plural = names.plural;
  const { singular = "", listKind = "", shortNames = [], categories } = names;
  if (singular !== "" && taken.resources.has(singular)) refuse("SingularConflict", singular);
  else accepted.singular = singular;
  const usedShortName = shortNames.find((name) => taken.resources.has(name));
  if (usedShortName !== undefined) refuse("ShortNamesConflict", usedShortName);
  else if (shortNames.length > 0) accepted.shortNames = [...shortNames];
  else delete accepted.shortNames;
  if (taken.kinds.has(names.kind)) refuse("KindConflict", names.kind);
  else accepted.kind = names.kind;
  if (listKind !== "" && taken.kinds.has(listKind)) refuse("ListKindConflict", listKind);
  else accepted.listKind = listKind;
  if (categories === undefined || categories.length === 0) delete accepted.categories;
  else accepted.categories = [...categories];
  return problem;
}

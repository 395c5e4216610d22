import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { checkLegacyCidr, cidrWarnings, parseCidrAsGo } from "../ip-text.ts";
import { asErrors, labelValueProblems, qualifiedNameProblems } from "../service/formats.ts";
import type { Node } from "../types.ts";

// Checks of Nodes (ValidateNode and ValidateNodeUpdate in pkg/apis/core/validation/validation.go).

/** Checks a Node: one pod range per family at most. */
export function validateNode({ spec }: Node): FieldError[] {
  const ranges = spec.podCIDRs ?? [];
  const errors = ranges.flatMap((range, index) => checkLegacyCidr(`spec.podCIDRs[${index}]`, range));
  if (errors.length === 0 && ranges.length > 1) {
    const families = new Set(ranges.map((range) => parseCidrAsGo(range)?.cidr.family));
    if (families.size !== 2 || ranges.length > 2) {
      errors.push(invalid("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family"));
    }
  }
  return [...checkTaints(spec.taints ?? []), ...errors];
}

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** Errors name taints as if they were metadata: so does the real server. */
function checkTaints(taints: NonNullable<Node["spec"]["taints"]>): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const field = `metadata.taints[${index}]`;
    const { key, value = "", effect } = taint;
    const errors = asErrors(`${field}.key`, key, qualifiedNameProblems(key));
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalid(`${field}.value`, value, problems.join(";")));
    if (!effect) errors.push(required(`${field}.effect`));
    else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${field}.effect`, effect, EFFECTS));
    const identity = `${key} ${effect}`;
    if (seen.has(identity)) errors.push(twice(field, taint));
    seen.add(identity);
    return errors;
  });
}

/** The bad value is printed as the real server's internal type. */
function twice(field: string, taint: NonNullable<Node["spec"]["taints"]>[number]): FieldError {
  const { key, value = "", effect = "", timeAdded = null } = taint as typeof taint & { timeAdded?: string };
  const error = duplicate(field, { Key: key, Value: value, Effect: effect, TimeAdded: timeAdded });
  return { ...error, message: `${error.message}: taints must be unique by key and effect pair` };
}

/** Checks a Node that is to replace a stored one: only some of its spec may change. Taints are checked twice. */
export function validateNodeUpdate(next: Node, stored: Node): FieldError[] {
  return [...validateNode(next), ...validateNodeStatusUpdate(next, stored)];
}

/** Checks what of a Node may change, its spec being the stored one if the status alone is written. */
export function validateNodeStatusUpdate(next: Node, stored: Node): FieldError[] {
  const errors = [...checkAddresses(next), ...checkRanges(next, stored)];
  const { providerID } = stored.spec;
  if (providerID && providerID !== next.spec.providerID) {
    errors.push(
      forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'),
    );
  }
  errors.push(...checkTaints(next.spec.taints ?? []));
  if (externalIdOf(next) !== externalIdOf(stored)) {
    errors.push(forbidden("spec.externalID", "may not be updated"));
  }
  return errors;
}

function checkAddresses({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap(({ type, address }, index) => {
    const identity = `${type} ${address}`;
    if (!seen.has(identity)) {
      seen.add(identity);
      return [];
    }
    return [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })];
  });
}

/** Every range that changes is told of, by the field of all. */
function checkRanges(next: Node, stored: Node): FieldError[] {
  const before = stored.spec.podCIDRs ?? [];
  const after = next.spec.podCIDRs ?? [];
  const error = forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid');
  if (before.length === 0) return [];
  if (before.length !== after.length) return [error];
  return before.filter((range, index) => range !== after[index]).map(() => error);
}

function externalIdOf({ spec }: Node): string {
  return (spec as Node["spec"] & { externalID?: string }).externalID ?? "";
}

/** What a client is told of a Node that is taken. */
export function nodeWarnings({ spec }: Node): string[] {
  const { configSource } = spec as Node["spec"] & { configSource?: object };
  return [
    ...(configSource === undefined ? [] : ["spec.configSource: the feature is removed"]),
    ...(externalIdOf({ spec } as Node) === ""
      ? []
      : ["spec.externalID: this field is deprecated, and is unused by Kubernetes"]),
    ...(spec.podCIDRs ?? []).flatMap((range, i) => cidrWarnings(`spec.podCIDRs[${i}]`, range)),
  ];
}

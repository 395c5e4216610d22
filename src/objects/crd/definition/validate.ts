import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../field-errors.ts";
import { dnsSubdomainProblems } from "../../service/formats.ts";
import { serviceName } from "../../metadata/names.ts";
import { sameJson } from "../../patch/json-value.ts";
import { isJsonPath } from "../json-path.ts";
import { type Definition, type DefinitionNames, type DefinitionVersion, isTrueCondition } from "./types.ts";
import { validateStructural } from "./structural.ts";

const APPROVED = "api-approved.kubernetes.io";
const APPROVAL_PAGE = "https://github.com/kubernetes/enhancements/pull/1111";
const IMMUTABLE = "field is immutable";

/** Everything wrong with a new definition but its common metadata (apiextensions validation.go). */
export function validateDefinition(definition: Definition): FieldError[] {
  const { metadata, spec } = definition;
  const wanted = `${spec.names?.plural ?? ""}.${spec.group ?? ""}`;
  const text = `must be spec.names.plural+"."+spec.group`;
  return [
    ...(metadata.name === wanted ? [] : [invalid("metadata.name", metadata.name, text)]),
    ...validateSpec(definition),
    ...approvalErrors(definition),
  ];
}

/** The same for an update: what an established definition's objects rely on must stay. */
export function validateDefinitionUpdate(next: Definition, stored: Definition): FieldError[] {
  const { spec } = next;
  const old = stored.spec;
  const fixed = (field: string, value: unknown, before: unknown): FieldError[] =>
    sameJson(value, before) ? [] : [invalid(field, value, IMMUTABLE)];
  const established = isTrueCondition(stored, "Established");
  const names = new Set((spec.versions ?? []).map(({ name }) => name));
  return [
    ...validateSpec(next),
    ...(established ? fixed("spec.scope", spec.scope, old.scope) : []),
    ...(established ? fixed("spec.names.kind", spec.names.kind, old.names.kind) : []),
    ...fixed("spec.group", spec.group, old.group),
    ...fixed("spec.names.plural", spec.names.plural, old.names.plural),
    ...(next.status?.storedVersions ?? []).flatMap((name, index) =>
      names.has(name) ? [] : [invalid(`status.storedVersions[${index}]`, name, storedGone(name))],
    ),
  ];
}

function storedGone(name: string): string {
  return (
    `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until ` +
    `a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`
  );
}

function approvalErrors({ metadata, spec }: Definition): FieldError[] {
  const { group = "" } = spec;
  const isProtected = ["k8s.io", "kubernetes.io"].some(
    (zone) => group === zone || group.endsWith(`.${zone}`),
  );
  if (!isProtected) return [];
  const field = `metadata.annotations[${APPROVED}]`;
  const value = metadata.annotations?.[APPROVED];
  const problem = `protected groups must have approval annotation "${APPROVED}", see ${APPROVAL_PAGE}`;
  if (value === undefined || value === "") return [required(field, problem)];
  if (value.startsWith("unapproved") || URL.canParse(value)) return [];
  return [invalid(field, value, `${problem}; must be a URL or begin with "unapproved"`)];
}

function validateSpec(definition: Definition): FieldError[] {
  const { spec } = definition;
  const { names } = spec;
  return [
    ...groupErrors(spec.group ?? ""),
    ...scopeErrors(spec.scope),
    ...versionListErrors(spec.versions ?? []),
    ...(spec.versions ?? []).flatMap((version, index) => versionErrors(version, `spec.versions[${index}]`)),
    ...requiredNames(names),
    ...nameErrors(names, "spec.names"),
    ...conversionErrors(spec.conversion),
    ...(spec.preserveUnknownFields === true ? [invalid("spec.preserveUnknownFields", true, PRESERVES)] : []),
  ];
}

const PRESERVES =
  "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";

function groupErrors(group: string): FieldError[] {
  if (group === "") return [required("spec.group")];
  const problems = dnsSubdomainProblems(group);
  if (problems.length > 0) return [invalid("spec.group", group, problems.join(","))];
  return group.includes(".")
    ? []
    : [invalid("spec.group", group, "should be a domain with at least one dot")];
}

function scopeErrors(scope: string | undefined): FieldError[] {
  if (scope === undefined || scope === "") return [required("spec.scope")];
  const known = ["Cluster", "Namespaced"];
  return known.includes(scope) ? [] : [notSupported("spec.scope", scope, known)];
}

function versionListErrors(versions: readonly DefinitionVersion[]): FieldError[] {
  const names = versions.map(({ name }) => name);
  const errors = versions.flatMap(({ name }, index) => labelErrors(name, `spec.versions[${index}].name`));
  if (new Set(names).size !== names.length) {
    errors.push(invalid("spec.versions", versions, "must contain unique version names"));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(
      invalid("spec.versions", versions, "must have exactly one version marked as storage version"),
    );
  }
  return errors;
}

/** What is wrong with a DNS-1035 label. */
function labelErrors(name: string, field: string, prefix = ""): FieldError[] {
  const checked = prefix === "" ? name : name.toLowerCase();
  const problems = serviceName(checked, false);
  return problems.length === 0 ? [] : [invalid(field, name, prefix + problems.join(","))];
}

function requiredNames(names: DefinitionNames): FieldError[] {
  const wanted = ["plural", "singular", "kind", "listKind"] as const;
  return wanted.flatMap((name) => ((names[name] ?? "") === "" ? [required(`spec.names.${name}`)] : []));
}

const MIXED = "may have mixed case, but should otherwise match: ";

function nameErrors(names: DefinitionNames, path: string): FieldError[] {
  const { plural, singular = "", kind, listKind = "", shortNames = [], categories = [] } = names;
  const check = (value: string, name: string, prefix = ""): FieldError[] =>
    value === "" ? [] : labelErrors(value, `${path}.${name}`, prefix);
  return [
    ...check(plural, "plural"),
    ...check(singular, "singular"),
    ...check(kind, "kind", MIXED),
    ...check(listKind, "listKind", MIXED),
    ...shortNames.flatMap((name, index) => labelErrors(name, `${path}.shortNames[${index}]`)),
    ...(kind !== "" && kind === listKind
      ? [invalid(`${path}.listKind`, listKind, "kind and listKind may not be the same")]
      : []),
    ...categories.flatMap((name, index) => labelErrors(name, `${path}.categories[${index}]`)),
  ];
}

function conversionErrors(conversion: Definition["spec"]["conversion"]): FieldError[] {
  const strategy = conversion?.strategy ?? "";
  if (strategy === "None") {
    return conversion?.webhook === undefined
      ? []
      : [forbidden("spec.conversion.webhook", "should not be set when strategy is not set to Webhook")];
  }
  if (strategy === "") return [required("spec.conversion.strategy")];
  // this server calls no webhooks, so that it takes no definition that needs one
  return [notSupported("spec.conversion.strategy", strategy, ["None"])];
}

function versionErrors(version: DefinitionVersion, path: string): FieldError[] {
  const { schema, subresources, deprecated, deprecationWarning } = version;
  const root = schema?.openAPIV3Schema;
  return [
    ...(deprecationWarning !== undefined && deprecated !== true
      ? [invalid(`${path}.deprecationWarning`, deprecationWarning, "can only be set for deprecated versions")]
      : []),
    ...(root === undefined
      ? [required(`${path}.schema.openAPIV3Schema`, "schemas are required")]
      : validateStructural(root, `${path}.schema.openAPIV3Schema`)),
    ...scaleErrors(subresources?.scale, `${path}.subresources.scale`),
    ...columnErrors(version, path),
    ...selectableErrors(version, path),
  ];
}

function scaleErrors(
  scale: NonNullable<DefinitionVersion["subresources"]>["scale"],
  path: string,
): FieldError[] {
  if (scale === undefined) return [];
  return [
    ...pathErrors(scale.specReplicasPath, `${path}.specReplicasPath`, ".spec"),
    ...pathErrors(scale.statusReplicasPath, `${path}.statusReplicasPath`, ".status"),
    ...(scale.labelSelectorPath
      ? pathErrors(scale.labelSelectorPath, `${path}.labelSelectorPath`, ".status or .spec")
      : []),
  ];
}

function pathErrors(path: string, field: string, root: string): FieldError[] {
  if (path === "") return [required(field)];
  if (!path.startsWith(".")) return [invalid(field, path, "must be a simple json path starting with .")];
  const isInside = root.split(" or ").some((start) => path.startsWith(`${start}.`));
  return isInside ? [] : [invalid(field, path, `should be a json path under ${root}`)];
}

const TYPES = ["boolean", "date", "integer", "number", "string"];
const FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function columnErrors({ additionalPrinterColumns = [] }: DefinitionVersion, path: string): FieldError[] {
  return additionalPrinterColumns.flatMap(({ name, type, format = "", jsonPath }, index) => {
    const at = `${path}.additionalPrinterColumns[${index}]`;
    return [
      ...(name === "" ? [required(`${at}.name`)] : []),
      ...(type === ""
        ? [required(`${at}.type`, `must be one of ${TYPES.join(",")}`)]
        : TYPES.includes(type)
          ? []
          : [invalid(`${at}.type`, type, `must be one of ${TYPES.join(",")}`)]),
      ...(format !== "" && !FORMATS.includes(format)
        ? [invalid(`${at}.format`, format, `must be one of ${FORMATS.join(",")}`)]
        : []),
      ...columnPathErrors(jsonPath, `${at}.jsonPath`),
    ];
  });
}

function columnPathErrors(path: string, field: string): FieldError[] {
  if (path === "") return [required(field)];
  if (!path.startsWith(".")) return [invalid(field, path, "must be a simple json path starting with .")];
  return isJsonPath(path) ? [] : [invalid(field, path, "is an invalid path")];
}

function selectableErrors({ selectableFields = [] }: DefinitionVersion, path: string): FieldError[] {
  const seen = new Set<string>();
  return selectableFields.flatMap(({ jsonPath }, index) => {
    const at = `${path}.selectableFields[${index}].jsonPath`;
    if (jsonPath === "") return [required(at)];
    if (!/^(\.[A-Za-z_][\w-]*)+$/.test(jsonPath)) return [invalid(at, jsonPath, "is an invalid path")];
    if (seen.has(jsonPath)) return [duplicate(at, jsonPath)];
    seen.add(jsonPath);
    return [];
  });
}

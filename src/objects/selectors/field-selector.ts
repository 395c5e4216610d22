import { valuesAt } from "../crd/json-path.ts";
import { apiVersionOf, type Kind } from "../kinds.ts";
import type { AnyObject, KubeObject } from "../types.ts";
import { EVERYTHING, type Selector, SelectorSyntaxError } from "./selector.ts";

/** One term of a field selector: a field that is or is not a value. */
export interface FieldTerm {
  readonly field: string;
  readonly negated: boolean;
  readonly value: string;
}

type Getter = (object: AnyObject) => unknown;

const METADATA: Readonly<Record<string, Getter>> = {
  "metadata.name": (object) => object.metadata.name,
  "metadata.namespace": (object) => object.metadata.namespace,
};

/** What can be selected by beside name and namespace (the conversion functions of each group's v1). */
const FIELDS: Readonly<Record<string, Readonly<Record<string, Getter>>>> = {
  "v1/Pod": {
    "spec.nodeName": ({ spec }) => spec?.nodeName,
    "spec.host": ({ spec }) => spec?.nodeName,
    "spec.restartPolicy": ({ spec }) => spec?.restartPolicy,
    "spec.schedulerName": ({ spec }) => spec?.schedulerName,
    "spec.serviceAccountName": ({ spec }) => spec?.serviceAccountName,
    "spec.hostNetwork": ({ spec }) => spec?.hostNetwork ?? false,
    "status.phase": ({ status }) => status?.phase,
    "status.podIP": ({ status }) => status?.podIP,
    "status.podIPs": ({ status }) => status?.podIP,
    "status.nominatedNodeName": ({ status }) => status?.nominatedNodeName,
  },
  "v1/Node": { "spec.unschedulable": ({ spec }) => spec?.unschedulable ?? false },
  "v1/Namespace": { "status.phase": ({ status }) => status?.phase },
  "v1/Service": {
    "spec.clusterIP": ({ spec }) => spec?.clusterIP,
    "spec.type": ({ spec }) => spec?.type,
  },
  "v1/Secret": { type: (object) => object.type },
  "v1/Event": {
    ...involvedFields(),
    reason: (object) => object.reason,
    reportingComponent: (object) => object.reportingComponent || object.source?.component,
    source: (object) => object.source?.component || object.reportingComponent,
    type: (object) => object.type,
  },
  "batch/v1/Job": { "status.successful": ({ status }) => status?.succeeded ?? 0 },
  "apps/v1/ReplicaSet": { "status.replicas": ({ status }) => status?.replicas ?? 0 },
};

function involvedFields(): Record<string, Getter> {
  const names = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
  return Object.fromEntries(
    names.map((name): [string, Getter] => [
      `involvedObject.${name}`,
      (object) => object.involvedObject?.[name],
    ]),
  );
}

/** Kinds whose own conversion function refuses unknown fields, in its own words. */
const OWN_WORDS: Readonly<Record<string, string>> = {
  "v1/Pod": "field label not supported: ",
  "v1/Node": "field label not supported: ",
  "v1/Namespace": "field label not supported: ",
  "v1/Service": "field label not supported: ",
  "v1/Secret": "field label not supported: ",
  "v1/Event": "field label not supported: ",
};

/**
 * Reads a field selector: `metadata.name=a,status.phase!=Failed`, with `\` before a comma, equals sign or backslash that
 * is part of a value.
 * @throws SelectorSyntaxError with the server's text, also for fields that the kind cannot be selected by
 */
export function parseFieldTerms(kind: Kind, text: string): FieldTerm[] {
  const terms = splitTerms(text)
    .filter((part) => part !== "")
    .sort()
    .map((part) => parseTerm(text, part));
  for (const { field } of terms) getterOf(kind, field);
  return terms;
}

function splitTerms(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^\\,])+|\\$/g) ?? [];
}

function parseTerm(text: string, part: string): FieldTerm {
  const match = /^([\s\S]*?)(!=|==|=)([\s\S]*)$/.exec(part);
  if (match === null)
    throw new SelectorSyntaxError(`invalid selector: '${text}'; can't understand '${part}'`);
  return { field: match[1] ?? "", negated: match[2] === "!=", value: unescapeValue(match[3] ?? "") };
}

function unescapeValue(text: string): string {
  return text.replace(
    /\\([\s\S]?)|([,=])/g,
    (sequence, escaped: string | undefined, bare: string | undefined) => {
      if (bare !== undefined) {
        const code = bare.charCodeAt(0);
        throw new SelectorSyntaxError(`invalid field selector: unescaped character in value: ${code}`);
      }
      if (escaped === "\\" || escaped === "," || escaped === "=") return escaped;
      throw new SelectorSyntaxError(`invalid field selector: invalid escape sequence: ${sequence}`);
    },
  );
}

function getterOf(kind: Kind, field: string): Getter {
  const key = `${apiVersionOf(kind)}/${kind.kind}`;
  const getter = METADATA[field] ?? FIELDS[key]?.[field] ?? customGetter(kind, field);
  if (getter !== undefined) return getter;
  const words = OWN_WORDS[key];
  throw new SelectorSyntaxError(
    words === undefined
      ? `${JSON.stringify(field)} is not a known field selector: only ${knownFields(kind)}`
      : `${words}${field}`,
  );
}

function knownFields(kind: Kind): string {
  if (kind.custom === undefined) return '"metadata.name", "metadata.namespace"';
  const common = kind.namespaced ? ["metadata.name", "metadata.namespace"] : ["metadata.name"];
  return [...common, ...kind.custom.selectable.map((path) => path.slice(1))]
    .map((name) => JSON.stringify(name))
    .join(", ");
}

/** The selectable fields of a custom resource. */
function customGetter(kind: Kind, field: string): Getter | undefined {
  const path = `.${field}`;
  if (kind.custom?.selectable.includes(path) !== true) return undefined;
  return (object) => valuesAt(object, path)[0];
}

/** A selector over fields of objects of a kind; an empty text selects everything. */
export function fieldSelector(kind: Kind, text: string): Selector {
  const terms = parseFieldTerms(kind, text);
  if (terms.length === 0) return EVERYTHING;
  const checks = terms.map(({ field, negated, value }) => ({ get: getterOf(kind, field), negated, value }));
  return {
    matches(object: KubeObject): boolean {
      return checks.every(
        ({ get, negated, value }) => (String(get(object as AnyObject) ?? "") === value) !== negated,
      );
    },
  };
}

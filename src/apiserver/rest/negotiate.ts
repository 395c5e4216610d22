import { tableOf } from "../../objects/index.ts";
import { apiVersionOf, type Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import { yaml } from "../../objects/yaml.ts";
import { inVersion } from "../crd/versions.ts";
import { type Call, headerOf, type Reply } from "../http/call.ts";
import { JSON_TYPE } from "../http/replies.ts";
import { decodeObject, itemText } from "../registry/encoding.ts";

/** The form in which a client wants objects. */
export interface Form {
  readonly as: "Object" | "Table" | "PartialObjectMetadata";
  readonly yaml: boolean;
}

/**
 * The first form of the Accept header that is served; `q` counts before the order.
 * @throws ApiError 406 when none is
 */
export function formOf(call: Call): Form {
  const accept = headerOf(call, "accept");
  if (accept === "") return { as: "Object", yaml: false };
  const clauses = accept.split(",").map(parseClause);
  clauses.sort((a, b) => b.quality - a.quality);
  for (const clause of clauses) {
    const form = formOfClause(clause);
    if (form !== undefined) return form;
  }
  throw notAcceptable();
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function parseClause(text: string): Clause {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const [name = "", value = ""] = part.split("=", 2);
    parameters.set(name.trim().toLowerCase(), value.trim().replace(/^"|"$/g, ""));
  }
  const quality = Number(parameters.get("q") ?? 1);
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

function formOfClause({ type, parameters }: Clause): Form | undefined {
  const yaml = type === "application/yaml";
  if (!yaml && type !== "*/*" && type !== "application/*" && type !== JSON_TYPE) return undefined;
  const as = parameters.get("as");
  if (as === undefined) return { as: "Object", yaml };
  if (parameters.get("g") !== "meta.k8s.io" || parameters.get("v") !== "v1") return undefined;
  if (as === "Table") return { as, yaml };
  if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") {
    return { as: "PartialObjectMetadata", yaml };
  }
  return undefined;
}

function notAcceptable(): ApiError {
  const served =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, " +
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
  const message = `406: Not Acceptable\n\nAvailable representations: ${served}`;
  return new ApiError({ message, reason: "NotAcceptable", details: {} as never, code: 406 });
}

/** Answers with one object, given as its stored text, in the form that the client wants. */
export function objectReply(
  call: Call,
  kind: Kind,
  text: string,
  extra: { readonly status?: number; readonly warnings?: readonly string[] } = {},
): Reply {
  const form = formOf(call);
  const shown = inVersion(kind, text);
  const status = extra.status ?? 200;
  const warnings = extra.warnings ?? [];
  return { ...bodyOf(form, formed(call, kind, form, shown)), status, warnings };
}

function formed(call: Call, kind: Kind, form: Form, text: string): string {
  if (form.as === "Object") return text;
  const object = decodeObject(text);
  if (form.as === "PartialObjectMetadata") return JSON.stringify(partialOf(object));
  const table = tableOf(kind, [object], tableOptions(call));
  return JSON.stringify({ ...table, metadata: { resourceVersion: object.metadata.resourceVersion } });
}

/** What `includeObject` says, and the time for ages. */
export function tableOptions(call: Call): { now: Date; includeObject?: "None" | "Metadata" | "Object" } {
  const include = call.query.get("includeObject");
  const known = include === "None" || include === "Metadata" || include === "Object";
  return known ? { now: new Date(), includeObject: include } : { now: new Date() };
}

/** An object's metadata alone, as metadata clients read it. */
export function partialOf({ metadata }: AnyObject): object {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

/** A JSON text as a body in the form that the client wants. */
export function bodyOf(form: Form, json: string): { body: string; contentType: string } {
  if (!form.yaml) return { body: json, contentType: JSON_TYPE };
  return { body: yaml().stringify(JSON.parse(json), YAML_STYLE), contentType: "application/yaml" };
}

/** As the real server writes YAML: keys in order, lists not indented, long texts not folded. */
const YAML_STYLE = { sortMapEntries: true, indentSeq: false, lineWidth: 0 } as const;

/** A list's own metadata. */
export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Answers with a list of objects, given as their stored texts. */
export function listReply(call: Call, kind: Kind, texts: readonly string[], metadata: ListMeta): Reply {
  const form = formOf(call);
  const shown = kind.custom === undefined ? texts : texts.map((text) => inVersion(kind, text));
  return { ...bodyOf(form, listText(call, kind, form, shown, metadata)), status: 200 };
}

function listText(call: Call, kind: Kind, form: Form, texts: readonly string[], metadata: ListMeta): string {
  if (form.as === "Table") {
    const table = tableOf(kind, texts.map(decodeObject), tableOptions(call));
    return JSON.stringify({ ...table, metadata });
  }
  if (form.as === "PartialObjectMetadata") {
    const items = texts.map((text) => partialOf(decodeObject(text)));
    return JSON.stringify({
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items,
    });
  }
  const head = `{"kind":"${kind.custom?.listKind ?? `${kind.kind}List`}","apiVersion":"${apiVersionOf(kind)}"`;
  const items = texts.map((text) => itemText(kind, text)).join(",");
  return `${head},"metadata":${JSON.stringify(metadata)},"items":[${items}]}`;
}

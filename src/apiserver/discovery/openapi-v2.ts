import { createHash } from "node:crypto";
import type { Reply } from "../http/call.ts";

/**
 * `/openapi/v2` as far as kubectl needs it beside v3: for lists in files it looks here whether writes take the options
 * dryRun and fieldValidation, by the patch of namespaces (kubectl's query_param_verifier.go). Everything else is in v3.
 */
export function openApiV2(): Reply {
  return { status: 200, body: DOCUMENT, contentType: TYPE, headers: { etag: `"${HASH}"` } };
}

/** The only form that clients in Go ask for. */
const TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** A field of a protobuf message: text, or a message inside. Numbers are those of gnostic's OpenAPIv2.proto. */
function field(number: number, value: string | Buffer): Buffer {
  const content = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

function message(...fields: Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema. */
function queryParameter(name: string): Buffer {
  const schema = message(field(2, "query"), field(4, name), field(6, "string"));
  return field(1, field(2, field(3, schema)));
}

/** NamedAny with its value as YAML. */
function extension(name: string, yaml: string): Buffer {
  return message(field(1, name), field(2, field(2, yaml)));
}

function patchOf(kind: string): Buffer {
  const options = ["dryRun", "fieldManager", "fieldValidation", "force"];
  return message(
    ...options.map((name) => field(8, queryParameter(name))),
    field(13, extension("x-kubernetes-action", "patch\n")),
    field(13, extension("x-kubernetes-group-version-kind", `group: ""\nkind: ${kind}\nversion: v1\n`)),
  );
}

function path(name: string, kind: string): Buffer {
  return field(2, message(field(1, name), field(2, field(8, patchOf(kind)))));
}

const DOCUMENT = message(
  field(1, "2.0"),
  field(2, message(field(1, "Kubernetes"), field(2, "v1.35.4"))),
  field(8, path("/api/v1/namespaces/{name}", "Namespace")),
);
const HASH = createHash("sha256").update(DOCUMENT).digest("hex").toUpperCase();

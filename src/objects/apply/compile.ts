import { documentOf, type OpenApiSchema, type SchemaDocument, schemaNameOf } from "../schema/documents.ts";
import type { Kind } from "../kinds.ts";
import { ATOMIC, DEDUCED, type ListType, type MapField, type MapType, type MergeType } from "./merge-type.ts";

/** What merging reads of an OpenAPI v3 schema, of built-in kinds and of CustomResourceDefinitions. */
export interface MergeSchema
  extends Omit<OpenApiSchema, "allOf" | "oneOf" | "items" | "properties" | "additionalProperties"> {
  readonly allOf?: readonly MergeSchema[];
  readonly items?: MergeSchema;
  readonly properties?: Readonly<Record<string, MergeSchema>>;
  readonly additionalProperties?: MergeSchema | boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
}

const typesOfDocuments = new WeakMap<SchemaDocument, Map<string, MergeType>>();
const typesOfKinds = new WeakMap<object, MergeType>();

/**
 * The type of a built-in kind's objects, compiled once per kind.
 * @throws Error when no document describes the kind
 */
export function mergeTypeOfKind(kind: Pick<Kind, "group" | "version" | "kind">): MergeType {
  let type = typesOfKinds.get(kind);
  if (type === undefined) {
    const document = documentOf(kind.group, kind.version);
    type = new Compiler(document).named(schemaNameOf(document, kind));
    typesOfKinds.set(kind, type);
  }
  return type;
}

/**
 * The type of a custom resource's objects from the structural schema of its CustomResourceDefinition;
 * without one everything but the metadata is of unknown structure.
 */
export function mergeTypeOfCustomResource(
  schema: MergeSchema | undefined,
  preservesUnknown = false,
): MergeType {
  const root = schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return new Compiler(documentOf("", "v1")).custom(
    { ...root, "x-kubernetes-embedded-resource": true },
    preservesUnknown,
  );
}

const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const REFERENCE = "#/components/schemas/";

/** Types without structure of their own, whatever their schema says. */
const SPECIAL: Readonly<Record<string, MergeType>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": { scalar: "untyped" },
  "io.k8s.apimachinery.pkg.runtime.RawExtension": ATOMIC,
};

/** Turns schemas into types, as kube-openapi's pkg/schemaconv does. */
class Compiler {
  private readonly document: SchemaDocument;
  private readonly types: Map<string, MergeType>;
  /** Copies of types that may not be complete yet, because types may contain themselves. */
  private readonly overrides: (() => void)[] = [];
  private depth = 0;

  constructor(document: SchemaDocument) {
    this.document = document;
    this.types = typesOfDocuments.get(document) ?? new Map();
    typesOfDocuments.set(document, this.types);
  }

  named(name: string): MergeType {
    const known = this.types.get(name);
    if (known !== undefined) return known;
    const special = SPECIAL[name];
    if (special !== undefined) return special;
    const schema = this.document.schemas[name];
    if (schema === undefined) throw new Error(`schema ${name} is missing from its OpenAPI document`);
    const type: MergeType = {};
    this.types.set(name, type);
    return this.within(() => Object.assign(type, this.type(schema as MergeSchema, false)));
  }

  custom(schema: MergeSchema, preservesUnknown: boolean): MergeType {
    return this.within(() => this.type(schema, preservesUnknown));
  }

  /** Completes the copies once the outermost type is complete. */
  private within(compile: () => MergeType): MergeType {
    this.depth++;
    const type = compile();
    this.depth--;
    if (this.depth === 0) for (const override of this.overrides.splice(0)) override();
    return type;
  }

  private reference(schema: MergeSchema, preserves: boolean): MergeType {
    const target = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
    if (target === undefined) return this.type(schema, preserves);
    const type = this.named(target.slice(REFERENCE.length));
    const mapType = schema["x-kubernetes-map-type"];
    if (mapType === undefined) return type;
    const copy: MergeType = {};
    this.overrides.push(() => Object.assign(copy, withRelation(type, mapType === "atomic")));
    return copy;
  }

  private type(schema: MergeSchema, inherited: boolean): MergeType {
    const preserves = inherited || schema["x-kubernetes-preserve-unknown-fields"] === true;
    switch (schema.type) {
      case undefined:
        return { scalar: "untyped", list: this.list(schema, preserves), map: this.map(schema, preserves) };
      case "object":
        return { map: this.map(schema, preserves) };
      case "array":
        return { list: this.list(schema, preserves) };
      case "integer":
      case "number":
        return { scalar: "numeric" };
      case "boolean":
        return { scalar: "boolean" };
      case "string":
        return { scalar: schema.format === undefined || schema.format === "byte" ? "string" : "untyped" };
      default:
        return { scalar: "untyped" };
    }
  }

  private list(schema: MergeSchema, preserves: boolean): ListType {
    const items = schema.items === undefined ? ATOMIC : this.reference(schema.items, preserves);
    return { ...listRelation(schema), items };
  }

  private map(schema: MergeSchema, preserves: boolean): MapType {
    const fields = new Map<string, MapField>();
    if (schema["x-kubernetes-embedded-resource"] === true) {
      fields.set("apiVersion", { type: { scalar: "string" } });
      fields.set("kind", { type: { scalar: "string" } });
      fields.set("metadata", { type: this.named(OBJECT_META) });
    }
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (fields.has(name)) continue;
      fields.set(name, { type: this.reference(property, preserves), default: property.default });
    }
    const atomic = schema["x-kubernetes-map-type"] === "atomic";
    const values = this.values(schema, preserves);
    return values === undefined ? { atomic, fields } : { atomic, fields, values };
  }

  private values(schema: MergeSchema, preserves: boolean): MergeType | undefined {
    const others = schema.additionalProperties;
    if (others === undefined) {
      return preserves || Object.keys(schema.properties ?? {}).length === 0 ? DEDUCED : undefined;
    }
    if (typeof others === "boolean") return others ? DEDUCED : undefined;
    return this.reference(others, preserves);
  }
}

/** A property can say otherwise than the type that it refers to. */
function withRelation(type: MergeType, atomic: boolean): MergeType {
  if (type.map !== undefined) return { ...type, map: { ...type.map, atomic } };
  return type.list === undefined ? type : { ...type, list: { ...type.list, atomic } };
}

function listRelation(schema: MergeSchema): Omit<ListType, "items"> {
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "set") return { atomic: false, keys: [] };
  if (listType === "map") return { atomic: false, keys: schema["x-kubernetes-list-map-keys"] ?? [] };
  const strategy = schema["x-kubernetes-patch-strategy"];
  if (listType !== undefined || !(strategy === "merge" || strategy === "merge,retainKeys")) {
    return { atomic: true, keys: [] };
  }
  const key = schema["x-kubernetes-patch-merge-key"];
  return { atomic: false, keys: key === undefined ? [] : [key] };
}

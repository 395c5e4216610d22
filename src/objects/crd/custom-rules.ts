import { invalid } from "../field-errors.ts";
import { apiVersionOf, type Kind } from "../kinds.ts";
import { subdomainName } from "../metadata/names.ts";
import { sameJson } from "../patch/json-value.ts";
import type { KindRules } from "../strategy/rules.ts";
import type { AnyObject } from "../types.ts";
import type { CustomVersion } from "./custom-kind.ts";
import { applyRootDefaults, validateCustomResource, validateCustomStatus } from "./custom-resource.ts";

const known = new WeakMap<CustomVersion, KindRules<AnyObject>>();

/** How a custom resource is written (apiextensions pkg/registry/customresource/strategy.go). */
export function customRules(kind: Kind, custom: CustomVersion): KindRules<AnyObject> {
  let rules = known.get(custom);
  if (rules === undefined) {
    rules = rulesFor(kind, custom);
    known.set(custom, rules);
  }
  return rules;
}

function rulesFor(kind: Kind, custom: CustomVersion): KindRules<AnyObject> {
  const check = (object: AnyObject, old?: AnyObject) => {
    const head = headErrors(kind, object);
    return head.length > 0 ? head : validateCustomResource(object, custom.schema, old);
  };
  return {
    nameRule: subdomainName,
    createOnUpdate: false,
    unconditionalUpdate: false,
    prepareForCreate(object) {
      if (custom.hasStatus) delete object["status"];
      // what is stored is read with its defaults, those of the status among them
      applyRootDefaults(object, custom.schema);
      object.metadata.generation = 1;
    },
    prepareForUpdate(next, stored) {
      if (custom.hasStatus) copyField(next, stored, "status");
      if (!sameJson(contentOf(next), contentOf(stored))) {
        next.metadata.generation = (stored.metadata.generation ?? 0) + 1;
      }
    },
    prepareForStatus(next, stored) {
      const { status } = next;
      const { managedFields } = next.metadata;
      for (const name of Object.keys(next)) delete next[name];
      Object.assign(next, structuredClone(stored));
      if (status === undefined) delete next["status"];
      else next["status"] = status;
      if (managedFields === undefined) delete next.metadata.managedFields;
      else next.metadata.managedFields = managedFields;
    },
    validate: (object) => check(object),
    validateUpdate: check,
    validateStatus: (object, old) => validateCustomStatus(object, custom.schema, old),
  };
}

function copyField(next: AnyObject, stored: AnyObject, name: string): void {
  if (stored[name] === undefined) delete next[name];
  else next[name] = stored[name];
}

/** All that makes a new generation: everything but metadata. */
function contentOf({ apiVersion: _, kind: _kind, metadata: _metadata, ...content }: AnyObject): object {
  return content;
}

function headErrors(kind: Kind, object: AnyObject) {
  const wanted = apiVersionOf(kind);
  return [
    ...(object.kind === kind.kind ? [] : [invalid("kind", object.kind, `must be ${kind.kind}`)]),
    ...(object.apiVersion === wanted ? [] : [invalid("apiVersion", object.apiVersion, `must be ${wanted}`)]),
  ];
}

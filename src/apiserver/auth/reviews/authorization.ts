import { type FieldError, invalid } from "../../../objects/field-errors.ts";
import type { PolicyRule } from "../../../objects/rbac/types.ts";
import { badRequest, invalidObject } from "../../../objects/status.ts";
import type { AnyObject, ObjectMeta } from "../../../objects/types.ts";
import type { Attributes } from "../attributes.ts";
import { aggregate } from "../authorizer.ts";
import type { User } from "../user.ts";
import type { Asker, Review } from "./serve.ts";

interface AccessSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly nonResourceAttributes?: { readonly verb?: string; readonly path?: string };
}

interface SubjectSpec extends AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What anybody may do (pkg/registry/authorization/subjectaccessreview). */
export const reviewSubjectAccess: Review = (asker, review) => {
  rejectIf(review, [...subjectErrors(review["spec"]), ...metadataErrors(review.metadata)]);
  return decided(asker, review, subjectOf(review["spec"]));
};

/** What the one who asks may do. */
export const reviewOwnAccess: Review = (asker, review) => {
  rejectIf(review, [...accessErrors(review["spec"]), ...metadataErrors(review.metadata)]);
  return decided(asker, review, asker.user);
};

/** What anybody may do in one namespace, asked there. */
export const reviewLocalAccess: Review = (asker, review) => {
  const { namespace } = asker;
  const spec = review["spec"] as SubjectSpec;
  if ((review.metadata.namespace ?? "") === "") review.metadata.namespace = namespace;
  if (review.metadata.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  rejectIf(review, [
    ...subjectErrors(spec),
    ...metadataErrors(review.metadata, true),
    ...localErrors(spec, namespace),
  ]);
  return decided(asker, review, subjectOf(spec));
};

/** All that the one who asks may do in a namespace. */
export const reviewOwnRules: Review = ({ access, user }, review) => {
  const namespace: string = review["spec"].namespace ?? "";
  if (namespace === "") throw badRequest("no namespace on request");
  const { rules, errors } = access.authorizer.rulesFor(user, namespace);
  const resourceRules = rules.filter((rule) => (rule.resources?.length ?? 0) > 0).map(resourceRule);
  const pathRules = rules.filter((rule) => (rule.nonResourceURLs?.length ?? 0) > 0);
  const nonResourceRules = pathRules.map(({ verbs, nonResourceURLs }) => ({ nonResourceURLs, verbs }));
  const status = {
    ...(errors.length === 0 ? {} : { evaluationError: aggregate(errors) }),
    incomplete: false,
    nonResourceRules,
    resourceRules,
  };
  return { ...review, metadata: {} as ObjectMeta, spec: {}, status };
};

function resourceRule({ verbs, apiGroups, resources, resourceNames }: PolicyRule): object {
  return { apiGroups, ...(resourceNames?.length ? { resourceNames } : {}), resources, verbs };
}

function decided({ access }: Asker, review: AnyObject, user: User): AnyObject {
  const { allowed, reason } = access.authorizer.decide(user, attributesOf(review["spec"]));
  return { ...review, status: { allowed, ...(reason === "" ? {} : { reason }) } };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: AccessSpec): Attributes {
  if (resourceAttributes === undefined) return { verb: "", path: "", ...nonResourceAttributes };
  const {
    verb = "",
    group = "",
    resource = "",
    subresource = "",
    namespace = "",
    name = "",
  } = resourceAttributes;
  return { verb, group, resource, subresource, namespace, name };
}

function subjectOf({ user = "", groups = [], uid, extra }: SubjectSpec): User {
  return {
    name: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  };
}

function accessErrors({ resourceAttributes, nonResourceAttributes }: AccessSpec): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const detail = "cannot be specified in combination with resourceAttributes";
    return [invalid("spec.nonResourceAttributes", nonResourceAttributes, detail)];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  const detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
  return [invalid("spec.resourceAttributes", null, detail)];
}

function subjectErrors(spec: SubjectSpec): FieldError[] {
  const errors = accessErrors(spec);
  if ((spec.user ?? "") !== "" || (spec.groups?.length ?? 0) > 0) return errors;
  return [...errors, invalid("spec.user", "", "at least one of user or group must be specified")];
}

function localErrors(
  { resourceAttributes, nonResourceAttributes }: SubjectSpec,
  namespace: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const asked = resourceAttributes?.namespace ?? "";
  if (resourceAttributes !== undefined && asked !== namespace) {
    errors.push(invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace"));
  }
  if (nonResourceAttributes !== undefined) {
    const detail = "disallowed on this kind of request";
    errors.push(invalid("spec.nonResourceAttributes", nonResourceAttributes, detail));
  }
  return errors;
}

function metadataErrors(metadata: ObjectMeta, isLocal = false): FieldError[] {
  const { managedFields: _owners, namespace, ...rest } = metadata;
  const shown = isLocal || namespace === undefined ? rest : { ...rest, namespace };
  if (Object.keys(shown).length === 0) return [];
  return [invalid("metadata", metadata, isLocal ? "must be empty except for namespace" : "must be empty")];
}

function rejectIf({ kind }: AnyObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: "authorization.k8s.io", kind }, "", errors);
}

import { ApiError } from "../../objects/status.ts";
import { type Attributes, isResource } from "./attributes.ts";
import type { User } from "./user.ts";

/** 403, as the real server words it (apiserver's responsewriters.Forbidden). */
export function forbidden(user: User, wanted: Attributes, reason = ""): ApiError {
  const text = escapeHtml(sentence(user, wanted));
  const why = reason === "" ? text : `${text}: ${reason}`;
  if (!isResource(wanted)) {
    return new ApiError({ message: `forbidden: ${why}`, reason: "Forbidden", details: {}, code: 403 });
  }
  const { group, resource, name } = wanted;
  const qualified = group === "" ? resource : `${resource}.${group}`;
  const object = name === "" ? qualified : `${qualified} ${JSON.stringify(name)}`;
  return new ApiError({
    message: `${object} is forbidden: ${why}`,
    reason: "Forbidden",
    details: { ...(name === "" ? {} : { name }), ...(group === "" ? {} : { group }), kind: resource },
    code: 403,
  });
}

function sentence(user: User, wanted: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${wanted.verb}`;
  if (!isResource(wanted)) return `${who} path ${JSON.stringify(wanted.path)}`;
  const { group, resource, subresource, namespace } = wanted;
  const full = subresource === "" ? resource : `${resource}/${subresource}`;
  const place = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${place}`;
}

/** Browsers might take the text for a page. */
function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

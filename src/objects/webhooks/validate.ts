import { ruleSyntaxError } from "../crd/index.ts";
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../field-errors.ts";
import { asErrors, dnsSubdomainProblems, qualifiedNameProblems } from "../service/formats.ts";
import { validateLabelSelector } from "../validation/selectors.ts";
import type { Webhook, WebhookClientConfig, WebhookConfiguration, WebhookRule } from "./types.ts";

// pkg/apis/admissionregistration/validation/validation.go

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const MAX_CONDITIONS = 64;

/** Checks a configuration of webhooks of either kind. */
export function validateWebhooks({ webhooks = [] }: WebhookConfiguration): FieldError[] {
  const seen = new Set<string>();
  return webhooks.flatMap((webhook, index) => {
    const field = `webhooks[${index}]`;
    const again = seen.has(webhook.name);
    seen.add(webhook.name);
    return [...validateWebhook(webhook, field), ...(again ? [duplicate(`${field}.name`, webhook.name)] : [])];
  });
}

function validateWebhook(webhook: Webhook, field: string): FieldError[] {
  const { timeoutSeconds: timeout, namespaceSelector, objectSelector } = webhook;
  return [
    ...validateName(`${field}.name`, webhook.name),
    ...validateVersions(`${field}.admissionReviewVersions`, webhook.admissionReviewVersions ?? []),
    ...(webhook.rules ?? []).flatMap((rule, at) => validateRule(rule, `${field}.rules[${at}]`)),
    ...oneOf(`${field}.failurePolicy`, webhook.failurePolicy, ["Fail", "Ignore"]),
    ...oneOf(`${field}.matchPolicy`, webhook.matchPolicy, ["Equivalent", "Exact"]),
    ...validateSideEffects(`${field}.sideEffects`, webhook.sideEffects),
    ...(timeout !== undefined && (timeout < 1 || timeout > 30)
      ? [invalid(`${field}.timeoutSeconds`, timeout, "the timeout value must be between 1 and 30 seconds")]
      : []),
    ...oneOf(`${field}.reinvocationPolicy`, webhook.reinvocationPolicy, ["IfNeeded", "Never"]),
    ...(namespaceSelector ? validateLabelSelector(`${field}.namespaceSelector`, namespaceSelector) : []),
    ...(objectSelector ? validateLabelSelector(`${field}.objectSelector`, objectSelector) : []),
    ...validateClientConfig(webhook.clientConfig, `${field}.clientConfig`),
    ...validateConditions(webhook, `${field}.matchConditions`),
  ];
}

function validateName(field: string, name: string): FieldError[] {
  if (name === "") return [required(field)];
  const problems = asErrors(field, name, dnsSubdomainProblems(name));
  if (problems.length > 0 || name.split(".").length >= 3) return problems;
  return [invalid(field, name, "should be a domain with at least three segments separated by dots")];
}

function validateVersions(field: string, versions: readonly string[]): FieldError[] {
  if (versions.length === 0) return [required(field, "must specify one of v1, v1beta1")];
  if (versions.some((version) => version === "v1" || version === "v1beta1")) return [];
  return [invalid(field, versions, "must include at least one of v1, v1beta1")];
}

function validateSideEffects(field: string, value: string | undefined): FieldError[] {
  const known = ["None", "NoneOnDryRun"];
  if (value === undefined) return [required(field, `must specify one of ${known.join(", ")}`)];
  return oneOf(field, value, known);
}

function oneOf(field: string, value: string | undefined, known: readonly string[]): FieldError[] {
  return value === undefined || known.includes(value) ? [] : [notSupported(field, value, known)];
}

function validateRule(rule: WebhookRule, field: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [] } = rule;
  return [
    ...wholeOrParts(`${field}.operations`, operations),
    ...operations.flatMap((name, at) => oneOf(`${field}.operations[${at}]`, name, OPERATIONS)),
    ...wholeOrParts(`${field}.apiGroups`, apiGroups),
    ...wholeOrParts(`${field}.apiVersions`, apiVersions),
    ...apiVersions.flatMap((version, at) =>
      version === "" ? [required(`${field}.apiVersions[${at}]`)] : [],
    ),
    ...validateResources(`${field}.resources`, resources),
    ...oneOf(`${field}.scope`, rule.scope, ["*", "Cluster", "Namespaced"]),
  ];
}

function wholeOrParts(field: string, values: readonly string[]): FieldError[] {
  if (values.length === 0) return [required(field)];
  if (values.length === 1 || !values.includes("*")) return [];
  return [invalid(field, values, "if '*' is present, must not specify other values")];
}

/** `*` stands for all resources without subresources, `*` + `/*` for all with them. */
function validateResources(field: string, resources: readonly string[]): FieldError[] {
  if (resources.length === 0) return [required(field)];
  const errors = resources.flatMap((name, at) => (name === "" ? [required(`${field}[${at}]`)] : []));
  if (resources.length > 1 && resources.includes("*/*"))
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  const isAll = resources.includes("*") && resources.some((name) => name !== "*" && !name.includes("/"));
  if (isAll)
    errors.push(
      invalid(field, resources, "if '*' is present, must not specify other resources without subresources"),
    );
  return errors;
}

function validateClientConfig({ url, service }: WebhookClientConfig, field: string): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(field, "exactly one of url or service is required")];
  if (url !== undefined) return validateUrl(`${field}.url`, url);
  const { namespace = "", name = "", path, port = 443 } = service!;
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(`${field}.service.name`, "service name is required"));
  if (namespace === "") errors.push(required(`${field}.service.namespace`, "service namespace is required"));
  if (path !== undefined && !path.startsWith("/"))
    errors.push(invalid(`${field}.service.path`, path, "must start with a '/'"));
  if (port < 1 || port > 65535)
    errors.push(
      invalid(`${field}.service.port`, port, "port is not valid: must be between 1 and 65535, inclusive"),
    );
  return errors;
}

/** apiserver pkg/util/webhook/validation.go ValidateWebhookURL. */
function validateUrl(field: string, text: string): FieldError[] {
  const form = "; desired format: https://host[/path]";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return [required(field, `url must be a valid URL: ${text}${form}`)];
  }
  const errors: FieldError[] = [];
  if (url.protocol !== "https:")
    errors.push(invalid(field, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (url.username !== "" || url.password !== "")
    errors.push(invalid(field, url.username, "user information is not permitted in the URL"));
  if (url.hash !== "")
    errors.push(invalid(field, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search !== "")
    errors.push(invalid(field, url.search.slice(1), "query parameters are not permitted in the URL"));
  return errors;
}

function validateConditions({ matchConditions: conditions = [] }: Webhook, field: string): FieldError[] {
  if (conditions.length > MAX_CONDITIONS) return [tooMany(field, conditions.length, MAX_CONDITIONS)];
  const seen = new Set<string>();
  return conditions.flatMap(({ name, expression }, at) => {
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(`${field}[${at}].name`));
    else errors.push(...asErrors(`${field}[${at}].name`, name, qualifiedNameProblems(name)));
    if (seen.has(name) && name !== "") errors.push(duplicate(`${field}[${at}].name`, name));
    seen.add(name);
    if (expression.trim() === "") return [...errors, required(`${field}[${at}].expression`)];
    const why = ruleSyntaxError(expression);
    if (why !== undefined)
      errors.push(invalid(`${field}[${at}].expression`, expression, `compilation failed: ${why}`));
    return errors;
  });
}

/** What annotations say in vain, as another one wins or nobody reads them: neither AWS nor its controller says so. */
import { ALL_ANNOTATIONS, type AnnotationName } from "./annotations/index.ts";
import { note, type Translation } from "./context.ts";
import type { BalancerModel } from "./model.ts";
import { parseBool } from "./parse.ts";
import { PROXY_ATTRIBUTE } from "./proxy-protocol.ts";

/** Warns of what has no effect, and of what has another one than it says. */
export function checkContradictions(translation: Translation, model: BalancerModel): void {
  checkScheme(translation);
  checkProxyAnnotations(translation, model);
  checkProbeWords(translation, model);
  checkTlsWords(translation, model);
  checkAffinity(translation, model);
  checkEmptyLists(translation);
  if (translation.provider !== "aws") return;
  checkSecurityGroups(translation, model);
  checkNodesWithoutGroups(translation, model);
  if ((translation.service.spec.loadBalancerIP ?? "") !== "")
    note(
      translation,
      "warning",
      "spec.loadBalancerIP",
      "it has no effect on AWS",
      "use service.beta.kubernetes.io/aws-load-balancer-eip-allocations, -private-ipv4-addresses or -ipv6-addresses",
    );
}

/** Lists whose emptiness says something: no port, and nobody. */
const TELLING_WHEN_EMPTY: readonly AnnotationName[] = ["proxyProtocolPerTargetGroup", "prefixLists"];

/** A template that was filled with nothing; the AWS controller says of some that a count does not match. */
function checkEmptyLists({ annotations, provider }: Translation): void {
  for (const { id, type, concerns, suffix } of ALL_ANNOTATIONS) {
    if (type !== "list" || suffix !== undefined || (concerns !== "both" && concerns !== provider)) continue;
    const value = annotations.get(id);
    if (Array.isArray(value) && value.length === 0 && !TELLING_WHEN_EMPTY.includes(id))
      annotations.warn(id, "it is empty, which is as if it were not there", "fill it, or take it away");
  }
}

function checkScheme({ annotations }: Translation): void {
  const internal = parseBool(annotations.text("internal") ?? "");
  const scheme = annotations.get("scheme");
  if (scheme === undefined || "error" in internal || internal.value === (scheme === "internal")) return;
  annotations.warn("internal", `it says the opposite of scheme ${scheme}, which wins`, "take it away");
}

/** The stronger annotation decides (targetAttributesOf); a weaker one that says otherwise is told. */
function checkProxyAnnotations({ annotations }: Translation, { ports }: BalancerModel): void {
  const all = annotations.get("proxyProtocol") === "*";
  const listed = annotations.get("proxyProtocolPerTargetGroup");
  const unlisted = ports.filter(({ port }) => listed?.includes(String(port)) === false);
  if (all && unlisted.length > 0)
    annotations.warn(
      "proxyProtocolPerTargetGroup",
      `it has no effect: aws-load-balancer-proxy-protocol "*" switches PROXY protocol on for port ${numbers(unlisted)}, too`,
      "take one of the two away",
    );
  const said = annotations.get("targetGroupAttributes")?.[PROXY_ATTRIBUTE];
  const other = ports.filter(({ targetAttributes }) => targetAttributes[PROXY_ATTRIBUTE] !== said);
  if (said === undefined || other.length === 0 || (!all && listed === undefined)) return;
  annotations.warn(
    "targetGroupAttributes",
    `${PROXY_ATTRIBUTE}=${said} has no effect on port ${numbers(other)}: ` +
      `aws-load-balancer-proxy-protocol${all ? "" : "-per-target-group"} wins`,
    "take one of the two away",
  );
}

function numbers(ports: readonly { readonly port: number }[]): string {
  return ports.map(({ port }) => port).join(", ");
}

function checkProbeWords({ annotations }: Translation, { ports }: BalancerModel): void {
  if (ports.some(({ healthCheck }) => healthCheck.protocol !== "TCP")) return;
  for (const name of ["healthPath", "healthCodes"] as const)
    if (annotations.get(name) !== undefined)
      annotations.warn(
        name,
        "it has no effect: probes are TCP connections",
        "set service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol to http, or take it away",
      );
}

function checkTlsWords({ annotations }: Translation, { ports }: BalancerModel): void {
  if (annotations.has("certificates") || ports.some(({ tls }) => tls !== undefined)) return;
  for (const name of ["alpn", "tlsPolicy"] as const)
    if (annotations.has(name))
      annotations.warn(
        name,
        "it has no effect: no port has TLS",
        "name a certificate in service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
      );
}

/** Nodes keep affinity by the address that they see: a translated client's is the balancer's. */
function checkAffinity(
  translation: Translation,
  { targetType, clientFamilies, targetFamilies }: BalancerModel,
) {
  const { service, provider } = translation;
  if (service.spec.sessionAffinity !== "ClientIP" || targetType !== "instance") return;
  const translated = clientFamilies.filter((family) => provider === "local" || family !== targetFamilies[0]);
  if (translated.length === 0) return;
  note(
    translation,
    "warning",
    "spec.sessionAffinity",
    `to nodes all ${translated.join(" and ")} clients come from the load balancer's own address: each node sends them ` +
      "all to one pod",
    "set it to None, and keep affinity by cookies or the like",
  );
}

/** Nodes let the shared group in, which such a load balancer has not; the AWS controller writes rules for CIDRs then. */
function checkNodesWithoutGroups({ annotations }: Translation, { aws }: BalancerModel): void {
  if (!aws.disableSecurityGroups || aws.manageBackendSecurityGroupRules === false) return;
  annotations.warn(
    "disableSecurityGroups",
    "nodes' security groups get no rules for a load balancer without security groups: no target is reached unless they let it in",
    "let clients and the load balancer's subnets in at the node ports (or pods' ports) there, then set " +
      'service.beta.kubernetes.io/aws-load-balancer-manage-backend-security-group-rules to "false"',
  );
}

const SECURITY_WISHES: readonly (readonly [AnnotationName, string])[] = [
  ["prefixLists", "prefix lists"],
  ["icmp", "ICMP"],
];

/** Where the load balancer has no group of ours, nobody holds clients to what the Service says. */
function checkSecurityGroups(translation: Translation, { aws, sourceRanges }: BalancerModel): void {
  const { annotations, service } = translation;
  const none = aws.disableSecurityGroups;
  if (none && aws.securityGroups.length > 0)
    annotations.warn(
      "securityGroups",
      "they have no effect: disable-nlb-sg makes the load balancer without security groups",
      "take one of the two away",
    );
  const { securityGroupPrefixLists: lists } = aws;
  if (!none && aws.securityGroups.length === 0) {
    if (lists?.length === 0 && sourceRanges.length === 0)
      annotations.warn("prefixLists", "it is empty: no client is let in", "fill it, or take it away");
    return;
  }
  const why = none
    ? "disable-nlb-sg makes the load balancer without security groups"
    : "the groups that the Service names let in whom their own rules say";
  const next = none ? "take disable-nlb-sg away" : "put them into those groups, or take security-groups away";
  const own = (service.spec.loadBalancerSourceRanges ?? []).length > 0;
  const message = `nobody is kept out by source ranges: ${why}`;
  if (sourceRanges.length > 0 && own)
    note(translation, "warning", "spec.loadBalancerSourceRanges", message, next);
  else if (sourceRanges.length > 0) annotations.warn("sourceRanges", message, next);
  for (const [name, what] of SECURITY_WISHES)
    if (annotations.has(name)) annotations.warn(name, `${what} have no effect: ${why}`, next);
}

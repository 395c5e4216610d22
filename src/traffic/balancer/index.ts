/**
 * From a Service to what it asks of a load balancer: the pure half that the providers `aws` and `local` share. What
 * annotations mean is the AWS Load Balancer Controller's meaning (v3.5), so that its users' Services work as they are.
 */
import type { Service } from "../../objects/types.ts";
import { checkAttributes } from "./attributes.ts";
import { awsSettings, schemeOf } from "./aws-settings.ts";
import { checkModel, sourceRangesOf } from "./checks.ts";
import { checkContradictions } from "./contradictions.ts";
import type { BalancerWorld, Translation } from "./context.ts";
import { selectEndpoints } from "./endpoints.ts";
import { familiesOfBalancer } from "./families.ts";
import { healthCheckOf } from "./health.ts";
import { localSettings } from "./local-settings.ts";
import type { BalancerFinding, BalancerModel, GardenerSettings, TranslatedBalancer } from "./model.ts";
import { selectNodes } from "./nodes.ts";
import { ownershipOf } from "./ownership.ts";
import { portsOf } from "./ports.ts";
import { checkProxy } from "./proxy-protocol.ts";
import { AnnotationReader } from "./reader.ts";
import { shapeFindings } from "./shape.ts";

export {
  ALL_ANNOTATIONS,
  type AnnotationName,
  ANNOTATIONS,
  type AnnotationSpec,
} from "./annotations/index.ts";
export type { BalancerFlags, BalancerWorld } from "./context.ts";
export { type ListenerProtocol, listenerProtocolOf, targetProtocolOf } from "./listener.ts";
export { selectNodes } from "./nodes.ts";
export { annotationField } from "./reader.ts";
export { ownershipOf } from "./ownership.ts";

/**
 * Translates a Service. Never throws: what cannot be served is a finding. The model is undefined where the Service is not
 * ours, or has an error.
 */
export function translateBalancer(given: Service, world: BalancerWorld): TranslatedBalancer {
  const service = plain(given);
  const flags = world.flags ?? {};
  const ownership = ownershipOf(service, {
    provider: world.provider,
    loadBalancerClass: flags.loadBalancerClass,
  });
  if (!ownership.owned)
    return { ownership, model: undefined, findings: ownership.finding ? [ownership.finding] : [] };
  const misshapen = shapeFindings(given);
  if (misshapen.length > 0) return { ownership, model: undefined, findings: misshapen };
  const annotations = new AnnotationReader(service.metadata.annotations ?? {}, world.provider);
  const translation: Translation = { ...world, flags, service, annotations, findings: [] };
  const model = modelOf(translation);
  const findings = inOrder([...annotations.findings, ...translation.findings]);
  const failed = findings.some(({ level }) => level === "error");
  return { ownership, model: failed ? undefined : model, findings };
}

/** A Service of a manifest may lack its spec, or have annotations that are no texts; no API server has such. */
function plain(service: Service): Service {
  const annotations = Object.entries(service.metadata.annotations ?? {});
  const texts = annotations.map(([key, value]) => [key, String(value)] as const);
  return {
    ...service,
    spec: service.spec ?? {},
    metadata: { ...service.metadata, annotations: Object.fromEntries(texts) },
  };
}

function modelOf(translation: Translation): BalancerModel {
  const { service, annotations } = translation;
  const { metadata, spec } = service;
  const namespace = metadata.namespace ?? "default";
  const families = familiesOfBalancer(translation);
  const targetType = targetTypeOf(translation);
  const healthCheck = healthCheckOf(translation, targetType);
  const aws = awsSettings(translation, families.ipAddressType);
  checkProxy(translation);
  checkAttributes(translation);
  const model: BalancerModel = {
    key: `${namespace}/${metadata.name}`,
    namespace,
    name: metadata.name,
    uid: metadata.uid ?? "",
    scheme: schemeOf(translation),
    clientFamilies: families.clients,
    targetFamilies: families.targets,
    targetType,
    ports: portsOf(translation, { targetType, healthCheck }),
    nodes: selectNodes(translation.nodes, annotations.get("nodeLabels")),
    endpoints: selectEndpoints(service, translation.endpointSlices, translation.provider),
    externalTrafficPolicy: spec.externalTrafficPolicy ?? "Cluster",
    healthCheckNodePort: (spec.healthCheckNodePort ?? 0) === 0 ? undefined : spec.healthCheckNodePort,
    sourceRanges: sourceRangesOf(translation, families),
    aws,
    local: localSettings(translation, families.clients),
    gardener: gardenerOf(translation),
  };
  checkModel(translation, model);
  checkContradictions(translation, model);
  return model;
}

function targetTypeOf({ annotations, flags }: Translation): "instance" | "ip" {
  const asked = annotations.get("targetType");
  const byType = annotations.get("type") === "nlb-ip" ? "ip" : undefined;
  const known = asked === "ip" || asked === "instance" ? asked : undefined;
  if (asked !== undefined && known === undefined)
    annotations.refuse("targetType", `unknown target type ${asked}`, "write instance or ip");
  const type = byType ?? known ?? flags.defaultTargetType ?? "instance";
  if (type === "ip" && flags.enableIpTargetType === false)
    annotations.refuse(
      "targetType",
      "unsupported targetType: ip when EnableIPTargetType is false",
      "set the target type to instance",
    );
  return type;
}

function gardenerOf({ annotations }: Translation): GardenerSettings | undefined {
  const ignored = annotations.get("ignored") === "true";
  const oldLoadBalancer = annotations.get("oldBalancer");
  const dnsIgnored = annotations.get("dnsIgnored") === "true";
  if (dnsIgnored)
    annotations.warn(
      "dnsIgnored",
      "DNS names do not follow this Service's load balancer",
      "take it away: the status moves to another load balancer only once that one serves",
    );
  if (!ignored && !dnsIgnored && oldLoadBalancer === undefined) return undefined;
  return { ignored, oldLoadBalancer, dnsIgnored };
}

/** Errors first, each once; a Service gets them as events in this order. */
function inOrder(findings: readonly BalancerFinding[]): BalancerFinding[] {
  const seen = new Map(findings.map((finding) => [`${finding.field}\n${finding.message}`, finding]));
  const all = [...seen.values()];
  return [...all.filter(({ level }) => level === "error"), ...all.filter(({ level }) => level === "warning")];
}

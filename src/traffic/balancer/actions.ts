/** Forward actions: what shares a port's connections with the Service (pkg/service/config_types.go). */
import type { Service, ServicePort } from "../../objects/types.ts";
import type { Translation } from "./context.ts";
import { selectEndpoints } from "./endpoints.ts";
import { healthCheckOf } from "./health.ts";
import type { ForwardTarget, PortForward } from "./model.ts";
import { targetAttributesOf } from "./proxy-protocol.ts";

const MAX_WEIGHT = 999;

/** Thrown inside this file with the controller's words. */
class Refused extends Error {}

/**
 * Reads the action of a listener (`TCP-80`); undefined where there is none, or where it was refused. Services named in it
 * are of the same namespace.
 */
export function forwardOf(
  translation: Translation,
  listener: string,
  targetType: "instance" | "ip",
): PortForward | undefined {
  const { annotations, provider } = translation;
  const action = annotations.at("actionsOf", listener);
  if (action === undefined) return undefined;
  if (provider === "local") {
    annotations.warn("actionsOf", "the local provider has no forward actions", undefined, listener);
    return undefined;
  }
  try {
    return readAction(translation, action, targetType, listener);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    annotations.refuse("actionsOf", error.message, "see docs/load-balancers.md for an example", listener);
    return undefined;
  }
}

function readAction(
  translation: Translation,
  action: unknown,
  targetType: "instance" | "ip",
  listener: string,
): PortForward {
  const { type, forwardConfig } = objectOf(action, "action");
  if (type !== "forward") throw new Refused(`unknown action type: ${text(type)}`);
  const config =
    forwardConfig === undefined || forwardConfig === null ? {} : objectOf(forwardConfig, "forwardConfig");
  const groups = config["targetGroups"] ?? [];
  if (!Array.isArray(groups)) throw new Refused("invalid ForwardConfig: targetGroups is no list");
  const others = groups.map((group) => targetOf(translation, objectOf(group, "targetGroups"), targetType));
  if (others.length > 1 && others.some(({ weight }) => weight === undefined))
    throw new Refused("invalid ForwardConfig: weight must be set when routing to multiple target groups");
  const sticky = stickinessOf(translation, config["targetGroupStickinessConfig"], listener);
  return { ownWeight: weightOf(config["baseServiceWeight"]), sticky, others };
}

/** AWS has none for TLS, and wants it of the whole where one group of several has it. */
function stickinessOf(translation: Translation, config: unknown, listener: string): boolean {
  const { enabled = false } = config === undefined || config === null ? {} : objectOf(config, STICKINESS);
  if (typeof enabled !== "boolean") throw new Refused(`${STICKINESS}.enabled is neither true nor false`);
  if (enabled && listener.startsWith("TLS-"))
    throw new Refused(
      `${STICKINESS} cannot be enabled: AWS has no stickiness between groups for TLS listeners`,
    );
  const port = Number(listener.split("-").at(-1));
  if (!enabled && targetAttributesOf(translation, port)["stickiness.enabled"] === "true")
    throw new Refused(`${STICKINESS} must be enabled where target groups have stickiness.enabled=true`);
  return enabled;
}

const STICKINESS = "targetGroupStickinessConfig";

function targetOf(
  translation: Translation,
  group: Record<string, unknown>,
  targetType: "instance" | "ip",
): ForwardTarget {
  const { targetGroupARN: arn, serviceName: name, servicePort } = group;
  const invalid = (why: string) => new Refused(`invalid ForwardConfig: invalid TargetGroupTuple: ${why}`);
  if ((typeof arn === "string") === (typeof name === "string"))
    throw invalid("precisely one of targetGroupARN and serviceName can be specified");
  if (typeof name === "string" && (servicePort === undefined || servicePort === null))
    throw invalid("missing servicePort");
  const weight = weightOf(group["weight"]);
  if (typeof arn === "string") return { kind: "arn", arn, weight };
  const service = serviceOf(translation, name as string);
  const port = portOf(service, servicePort);
  return {
    kind: "service",
    key: `${service.metadata.namespace ?? "default"}/${service.metadata.name}`,
    uid: service.metadata.uid ?? "",
    port: port.port,
    nodePort: (port.nodePort ?? 0) === 0 ? undefined : port.nodePort,
    targetPort: port.targetPort ?? port.port,
    portName: port.name ?? "",
    decrypt: group["decrypt"] === true,
    healthCheck: healthCheckOf({ ...translation, service }, targetType),
    endpoints: targetType === "ip" ? selectEndpoints(service, translation.endpointSlices, "aws") : [],
    weight,
  };
}

function serviceOf({ service, services = [] }: Translation, name: string): Service {
  const { namespace = "default" } = service.metadata;
  const known = [service, ...services].find(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? "default") === namespace,
  );
  if (known === undefined) throw new Refused(`services ${JSON.stringify(name)} not found`);
  return known;
}

function portOf(service: Service, wanted: unknown): ServicePort {
  const port = (service.spec.ports ?? []).find((known) =>
    typeof wanted === "number" ? known.port === wanted : known.name === wanted,
  );
  const key = `${service.metadata.namespace ?? "default"}/${service.metadata.name}`;
  if (port === undefined) throw new Refused(`unable to find port ${text(wanted)} on service ${key}`);
  return port;
}

function weightOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > MAX_WEIGHT)
    throw new Refused(
      "invalid ForwardConfig: invalid TargetGroupTuple: target group weight must be between 0 and 999",
    );
  return value as number;
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refused(`${what} is no JSON object`);
  return value as Record<string, unknown>;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}

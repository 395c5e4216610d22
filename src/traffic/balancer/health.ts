/** How targets are probed (pkg/service/model_build_target_group.go), and what AWS would refuse later. */
import type { Translation } from "./context.ts";
import type { HealthCheck } from "./model.ts";
import type { AnnotationName } from "./annotations/index.ts";

/**
 * Whether the defaults for externalTrafficPolicy Local hold: nodes are asked whether they have endpoints. A manifest that
 * has been in no cluster has yet to get the port for it.
 */
export function asksNodes(
  { service: { spec, metadata } }: Pick<Translation, "service">,
  targetType: "instance" | "ip",
): boolean {
  const local = spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
  const has = (spec.healthCheckNodePort ?? 0) > 0 || metadata.uid === undefined;
  return targetType === "instance" && local && has;
}

/** The health check of every port: annotations over the defaults, which depend on externalTrafficPolicy. */
export function healthCheckOf(translation: Translation, targetType: "instance" | "ip"): HealthCheck {
  const { annotations, service } = translation;
  const local = asksNodes(translation, targetType);
  const protocol = (annotations.get("healthProtocol")?.toUpperCase() ??
    (local ? "HTTP" : "TCP")) as HealthCheck["protocol"];
  const plain = protocol === "TCP";
  const intervalSeconds = annotations.get("healthInterval") ?? 10;
  const check: HealthCheck = {
    protocol,
    port: portOf(translation, (local && service.spec.healthCheckNodePort) || "traffic-port", targetType),
    path: plain ? undefined : (annotations.get("healthPath") ?? (local ? "/healthz" : "/")),
    intervalSeconds,
    // the controller keeps its 10 s beside a shorter interval, and AWS refuses that
    timeoutSeconds: annotations.get("healthTimeout") ?? Math.min(intervalSeconds, local ? 6 : 10),
    healthyThreshold: annotations.get("healthyThreshold") ?? (local ? 2 : 3),
    unhealthyThreshold: annotations.get("unhealthyThreshold") ?? (local ? 2 : 3),
    successCodes: plain ? undefined : (annotations.get("healthCodes") ?? "200-399"),
  };
  checkBounds(translation, check);
  return check;
}

function portOf(
  translation: Translation,
  fallback: HealthCheck["port"],
  targetType: "instance" | "ip",
): HealthCheck["port"] {
  const { annotations, service } = translation;
  const raw = annotations.get("healthPort");
  if (raw === undefined) return fallback;
  if (raw === "traffic-port") return raw;
  const refuse = (message: string, next?: string) => {
    annotations.refuse("healthPort", message, next);
    return fallback;
  };
  if (/^[+-]?[0-9]+$/.test(raw)) {
    const port = Number(raw);
    const next = "write traffic-port, or a number from 1 to 65535";
    return port >= 1 && port <= 65_535 ? port : refuse(`health check port ${raw} is no port`, next);
  }
  const port = (service.spec.ports ?? []).find(({ name }) => name === raw);
  const { namespace = "default", name } = service.metadata;
  if (port === undefined)
    return refuse(
      `failed to resolve healthCheckPort: unable to find port ${raw} on service ${namespace}/${name}`,
      "name a port of the Service, write its number, or traffic-port",
    );
  if (targetType === "instance") return port.nodePort ?? fallback;
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  return refuse(
    "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
    "write the number of the pods' port",
  );
}

const BOUNDS: readonly (readonly [AnnotationName, keyof HealthCheck, number, number])[] = [
  ["healthInterval", "intervalSeconds", 5, 300],
  ["healthTimeout", "timeoutSeconds", 2, 120],
  ["healthyThreshold", "healthyThreshold", 2, 10],
  ["unhealthyThreshold", "unhealthyThreshold", 2, 10],
];

/** The AWS controller checks none of this; AWS refuses it when the target group is made. */
function checkBounds({ annotations, provider }: Translation, check: HealthCheck): void {
  for (const [name, field, least, most] of BOUNDS) {
    const value = check[field] as number;
    const low = provider === "aws" ? least : 1;
    const high = provider === "aws" ? most : 3600;
    if (annotations.get(name) === undefined || (value >= low && value <= high)) continue;
    annotations.refuse(
      name,
      `${value} is out of range: from ${low} to ${high}`,
      "choose a value in the range",
    );
  }
  if (check.timeoutSeconds <= check.intervalSeconds) return;
  const message = `a probe may take ${check.timeoutSeconds} s, but the next one comes after ${check.intervalSeconds} s`;
  annotations.refuse("healthTimeout", message, "make the timeout no longer than the interval");
}

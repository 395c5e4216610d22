/** Whether a Service has the shape of one: what an API server would refuse, but a manifest may have. */
import type { Service } from "../../objects/types.ts";
import type { BalancerFinding } from "./model.ts";

const PROTOCOLS: readonly unknown[] = [undefined, "TCP", "UDP", "SCTP"];
const LISTS = ["ipFamilies", "loadBalancerSourceRanges"] as const;

/** What of annotations and `spec` is of another type than in Kubernetes, each with its field. */
export function shapeFindings({ metadata, spec }: Service): BalancerFinding[] {
  return [...annotationFindings(metadata.annotations), ...specFindings((spec ?? {}) as Loose)];
}

type Loose = Readonly<Record<string, unknown>>;

function annotationFindings(annotations: unknown): BalancerFinding[] {
  if (annotations === undefined || annotations === null) return [];
  if (!isMap(annotations))
    return [wrong("metadata.annotations", annotations, "a map of texts", "write key: value")];
  return Object.entries(annotations)
    .filter(([, value]) => typeof value !== "string")
    .map(([key, value]) =>
      wrong(`metadata.annotations[${key}]`, value, "a text", `put it in quotes: "${String(value)}"`),
    );
}

function specFindings(spec: Loose): BalancerFinding[] {
  const lists = LISTS.filter((name) => !isListOf(spec[name], "string")).map((name) =>
    wrong(`spec.${name}`, spec[name], "a list of texts"),
  );
  if (spec["clusterIP"] === "None") lists.push(headless());
  const { ports } = spec;
  if (ports === undefined || ports === null) return [...lists, none()];
  if (!Array.isArray(ports))
    return [...lists, wrong("spec.ports", ports, "a list of ports", "write - port: 80")];
  if (ports.length === 0) return [...lists, none()];
  return [...lists, ...ports.flatMap((port: unknown, index) => portFindings(port, `spec.ports[${index}]`))];
}

function headless(): BalancerFinding {
  const next = "take it away: a load balancer needs a Service with a cluster IP";
  return {
    level: "error",
    field: "spec.clusterIP",
    message: "may not be None for LoadBalancer services",
    next,
  };
}

function none(): BalancerFinding {
  return { level: "error", field: "spec.ports", message: "there is none", next: "give the Service a port" };
}

function portFindings(port: unknown, field: string): BalancerFinding[] {
  if (!isMap(port)) return [wrong(field, port, "a port", "write port: 80")];
  const { port: number, nodePort, targetPort, protocol, name } = port;
  const findings: BalancerFinding[] = [];
  if (!isPort(number, 1)) findings.push(wrong(`${field}.port`, number, "a number from 1 to 65535"));
  if (nodePort !== undefined && nodePort !== null && !isPort(nodePort, 0))
    findings.push(wrong(`${field}.nodePort`, nodePort, "a number from 1 to 65535"));
  if (targetPort !== undefined && typeof targetPort !== "string" && !isPort(targetPort, 1))
    findings.push(wrong(`${field}.targetPort`, targetPort, "a number from 1 to 65535, or a port's name"));
  if (!PROTOCOLS.includes(protocol)) findings.push(wrong(`${field}.protocol`, protocol, "TCP, UDP or SCTP"));
  if (name !== undefined && typeof name !== "string") findings.push(wrong(`${field}.name`, name, "a text"));
  return findings;
}

function isPort(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= 65_535;
}

function isMap(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, type: "string"): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((item) => typeof item === type);
}

const AS_KUBERNETES = "write it as Kubernetes has it: kubectl explain service.spec";

function wrong(field: string, value: unknown, wanted: string, next = AS_KUBERNETES): BalancerFinding {
  const got = value === undefined ? "missing" : JSON.stringify(value);
  return { level: "error", field, message: `must be ${wanted}, and is ${got}`, next };
}

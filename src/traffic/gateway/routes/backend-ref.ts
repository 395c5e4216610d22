/** References to backends: from `backendRefs[]` or a mirror to a destination, or to the reason why there is none. */
import type { BackendRef } from "../../../objects/gateway/index.ts";
import { GATEWAY_GROUP, TANDEM_GROUP } from "../../../objects/gateway/index.ts";
import type { Service, ServicePort } from "../../../objects/types.ts";
import type { Destination, UpstreamTls } from "../model.ts";
import { policyForPort, translateValidation } from "./backend-tls.ts";
import { hostsDestination } from "./backend-object.ts";
import type { NeedsBuilder, Problem, RouteContext } from "./context.ts";
import { readPreferredFamily } from "./prefer-family.ts";
import { protocolFor, type Speak } from "./protocol.ts";

/** What a reference is resolved for. */
export interface RefUse {
  readonly route: RouteContext;
  /** The reference's place: `spec.rules[0].backendRefs[1]`. */
  readonly field: string;
  readonly speak: Speak;
  /** Where the destination is entered; undefined: it is only checked (a weight of 0). */
  readonly needs: NeedsBuilder | undefined;
  /** TLS passthrough: what is inside is encrypted already, so no BackendTLSPolicy applies. */
  readonly passthrough?: boolean;
}

/** The key of the destination, or undefined after noting why the reference does not resolve. */
export function resolveBackendRef(ref: BackendRef, use: RefUse): string | undefined {
  const result = resolve(ref, use);
  if ("reason" in result) {
    use.route.badReferences.push({ reason: result.reason, message: `${use.field}: ${result.message}` });
    return undefined;
  }
  use.needs?.destinations.set(result.key, result);
  return result.key;
}

function resolve(ref: BackendRef, use: RefUse): Destination | Problem {
  const { group = "", kind = "Service", name } = ref;
  const { route } = use;
  const isBackend = group === TANDEM_GROUP && kind === "Backend";
  if (!isBackend && (group !== "" || kind !== "Service")) {
    const text = group === "" ? kind : `${kind} of ${group}`;
    return {
      reason: "InvalidKind",
      message: `${text} is no kind of backend; use a Service or a ${TANDEM_GROUP} Backend`,
    };
  }
  const namespace = ref.namespace ?? route.namespace;
  const from = { group: GATEWAY_GROUP, kind: route.kind, namespace: route.namespace };
  const key = `${namespace}/${name}`;
  if (!route.references.granted(from, { group, kind, namespace, name }))
    return {
      reason: "RefNotPermitted",
      message: `${kind} ${key} is in another namespace and no ReferenceGrant there allows ${route.kind}s of ${route.namespace}`,
    };
  return isBackend ? hostsDestination(key, use) : serviceDestination(key, ref.port, use);
}

function serviceDestination(key: string, number: number | undefined, use: RefUse): Destination | Problem {
  const service = use.route.references.service(key);
  if (service === undefined) return { reason: "BackendNotFound", message: `Service ${key} does not exist` };
  if (service.spec.type === "ExternalName")
    return {
      reason: "InvalidKind",
      message: `Service ${key} is of type ExternalName, which is not safe to forward to (CVE-2021-25740); use a ${TANDEM_GROUP} Backend`,
    };
  const port = portOf(service, key, number, use);
  return "reason" in port ? port : portDestination(service, key, port, use);
}

function portOf(
  service: Service,
  key: string,
  number: number | undefined,
  { speak }: RefUse,
): ServicePort | Problem {
  if (number === undefined)
    return { reason: "BackendNotFound", message: `a reference to a Service needs a port (Service ${key})` };
  const ports = (service.spec.ports ?? []).filter(({ port }) => port === number);
  const protocol = speak === "udp" ? "UDP" : "TCP";
  const port = ports.find((candidate) => (candidate.protocol ?? "TCP") === protocol);
  if (port !== undefined) return port;
  const [other] = ports;
  if (other !== undefined)
    return {
      reason: "UnsupportedProtocol",
      message: `port ${number} of Service ${key} is ${other.protocol}, not ${protocol}`,
    };
  const list = (service.spec.ports ?? []).map((candidate) => candidate.port).join(", ") || "none";
  return { reason: "BackendNotFound", message: `Service ${key} has no port ${number} (its ports: ${list})` };
}

function portDestination(
  service: Service,
  key: string,
  port: ServicePort,
  use: RefUse,
): Destination | Problem {
  const { route } = use;
  const tls = use.speak === "udp" || use.passthrough ? undefined : serviceTls(key, port, use);
  if (tls !== undefined && "reason" in tls) return tls;
  const protocol = protocolFor(
    use.speak,
    port.appProtocol,
    tls !== undefined,
    `port ${port.port} of Service ${key}`,
  );
  if (typeof protocol !== "string") return protocol;
  const preferFamily = route.preferFamily ?? readPreferredFamily(service, route.notes);
  const marks = [
    ...(protocol === "http1" ? [] : [protocol]),
    ...(tls === undefined ? [] : [`tls-${tls.policy}`]),
    ...(preferFamily === undefined ? [] : [preferFamily]),
  ];
  return {
    key: [`service/${key}/${port.port}`, ...marks].join("/"),
    target: { kind: "frontend", frontend: key, port: port.port },
    protocol,
    ...(tls !== undefined && { tls: tls.upstream }),
    ...(preferFamily && { preferFamily }),
    origins: [{ kind: "Service", key, ...(port.name && { part: port.name }) }],
  };
}

function serviceTls(
  key: string,
  port: ServicePort,
  { route, needs }: RefUse,
): { policy: string; upstream: UpstreamTls } | Problem | undefined {
  const policy = policyForPort(key, port, route.references);
  if (policy === undefined) return undefined;
  route.backendTlsPolicies.add(`${policy.metadata.namespace ?? ""}/${policy.metadata.name}`);
  const { tls, accepted } = translateValidation(policy, route.references);
  if (tls === undefined)
    return {
      reason: "InvalidBackendTLSPolicy",
      message: `BackendTLSPolicy ${policy.metadata.name} of Service ${key} is not valid: ${accepted.message}`,
    };
  needs?.trust.set(tls.trust.name, tls.trust);
  const { trust, ...rest } = tls;
  return { policy: policy.metadata.name, upstream: { ...rest, trust: trust.name } };
}

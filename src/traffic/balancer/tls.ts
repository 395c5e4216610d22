/** TLS of listeners: which ports have it, with which certificates. */
import type { ServicePort } from "../../objects/types.ts";
import type { Translation } from "./context.ts";
import type { BalancerPort } from "./model.ts";

/** What all TLS ports of a Service share. */
export interface TlsPlan {
  readonly tls: NonNullable<BalancerPort["tls"]> | undefined;
  readonly toTargets: boolean;
  isTls(port: Pick<ServicePort, "name" | "port" | "protocol">): boolean;
}

const ALPN = ["None", "HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred"];

/** Reads the annotations on TLS and refuses what would end without it although it was asked for. */
export function planTls(translation: Translation): TlsPlan {
  const { annotations } = translation;
  const certificates = certificatesOf(translation);
  const ports = annotations.get("tlsPorts") ?? [];
  checkPorts(translation, ports);
  if (certificates.length === 0) {
    if (ports.length > 0)
      annotations.refuse(
        "tlsPorts",
        "TLS ports without a certificate would be served as plain TCP",
        "name a certificate in service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
      );
    else if (annotations.get("backendProtocol") === "ssl")
      annotations.warn("backendProtocol", "without TLS at the listener it has no effect");
    return { tls: undefined, toTargets: false, isTls: () => false };
  }
  const policy = annotations.get("tlsPolicy");
  const alpn = alpnOf(translation);
  const tls = { certificates, ...(policy && { policy }), ...(alpn && { alpn }) };
  return {
    tls,
    toTargets: backendOf(translation),
    isTls: ({ name, port, protocol }) =>
      protocol === "TCP" &&
      (ports.length === 0 || ports.includes(String(port)) || (name !== undefined && ports.includes(name))),
  };
}

function checkPorts({ annotations, service }: Translation, ports: readonly string[]): void {
  const known = new Set((service.spec.ports ?? []).flatMap(({ name, port }) => [name, String(port)]));
  const unused = ports.filter((port) => !known.has(port));
  if (unused.length === 0) return;
  const next = unused.includes("*")
    ? "take the annotation away: without it every TCP port has TLS"
    : "name ports of the Service, or their numbers";
  annotations.refuse("tlsPorts", `Unused port in ssl-ports annotation [${unused.join(" ")}]`, next);
}

function backendOf({ annotations }: Translation): boolean {
  const value = annotations.get("backendProtocol");
  if (value !== undefined && value !== "ssl" && value !== "tcp") {
    const message = `unknown backend protocol ${value}: targets are spoken to in plain TCP`;
    annotations.warn("backendProtocol", message, "write ssl or tcp");
  }
  return value === "ssl";
}

/** Refused only where there is TLS: elsewhere the controller does not read it. */
function alpnOf({ annotations }: Translation): string | undefined {
  const value = annotations.get("alpn");
  if (value === undefined || ALPN.includes(value)) return value;
  const message = `invalid ALPN policy ${value}, policy must be one of [${ALPN.join(", ")}]`;
  annotations.refuse("alpn", message, `write one of ${ALPN.join(", ")}`);
  return undefined;
}

function certificatesOf(translation: Translation): string[] {
  const named = translation.annotations.get("certificates") ?? [];
  return translation.provider === "aws" ? arns(translation, named) : secrets(translation, named);
}

function arns({ annotations }: Translation, named: readonly string[]): string[] {
  const bad = named.find((name) => !name.startsWith("arn:"));
  if (bad !== undefined)
    annotations.refuse("certificates", `${bad} is no ARN`, "give the ARN of a certificate in ACM or IAM");
  return [...named];
}

/** As `namespace/name`; only Secrets of the Service's own namespace, as its author may read no others. */
function secrets({ annotations, service }: Translation, named: readonly string[]): string[] {
  const { namespace = "default" } = service.metadata;
  return named.map((name) => {
    if (name.startsWith("arn:"))
      annotations.refuse(
        "certificates",
        `${name} is a certificate of AWS, whose key the local provider cannot get`,
        "name a Secret of type kubernetes.io/tls in the Service's namespace",
      );
    else if (name.includes("/") && !name.startsWith(`${namespace}/`))
      annotations.refuse(
        "certificates",
        `Secret ${name} is in another namespace`,
        `name a Secret of namespace ${namespace}`,
      );
    return name.includes("/") ? name : `${namespace}/${name}`;
  });
}

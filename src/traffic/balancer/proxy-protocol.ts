/** PROXY protocol and the other attributes of a port's targets, by the precedence of the AWS controller. */
import type { Translation } from "./context.ts";

/** The attribute that switches PROXY protocol v2 on. */
export const PROXY_ATTRIBUTE = "proxy_protocol_v2.enabled";

/**
 * The attributes of one port's target group. PROXY protocol, the later the stronger: off, the attributes of all groups,
 * those of this port unless empty, the list of ports, `*`, then our own annotation where no other one decides.
 */
export function targetAttributesOf({ annotations }: Translation, port: number): Record<string, string> {
  const attributes: Record<string, string> = {
    [PROXY_ATTRIBUTE]: "false",
    ...annotations.get("targetGroupAttributes"),
  };
  for (const [key, value] of Object.entries(annotations.at("targetGroupAttributesOf", String(port)) ?? {}))
    if (value !== "") attributes[key] = value;
  const listed = annotations.get("proxyProtocolPerTargetGroup");
  if (listed !== undefined) attributes[PROXY_ATTRIBUTE] = String(listed.includes(String(port)));
  if (annotations.get("proxyProtocol") === "*") attributes[PROXY_ATTRIBUTE] = "true";
  if (annotations.get("proxyVersion") !== undefined && !decidedElsewhere(annotations))
    attributes[PROXY_ATTRIBUTE] = "true";
  if (attributes[PROXY_ATTRIBUTE] === "") delete attributes[PROXY_ATTRIBUTE];
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function decidedElsewhere(annotations: Translation["annotations"]): boolean {
  return (
    annotations.has("proxyProtocol") ||
    annotations.has("proxyProtocolPerTargetGroup") ||
    [annotations.get("targetGroupAttributes"), ...attributesOfPorts(annotations)].some(
      (map) => map?.[PROXY_ATTRIBUTE] !== undefined,
    )
  );
}

function attributesOfPorts(annotations: Translation["annotations"]) {
  return annotations
    .suffixes("targetGroupAttributesOf")
    .map((suffix) => annotations.at("targetGroupAttributesOf", suffix));
}

/** The version of the PROXY protocol that a port's targets are told the client's address by. */
export function proxyVersionOf(
  { annotations, provider }: Translation,
  attributes: Readonly<Record<string, string>>,
  protocol: "TCP" | "UDP" | "TCP_UDP",
): 1 | 2 | undefined {
  if (attributes[PROXY_ATTRIBUTE] !== "true") return undefined;
  // version 1 has no word for UDP; AWS has no version 1 (both are said once, for the Service)
  if (annotations.get("proxyVersion") === "v1" && provider === "local")
    return protocol === "TCP" ? 1 : undefined;
  return 2;
}

/** Says what cannot be of what PROXY annotations ask. */
export function checkProxy({ annotations, provider, service }: Translation): void {
  const ports = service.spec.ports ?? [];
  if (annotations.get("proxyVersion") === "v1") {
    if (provider === "aws")
      annotations.refuse("proxyVersion", "AWS speaks version 2 of the PROXY protocol only", "write v2");
    else if (ports.some(({ protocol }) => protocol === "UDP"))
      annotations.warn(
        "proxyVersion",
        "version 1 of the PROXY protocol has no UDP: UDP ports go without",
        "write v2",
      );
  }
  for (const port of annotations.get("proxyProtocolPerTargetGroup") ?? [])
    if (!ports.some((known) => String(known.port) === port))
      annotations.warn(
        "proxyProtocolPerTargetGroup",
        `the Service has no port ${port}`,
        "name its own ports",
      );
  for (const port of annotations.suffixes("targetGroupAttributesOf"))
    if (!ports.some((known) => String(known.port) === port))
      annotations.warn("targetGroupAttributesOf", `the Service has no port ${port}`, undefined, port);
}

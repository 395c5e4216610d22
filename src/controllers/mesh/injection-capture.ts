/** What a pod says about the capture of its traffic, as flags of `tandem internal capture`. Pure. */
import { parseAddress } from "../../ip/address.ts";
import { parseCidr } from "../../ip/cidr.ts";
import type { Container, Pod, Probe } from "../../objects/types.ts";
import { PodRefused } from "./pod-refused.ts";

/** Flags without their dashes and their values; those that nothing is said about are left out. */
export type CaptureRequest = Readonly<Record<string, string>>;

/** Annotation, flag, what it may hold. `tandem.dev/NAME` comes before `traffic.sidecar.istio.io/NAME`. */
const ANNOTATIONS = [
  ["includeInboundPorts", "inbound-ports", isPort, true],
  ["excludeInboundPorts", "exclude-inbound-ports", isPort, false],
  ["includeOutboundPorts", "outbound-ports", isPort, false],
  ["excludeOutboundPorts", "exclude-outbound-ports", isPort, false],
  ["includeOutboundIPRanges", "outbound-ranges", isRange, true],
  ["excludeOutboundIPRanges", "exclude-outbound-ranges", isRange, false],
  ["excludeInterfaces", "exclude-interfaces", isInterface, false],
  ["excludeUsers", "exclude-users", isUser, false],
] as const;

const OUR_PREFIX = "tandem.dev/";
const ISTIO_PREFIX = "traffic.sidecar.istio.io/";
const PREFIXES = [OUR_PREFIX, ISTIO_PREFIX];

/**
 * What a pod's annotations and probes ask of capture.
 * @param declared whether the kubelet also asks the ports that containers without a readiness probe declare
 * @throws PodRefused with the annotation and the part of it that is wrong, or that there is none of that name
 */
export function captureRequest(pod: Pod, declared = false): CaptureRequest {
  const annotations = pod.metadata.annotations ?? {};
  for (const key of Object.keys(annotations)) refuseUnknown(key);
  const request: Record<string, string> = {};
  for (const [name, flag, isGood, takesAll] of ANNOTATIONS) {
    const key = PREFIXES.map((prefix) => prefix + name).find((each) => annotations[each] !== undefined);
    if (key !== undefined) request[flag] = checked(key, annotations[key] ?? "", isGood, takesAll);
  }
  const probed = probePorts(pod, declared);
  if (probed.length > 0) request["probe-ports"] = probed.join(",");
  return request;
}

/** The request as arguments. */
export function captureArguments(request: CaptureRequest): string[] {
  return Object.entries(request).map(([flag, value]) => `--${flag}=${value}`);
}

/** A name that is nearly one of these would leave traffic captured, or not, against what its author believes. */
function refuseUnknown(key: string): void {
  const isOurs = key.startsWith(OUR_PREFIX) && /^(in|ex)clude/i.test(key.slice(OUR_PREFIX.length));
  if (!isOurs && !key.startsWith(ISTIO_PREFIX)) return;
  const name = key.slice(key.indexOf("/") + 1);
  const known = ANNOTATIONS.map(([each]) => each as string);
  if (known.includes(name)) return;
  const plain = (text: string) => text.toLowerCase().replace(/s$/, "");
  const meant = known.find((each) => plain(each) === plain(name));
  const hint = meant === undefined ? `known are ${known.join(", ")}` : `${meant} may be meant`;
  throw new PodRefused(`annotation ${key} is not known: ${hint}`);
}

function checked(key: string, text: string, isGood: (word: string) => boolean, takesAll: boolean): string {
  if (takesAll && text.trim() === "*") return "*";
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const bad = words.find((word) => !isGood(word));
  if (bad === undefined) return words.join(",");
  throw new PodRefused(`annotation ${key}: ${JSON.stringify(bad)} ${EXPECTED.get(isGood) ?? "is not valid"}`);
}

function isPort(word: string): boolean {
  return /^\d{1,5}$/.test(word) && Number(word) <= 65535;
}

function isRange(word: string): boolean {
  return parseCidr(word) !== undefined || parseAddress(word) !== undefined;
}

function isInterface(word: string): boolean {
  return /^[A-Za-z0-9._@:-]{1,15}\*?$/.test(word);
}

function isUser(word: string): boolean {
  return /^\d{1,10}$/.test(word) && Number(word) < 2 ** 32;
}

const EXPECTED = new Map<unknown, string>([
  [isPort, "is no port: numbers from 0 to 65535 are expected, with commas between"],
  [isRange, "is no address or range of IPv4 or IPv6, such as 10.0.0.0/8 or fd00::/8"],
  [isInterface, "is no name of an interface"],
  [isUser, "is no user id: numbers are expected, with commas between"],
]);

/**
 * The ports that the kubelet asks from the node: probes and hooks of all of the pod's own containers. There it reaches
 * the application past the sidecar, so that readiness, per family, is the application's.
 */
function probePorts({ spec }: Pod, declared: boolean): number[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const ports = containers.flatMap((container) =>
    [...asked(container), ...(declared ? unprobed(container) : [])]
      .map((port) => numberOf(port, container))
      .filter((port) => port !== undefined),
  );
  return [...new Set(ports)].sort((a, b) => a - b);
}

function unprobed({ readinessProbe, ports = [] }: Container): number[] {
  if (readinessProbe?.httpGet ?? readinessProbe?.tcpSocket) return [];
  return ports.filter(({ protocol = "TCP" }) => protocol === "TCP").map(({ containerPort }) => containerPort);
}

type Handler = Pick<Probe, "httpGet" | "tcpSocket" | "grpc">;

function asked({ readinessProbe, livenessProbe, startupProbe, lifecycle }: Container): (number | string)[] {
  const { postStart, preStop } = (lifecycle ?? {}) as { postStart?: Handler; preStop?: Handler };
  return [readinessProbe, livenessProbe, startupProbe, postStart, preStop].flatMap((handler) => {
    const port = handler?.httpGet?.port ?? handler?.tcpSocket?.port ?? handler?.grpc?.port;
    return port === undefined ? [] : [port];
  });
}

/** A port by its number or by the name that the container gives it. */
function numberOf(port: number | string, { ports = [] }: Container): number | undefined {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  return ports.find(({ name }) => name === port)?.containerPort;
}

/** How the Envoy of a pod's sidecar is started. Pure. */
import { IDENTITY_FOLDER, type InjectionSettings } from "../../controllers/mesh/index.ts";
import { SIDECAR_PORTS, STATS_LEFT_OUT } from "../../envoy/mesh/index.ts";
import { bootstrap, QUIET_COMPONENTS } from "../../envoy/process/bootstrap.ts";
import { authoritiesSource, certificateSource } from "../../envoy/process/bootstrap-xds.ts";
import type { Family } from "../../ip/family.ts";
import type { Pod } from "../../objects/types.ts";
import { workloadIdentity } from "../../traffic/mesh/index.ts";

/** The Envoy that Tandem is made for. */
export const ENVOY_IMAGE = "docker.io/envoyproxy/envoy:v1.40.0";
const CERTIFICATE_SOURCE = "sds.json";
const AUTHORITIES_SOURCE = "sds-ca.json";
/** Worker threads, as many as Istio's sidecars have. */
const CONCURRENCY = 2;
const DRAIN_SECONDS = 5;
/** Access logs are written so often, in milliseconds; Envoy's own is 10 s. */
const LOG_FLUSH = 1_000;

/** What sidecars are made from. */
export interface SidecarSettings {
  /** The families that pods have, the primary one first. */
  readonly families: readonly Family[];
  readonly xds: { readonly advertise: readonly string[]; readonly port: number; readonly identity: string };
  readonly trustDomain: string;
  /** An image with `tandem`, for the capture of a pod's traffic. */
  readonly initImage: string;
  /** An image with Envoy; default: {@link ENVOY_IMAGE}. */
  readonly proxyImage?: string;
  /** Where pods cannot have users of their own (see InjectionSettings). */
  readonly mark?: number;
  readonly probesDeclaredPorts?: boolean;
  readonly probeHopLimit?: number;
  readonly logLevel?: string;
  /** Where applications ask that speak xDS themselves, `host:port`. */
  readonly grpcServers?: readonly string[];
}

/** Files in the Secret of an account beside its certificate, by name. */
export function identityFiles(): Readonly<Record<string, string>> {
  return {
    [CERTIFICATE_SOURCE]: JSON.stringify(certificateSource(IDENTITY_FOLDER)),
    [AUTHORITIES_SOURCE]: JSON.stringify(authoritiesSource(IDENTITY_FOLDER)),
  };
}

/** What a node calls itself: `sidecar~NAMESPACE/POD`. */
export function podOfNode(nodeId: string): string | undefined {
  const prefix = "sidecar~";
  return nodeId.startsWith(prefix) ? nodeId.slice(prefix.length) : undefined;
}

/** The settings of injection. */
export function injectionSettings(
  settings: SidecarSettings,
  identitySecret: (account: string) => string,
): InjectionSettings {
  const { initImage, proxyImage = ENVOY_IMAGE, mark, probesDeclaredPorts = false, probeHopLimit } = settings;
  return {
    initImage,
    proxyImage,
    identitySecret,
    probesDeclaredPorts,
    ...(probeHopLimit !== undefined && { probeHopLimit }),
    ...(settings.grpcServers && { grpcServers: settings.grpcServers }),
    ...(mark !== undefined && { proxyMark: mark }),
    proxy: ({ namespace, serviceAccount, pod }) => ({
      command: ["envoy"],
      args: argumentsOf(settings, { namespace, account: serviceAccount, name: workloadName(pod) }),
      env: [{ name: "OTEL_RESOURCE_ATTRIBUTES", value: resourceAttributes(namespace, workloadName(pod)) }],
    }),
  };
}

/** What people call the pod's application: a label that says so, else what its name begins with. */
function workloadName({ metadata }: Pod): string {
  const { labels = {}, generateName, name } = metadata;
  const said = labels["app.kubernetes.io/name"] || labels["app"];
  return said || (name || generateName || "").replace(/-$/, "").replace(templateHash(labels), "");
}

function templateHash(labels: Readonly<Record<string, string>>): string {
  const hash = labels["pod-template-hash"];
  return hash ? `-${hash}` : "";
}

/** Whose spans these are. Source: OpenTelemetry's semantic conventions for services and Kubernetes. */
function resourceAttributes(namespace: string, name: string): string {
  return [
    `service.name=${name}`,
    `service.namespace=${namespace}`,
    `k8s.namespace.name=${namespace}`,
    "k8s.pod.name=$(POD_NAME)",
  ].join();
}

interface Workload {
  readonly namespace: string;
  readonly account: string;
  readonly name: string;
}

function argumentsOf(
  { families, xds, mark, trustDomain, logLevel = "warn" }: SidecarSettings,
  { namespace, account, name }: Workload,
): string[] {
  const { admin, stats, ready } = SIDECAR_PORTS;
  const config = bootstrap({
    // the kubelet fills in what is in parentheses
    node: {
      id: `sidecar~${namespace}/$(POD_NAME)`,
      cluster: `${namespace}/${account}`,
      metadata: {
        podIPs: "$(POD_IPS)",
        // named in what is told of traffic
        identity: workloadIdentity(trustDomain, namespace, account),
        workload: `${namespace}/${name}`,
      },
    },
    families,
    ports: { admin, stats, ready },
    statsLeftOut: STATS_LEFT_OUT,
    ...(mark !== undefined && { mark }),
    xds: {
      hosts: xds.advertise,
      port: xds.port,
      tls: {
        folder: IDENTITY_FOLDER,
        sourceFile: CERTIFICATE_SOURCE,
        authoritiesFile: AUTHORITIES_SOURCE,
        identity: xds.identity,
      },
    },
  });
  const args = ["--config-yaml", JSON.stringify(config), "--log-level", logLevel];
  args.push("--component-log-level", QUIET_COMPONENTS);
  args.push("--disable-hot-restart", "--drain-time-s", String(DRAIN_SECONDS));
  args.push("--concurrency", String(CONCURRENCY));
  args.push("--file-flush-interval-msec", String(LOG_FLUSH));
  return args;
}

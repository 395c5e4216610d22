/** How the Envoy of a Gateway is started in its pod. Pure. */
import {
  type InfrastructureRequest,
  type ProxyContainer,
  XDS_CERTIFICATE_FOLDER,
} from "../../controllers/gateway/index.ts";
import { bootstrap, PROXY_PORTS, QUIET_COMPONENTS } from "../../envoy/process/bootstrap.ts";
import { certificateSource } from "../../envoy/process/bootstrap-xds.ts";
import type { Family } from "../../ip/family.ts";

/** The Envoy that Tandem is made for. */
const ENVOY_IMAGE = "docker.io/envoyproxy/envoy:v1.40.0";
/** Seconds that connections of a listener that changes have to come to their end. */
const DRAIN_SECONDS = 60;

/** How proxies reach the control plane. */
export interface XdsAccess {
  /** Addresses or names by which proxies reach the control plane. */
  readonly advertise: readonly string[];
  readonly port: number;
  /** What its certificate has to say that it is. */
  readonly identity: string;
}

const CERTIFICATE_SOURCE = "sds.json";

/** Files in the Secret of a proxy beside its certificate, by name: Envoy reads this one first, and it names the others. */
export function proxyFiles(): Readonly<Record<string, string>> {
  return { [CERTIFICATE_SOURCE]: JSON.stringify(certificateSource(XDS_CERTIFICATE_FOLDER)) };
}

/** The container of a Gateway's proxy. */
export function proxyContainer(
  { gateway, parameters }: InfrastructureRequest,
  families: readonly Family[],
  { advertise, port, identity }: XdsAccess,
): ProxyContainer {
  const { concurrency, logLevel = "warn" } = parameters?.envoy ?? {};
  const { name, namespace = "default" } = gateway.metadata;
  const tls = { folder: XDS_CERTIFICATE_FOLDER, sourceFile: CERTIFICATE_SOURCE, identity };
  const config = bootstrap({
    // the kubelet fills in what is in parentheses
    node: {
      id: `$(POD_NAME).${namespace}`,
      cluster: `${namespace}/${name}`,
      metadata: { podIPs: "$(POD_IPS)" },
    },
    families,
    xds: { hosts: advertise, port, tls },
  });
  const args = ["--config-yaml", JSON.stringify(config), "--log-level", logLevel];
  args.push("--component-log-level", QUIET_COMPONENTS);
  args.push("--disable-hot-restart", "--drain-time-s", String(DRAIN_SECONDS));
  if (concurrency !== undefined) args.push("--concurrency", String(concurrency));
  return {
    image: ENVOY_IMAGE,
    command: ["envoy"],
    args,
    readyPort: PROXY_PORTS.ready,
    statsPort: PROXY_PORTS.stats,
  };
}

/** What has to be there for one Gateway, as objects of the API. Pure. */
import type { Family } from "../../ip/family.ts";
import { GATEWAY_KINDS, type Gateway, type GatewayParameters } from "../../objects/gateway/index.ts";
import type { AnyObject, IPFamilyPolicy, Protocol } from "../../objects/types.ts";
import { controllerReference } from "../runtime/owners.ts";
import { GATEWAY_NAME_LABEL, infrastructureName, labelValue, PROXY_LABEL } from "./names.ts";

/** A port of a Gateway: the one that clients dial, and the one that the proxy listens on. */
export interface InfrastructurePort {
  readonly port: number;
  readonly bindPort: number;
  readonly transport: "TCP" | "UDP";
}

/** What a Gateway's infrastructure is made from. */
export interface InfrastructureRequest {
  readonly gateway: Gateway;
  readonly ports: readonly InfrastructurePort[];
  /** Parameters of the GatewayClass overlaid with those of the Gateway. */
  readonly parameters?: NonNullable<GatewayParameters["spec"]>;
  readonly staticAddresses?: readonly string[];
}

/** How the proxy's container is run: what does not depend on one Gateway's listeners. */
export interface ProxyContainer {
  readonly image: string;
  readonly command: readonly string[];
  /** Arguments for the proxy of this Gateway; `$(POD_NAME)` and `$(POD_IPS)` are filled in by the kubelet. */
  readonly args: readonly string[];
  readonly readyPort: number;
  readonly statsPort: number;
}

/** Where the proxy finds its certificate for xDS: `tls.crt`, `tls.key` and `ca.crt`. */
export const XDS_CERTIFICATE_FOLDER = "/etc/tandem/xds";
/** Asks a balancer for certain addresses, of both families; `spec.loadBalancerIP` has place for one only. */
const REQUESTED_ADDRESSES = "tandem.dev/load-balancer-ips";
/** Seconds between a pod's leaving the endpoints and the end of its proxy, so that no new connection is refused. */
const DRAIN_SECONDS = 5;

/** The ServiceAccount, Deployment and Service of a Gateway; the Secret with its certificate is made beside them. */
export function desiredInfrastructure(
  request: InfrastructureRequest,
  container: ProxyContainer,
): { readonly account: AnyObject; readonly deployment: AnyObject; readonly service?: AnyObject } {
  const service = serviceOf(request);
  return {
    account: {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: metadataOf(request),
      automountServiceAccountToken: false,
    },
    deployment: deploymentOf(request, container),
    ...(service && { service }),
  } as ReturnType<typeof desiredInfrastructure>;
}

/** The name of a Gateway's objects. */
export function nameOf({ metadata, spec }: Gateway): string {
  return infrastructureName(metadata.name, spec.gatewayClassName);
}

/** Metadata of each object that is made for a Gateway: it is the Gateway's, and goes with it. */
export function metadataOf({ gateway }: Pick<InfrastructureRequest, "gateway">): AnyObject["metadata"] {
  const { infrastructure } = gateway.spec;
  return {
    name: nameOf(gateway),
    namespace: gateway.metadata.namespace ?? "default",
    labels: { ...infrastructure?.labels, ...ownLabels(gateway) },
    ...(infrastructure?.annotations && { annotations: { ...infrastructure.annotations } }),
    ownerReferences: [controllerReference(GATEWAY_KINDS.Gateway, gateway)],
  };
}

function ownLabels(gateway: Gateway): Record<string, string> {
  return {
    [GATEWAY_NAME_LABEL]: labelValue(gateway.metadata.name),
    "gateway.networking.k8s.io/gateway-class-name": labelValue(gateway.spec.gatewayClassName),
    "app.kubernetes.io/managed-by": "tandem",
    [PROXY_LABEL]: nameOf(gateway),
  };
}

function deploymentOf(request: InfrastructureRequest, container: ProxyContainer): unknown {
  const { gateway, parameters } = request;
  const { labels, annotations } = metadataOf(request);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(request),
    spec: {
      replicas: parameters?.replicas ?? 1,
      selector: { matchLabels: { [PROXY_LABEL]: nameOf(gateway) } },
      // the new proxy is ready before the old one goes
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { ...parameters?.pod?.labels, ...labels },
          annotations: { ...parameters?.pod?.annotations, ...annotations },
        },
        spec: podSpecOf(request, container),
      },
    },
  };
}

function podSpecOf({ gateway, parameters }: InfrastructureRequest, container: ProxyContainer): unknown {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    serviceAccountName: nameOf(gateway),
    automountServiceAccountToken: false,
    ...(parameters?.pod?.nodeSelector && { nodeSelector: parameters.pod.nodeSelector }),
    terminationGracePeriodSeconds: DRAIN_SECONDS + 10,
    containers: [
      {
        name: "envoy",
        image: parameters?.envoy?.image ?? container.image,
        command: [...container.command],
        args: [...container.args],
        env: [field("POD_NAME", "metadata.name"), field("POD_IPS", "status.podIPs")],
        ports: [
          { name: "ready", containerPort: container.readyPort, protocol: "TCP" },
          { name: "stats", containerPort: container.statsPort, protocol: "TCP" },
        ],
        ...(parameters?.pod?.resources && { resources: parameters.pod.resources }),
        readinessProbe: {
          httpGet: { path: "/ready", port: container.readyPort },
          periodSeconds: 5,
          failureThreshold: 2,
          // 1 s, the default, is too little on a busy machine: without ready proxies all are refused
          timeoutSeconds: 3,
        },
        lifecycle: { preStop: { sleep: { seconds: DRAIN_SECONDS } } },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          runAsNonRoot: true,
          runAsUser: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        },
        volumeMounts: [{ name: "xds", mountPath: XDS_CERTIFICATE_FOLDER, readOnly: true }],
      },
    ],
    volumes: [{ name: "xds", secret: { secretName: nameOf(gateway) } }],
  };
}

/** None without ports: a Service must have one. */
function serviceOf(request: InfrastructureRequest): object | undefined {
  const { gateway, parameters = {} } = request;
  const ports = servicePorts(request.ports);
  if (ports.length === 0) return undefined;
  const metadata = metadataOf(request);
  const { service = {} } = parameters;
  const { staticAddresses = [] } = request;
  const type = service.type ?? "LoadBalancer";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata,
      labels: { ...service.labels, ...metadata.labels },
      annotations: {
        ...service.annotations,
        ...metadata.annotations,
        ...(type === "LoadBalancer" &&
          staticAddresses.length > 0 && { [REQUESTED_ADDRESSES]: staticAddresses.join(",") }),
      },
    },
    spec: {
      type,
      ...familiesOf(parameters),
      selector: { [PROXY_LABEL]: nameOf(gateway) },
      ports,
      // clients' addresses arrive, and no node's masquerade reuses a port that a proxy still holds
      ...(type !== "ClusterIP" && { externalTrafficPolicy: service.externalTrafficPolicy ?? "Local" }),
      ...(service.loadBalancerClass && { loadBalancerClass: service.loadBalancerClass }),
      ...askFor(type, staticAddresses),
    },
  };
}

/** A balancer is asked; other Services take packets for the addresses, however those come to the nodes. */
function askFor(type: string, addresses: readonly string[]): object {
  if (addresses.length === 0) return {};
  return type === "LoadBalancer" ? { loadBalancerIP: addresses[0] } : { externalIPs: [...addresses] };
}

function familiesOf({ ipFamilyPolicy, ipFamilies }: NonNullable<GatewayParameters["spec"]>): {
  ipFamilyPolicy: IPFamilyPolicy;
  ipFamilies?: Family[];
} {
  const policy = ipFamilyPolicy ?? (ipFamilies?.length === 1 ? "SingleStack" : "PreferDualStack");
  return { ipFamilyPolicy: policy, ...(ipFamilies?.length && { ipFamilies: [...ipFamilies] }) };
}

function servicePorts(
  ports: readonly InfrastructurePort[],
): { name: string; protocol: Protocol; port: number; targetPort: number }[] {
  return ports
    .map(({ port, bindPort, transport }) => ({
      name: `${transport.toLowerCase()}-${port}`,
      protocol: transport,
      port,
      targetPort: bindPort,
    }))
    .sort((a, b) => a.port - b.port || a.protocol.localeCompare(b.protocol));
}

/**
 * A pod whose application speaks xDS itself (gRPC without a proxy), as a JSON patch: each container learns from its
 * environment where to ask (gRFC A27, `GRPC_XDS_BOOTSTRAP_CONFIG`), and finds the certificate of its account. Pure.
 */
import type { JsonPatchOperation } from "../../objects/index.ts";
import type { Container, Pod } from "../../objects/types.ts";
import {
  addedLabels,
  field,
  IDENTITY_FOLDER,
  IDENTITY_VOLUME,
  lastItem,
  SIDECAR_LABEL,
} from "./injection.ts";

/** The value of `tandem.dev/inject` on pods, and that of the label which they are found by. */
export const GRPC_MODE = "grpc";

const NAME_VARIABLE = "TANDEM_POD_NAME";
const BOOTSTRAP_VARIABLE = "GRPC_XDS_BOOTSTRAP_CONFIG";

/** Where gRPC clients of a mesh ask. */
export interface GrpcSettings {
  /** `host:port` of servers, tried in this order. */
  readonly servers: readonly string[];
  readonly identitySecret: (account: string) => string;
}

/** What a gRPC client's node calls itself: `grpc~NAMESPACE/POD`. */
function grpcNode(namespace: string, pod: string): string {
  return `grpc~${namespace}/${pod}`;
}

/** The patch for such a pod. */
export function grpcPatch(pod: Pod, namespace: string, settings: GrpcSettings): JsonPatchOperation[] {
  const account = pod.spec.serviceAccountName || "default";
  const volume = {
    name: IDENTITY_VOLUME,
    secret: { secretName: settings.identitySecret(account), optional: true },
  };
  const config = JSON.stringify(bootstrapOf(namespace, settings));
  return [
    ...addedLabels(pod, { [SIDECAR_LABEL]: GRPC_MODE }),
    ...lastItem("/spec/volumes", pod.spec.volumes, volume),
    ...pod.spec.containers.flatMap((container, index) => containerPatch(container, index, config)),
  ];
}

/** Source: gRFC A27. The first of the servers that answers counts (A71). */
function bootstrapOf(namespace: string, { servers }: GrpcSettings): object {
  return {
    xds_servers: servers.map((server_uri) => ({
      server_uri,
      channel_creds: [{ type: "insecure" }],
      server_features: ["xds_v3"],
    })),
    node: { id: grpcNode(namespace, `$(${NAME_VARIABLE})`), locality: {} },
  };
}

function containerPatch(container: Container, index: number, config: string): JsonPatchOperation[] {
  const path = `/spec/containers/${index}`;
  const mount = { name: IDENTITY_VOLUME, mountPath: IDENTITY_FOLDER, readOnly: true };
  const env = [
    ...(container.env ?? []).filter(({ name }) => name !== BOOTSTRAP_VARIABLE && name !== NAME_VARIABLE),
    field(NAME_VARIABLE, "metadata.name"),
    { name: BOOTSTRAP_VARIABLE, value: config },
  ];
  return [
    { op: "add", path: `${path}/env`, value: env },
    ...lastItem(`${path}/volumeMounts`, container.volumeMounts, mount),
  ];
}

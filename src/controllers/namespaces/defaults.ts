import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { ConfigMap, KubeObject, Namespace, ServiceAccount } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { isNamespaceTerminating } from "../runtime/terminating.ts";

const ACCOUNT = "default";
const ROOT_CA = "kube-root-ca.crt";
/** What the real publisher writes beside the CA. */
const DESCRIPTION =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as " +
  "the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of " +
  "Kubernetes clusters.";

/**
 * Gives every namespace its ServiceAccount `default` and the ConfigMap with the cluster's CA, whenever they
 * lack.
 */
export function runNamespaceDefaults(context: ControllerContext): void {
  const { client, informers, writer, options } = context;
  const namespaces = informers.of<Namespace>(KINDS.Namespace);
  const accounts = informers.of<ServiceAccount>(KINDS.ServiceAccount);
  const configMaps = informers.of<ConfigMap>(KINDS.ConfigMap);
  const ca = options.rootCa ?? client.config.ca;

  const queue = context.queue({ name: "namespace-defaults", workers: 8 }, async (name) => {
    const namespace = namespaces.get(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp) return;
    await Promise.all([account(name), ca === undefined ? undefined : rootCa(name, ca)]);
  });

  async function account(namespace: string): Promise<void> {
    if (accounts.get(`${namespace}/${ACCOUNT}`) !== undefined) return;
    const made = writer.create<ServiceAccount>(KINDS.ServiceAccount, {
      metadata: { name: ACCOUNT, namespace },
    });
    await unlessTaken(made);
  }

  async function rootCa(namespace: string, pem: string): Promise<void> {
    const data = { "ca.crt": pem };
    const present = configMaps.get(`${namespace}/${ROOT_CA}`);
    if (present === undefined) {
      const annotations = { "kubernetes.io/description": DESCRIPTION };
      const metadata = { name: ROOT_CA, namespace, annotations };
      await unlessTaken(writer.create<ConfigMap>(KINDS.ConfigMap, { metadata, data }));
    } else if (present.data?.["ca.crt"] !== pem || Object.keys(present.data).length !== 1) {
      await writer.update(KINDS.ConfigMap, { ...present, data });
    }
  }

  const onPart = (name: string) => (change: { object: KubeObject }) => {
    const { metadata } = change.object;
    if (metadata.name === name) queue.add(metadata.namespace ?? "");
  };
  namespaces.onChange(({ type, object }) => {
    if (type !== "deleted") queue.add(object.metadata.name);
  });
  accounts.onChange(onPart(ACCOUNT));
  configMaps.onChange(onPart(ROOT_CA));
}

/** Another one may have been quicker, or the namespace be about to go. */
async function unlessTaken(creating: Promise<unknown>): Promise<void> {
  try {
    await creating;
  } catch (error) {
    const taken =
      error instanceof ApiError && (error.status.reason === "AlreadyExists" || error.code === 404);
    if (!taken && !isNamespaceTerminating(error)) throw error;
  }
}

import { badInputFor } from "../errors/bad-input.ts";
import type { ClusterConfig } from "./config.ts";

const refused = badInputFor("cannot use the kubeconfig");

interface HttpsOptions {
  headers?: Record<string, string>;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
}

/**
 * Signs in through the plugin of a kubeconfig's user, by way of @kubernetes/client-node. The credentials are
 * as of now: a short-lived token is not renewed.
 * @throws UserError when the plugin fails
 */
export async function loadWithPlugins(paths: readonly string[], user: string): Promise<ClusterConfig> {
  // loaded here, because it is large and few users need it
  const { KubeConfig } = await import("@kubernetes/client-node");
  const kubeconfig = new KubeConfig();
  if (paths.length === 1 && paths[0] !== undefined) kubeconfig.loadFromFile(paths[0]);
  else kubeconfig.loadFromDefault();
  const cluster = kubeconfig.getCurrentCluster();
  const options: HttpsOptions = {};
  try {
    await kubeconfig.applyToHTTPSOptions(options);
  } catch (error) {
    const where = `user "${user}" in ${paths.join(":")}`;
    throw refused(where, (error as Error).message, "run the plugin by hand to see why", error);
  }
  const token = options.headers?.Authorization?.replace(/^Bearer /, "");
  return {
    server: (cluster?.server ?? "").replace(/\/+$/, ""),
    ...(token === undefined ? {} : { token }),
    ...(options.ca === undefined ? {} : { ca: String(options.ca) }),
    ...(options.cert === undefined ? {} : { cert: String(options.cert) }),
    ...(options.key === undefined ? {} : { key: String(options.key) }),
    ...(cluster?.skipTLSVerify ? { insecureSkipTlsVerify: true } : {}),
    ...(cluster?.tlsServerName ? { tlsServerName: cluster.tlsServerName } : {}),
  };
}

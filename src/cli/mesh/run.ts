/** Joins the rooms into what serves a mesh: injection, identities, objects → model → xDS, and statuses back. */
import type { KubeClient } from "../../client/index.ts";
import { serverIdentity } from "../../controllers/gateway/index.ts";
import {
  type Account,
  ensureMeshAuthority,
  Identities,
  identitySecretName,
  registerInjection,
  SIDECAR_LABEL,
  type WebhookAddress,
} from "../../controllers/mesh/index.ts";
import { joinHostPort } from "../../ip/address.ts";
import type { Family } from "../../ip/family.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { KeyPair } from "../../pki/issue.ts";
import { workloadIdentity } from "../../traffic/mesh/index.ts";
import type { Lead } from "../election.ts";
import { patiently } from "../xds/patiently.ts";
import { warnOfExpiry } from "./authority.ts";
import { type Core, startCore } from "./core.ts";
import { MESH_GRPC_PORT, MESH_XDS_PORT, WEBHOOK_PORT } from "./ports.ts";
import { identityFiles, injectionSettings } from "./proxy.ts";
import { ServerCredentials } from "./server-credentials.ts";
import { Term } from "./term.ts";
import { serveWebhook } from "./webhook.ts";

/** What a mesh is served with. */
export interface MeshOptions {
  readonly client: KubeClient;
  /** Addresses that xDS and the webhook are served on. */
  readonly listen: readonly string[];
  /** Addresses and names by which sidecars and the API server reach them, of both families. */
  readonly advertise: readonly string[];
  readonly xdsPort?: number;
  readonly webhookPort?: number;
  /** Where applications ask that speak xDS themselves. */
  readonly grpcPort?: number;
  /** Where the API server finds the webhook. */
  readonly webhook: WebhookAddress;
  /** The families that pods of the cluster have, the primary one first. */
  readonly families: readonly Family[];
  readonly clusterDomain: string;
  readonly initImage: string;
  /** The image of sidecars; default: Envoy's own. */
  readonly proxyImage?: string;
  /** SO_MARK of sidecars' sockets, where they cannot have a user of their own. */
  readonly mark?: number;
  /** See InjectionSettings. */
  readonly probesDeclaredPorts?: boolean;
  /** See InjectionSettings. */
  readonly probeHopLimit?: number;
  /**
   * Where several replicas run: statuses, the registration of the webhook and events of pods are the leader's; injection,
   * certificates and configuration come from each.
   */
  readonly lead?: Lead;
  /** Where replicas tell each other what sidecars refuse; kube-system unless given. */
  readonly leaseNamespace?: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts to serve a mesh until the signal aborts. Until some pod has a sidecar there is nothing but the webhook: the
 * rest starts with the first of them, and what it fails of then is told by `stopped`. Of several replicas each has all
 * from the start, as another one's webhook may give the first sidecar.
 */
export async function startMesh(options: MeshOptions): Promise<{ readonly stopped: Promise<void> }> {
  const { client, signal, log, clusterDomain, advertise, lead } = options;
  const onError = (error: unknown): void => log((error as Error).message);
  const authority = await patiently(() => ensureMeshAuthority(client), onError, signal);
  warnOfExpiry(authority, log);
  const term = new Term({
    register: (during) =>
      patiently(() => registerInjection(client, servers.authorities, options.webhook), onError, during),
    begin: () => {
      identities.look();
      core?.then(({ statuses }) => term.leads && statuses.start(), ignore);
    },
    end: async () => await core?.then(({ statuses }) => statuses.pause(), ignore),
  });
  const register = (): Promise<void> => term.register(signal);
  const servers = await ServerCredentials.create(
    { clusterDomain, advertise, register, log, signal },
    authority,
  );
  const stopped = Promise.withResolvers<void>();
  let core: Promise<Core> | undefined;
  const onChange = (account: Account): void => void core?.then(({ pump }) => pump.renewed(account), ignore);
  const identities = startIdentities(options, authority, onChange, () => term.leads);
  const wake = (): Promise<Core> => {
    if (core === undefined) {
      core = startCore(options, { authority, servers, identities, leads: () => term.leads });
      core.then(
        ({ statuses }) => term.leads && statuses.start(),
        (error: unknown) => signal.aborted || stopped.reject(error),
      );
    }
    return core;
  };
  if (lead !== undefined) await wake();
  const webhook = await startWebhook(options, servers, identities, wake);
  const led = lead === undefined ? term.lead(signal) : lead((during) => term.lead(during), signal);
  led.catch((error: unknown) => stopped.reject(error));
  const stop = async (): Promise<void> => {
    webhook.close();
    await led.catch(ignore);
    await core?.then((running) => running.stop(), ignore);
    stopped.resolve();
  };
  signal.addEventListener("abort", () => void stop(), { once: true });
  if (lead === undefined) {
    await term.registered;
    if (await patiently(() => hasSidecars(client), onError, signal)) await wake();
  }
  return { stopped: stopped.promise };
}

/** Of a core that was still starting, or could not: `stopped` tells of that. */
function ignore(): void {}

/** Injection: pods that get a sidecar have an identity by then, and what serves them is started with the first. */
async function startWebhook(
  options: MeshOptions,
  servers: ServerCredentials,
  identities: Identities,
  wake: () => Promise<Core>,
): Promise<{ close(): void }> {
  const onInject = ({ namespace, serviceAccount }: { namespace: string; serviceAccount: string }): void => {
    identities.want({ namespace, account: serviceAccount });
    void wake();
  };
  const { listen, webhookPort = WEBHOOK_PORT, log } = options;
  const webhook = await serveWebhook(listen, webhookPort, servers.certificate, {
    settings: injectionSettings(sidecarSettings(options), identitySecretName),
    onInject,
    log,
  });
  servers.onWebhook((next) => webhook.setCertificate(next));
  return webhook;
}

async function hasSidecars(client: KubeClient): Promise<boolean> {
  const { items } = await client.list(KINDS.Pod, { labelSelector: SIDECAR_LABEL, limit: 1 });
  return items.length > 0;
}

function sidecarSettings(options: MeshOptions): Parameters<typeof injectionSettings>[0] {
  const { families, advertise, xdsPort = MESH_XDS_PORT, clusterDomain, initImage, mark } = options;
  const { probesDeclaredPorts = false, probeHopLimit, proxyImage } = options;
  return {
    families,
    trustDomain: clusterDomain,
    initImage,
    ...(proxyImage !== undefined && { proxyImage }),
    probesDeclaredPorts,
    ...(probeHopLimit !== undefined && { probeHopLimit }),
    ...(mark !== undefined && { mark }),
    xds: { advertise, port: xdsPort, identity: serverIdentity(clusterDomain) },
    grpcServers: advertise.map((host) => joinHostPort(host, options.grpcPort ?? MESH_GRPC_PORT)),
  };
}

function startIdentities(
  { client, clusterDomain, log, signal }: MeshOptions,
  authority: KeyPair,
  onChange: (account: Account) => void,
  leads: () => boolean,
): Identities {
  const identities = new Identities({
    client,
    authority: { signer: authority, others: [] },
    identityOf: ({ namespace, account }) => workloadIdentity(clusterDomain, namespace, account),
    files: identityFiles(),
    onChange,
    leads,
    log,
  });
  identities.start(signal);
  return identities;
}

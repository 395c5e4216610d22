import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_NODE_PORTS, type ServiceNetwork } from "../allocation/index.ts";
import { UserError } from "../errors/user-error.ts";
import type { Cidr } from "../ip/cidr.ts";
import type { Store } from "../store/contract.ts";
import { openLmdbStore } from "../store/lmdb.ts";
import { createMemoryStore } from "../store/memory.ts";
import { Admission } from "./admission/admission.ts";
import { type Access, createAccess } from "./auth/access.ts";
import { keepAggregated } from "./auth/rbac/aggregate.ts";
import { readTokenFile } from "./auth/token-file.ts";
import { ensureSigningKey } from "./auth/tokens/key.ts";
import { StaticTokens } from "./auth/tokens/static-tokens.ts";
import { AUTHENTICATED, MASTERS } from "./auth/user.ts";
import { bootstrap } from "./bootstrap.ts";
import type { ApiContext } from "./context.ts";
import { serveDefinitions } from "./crd/definitions.ts";
import { requestHandler } from "./http/handler.ts";
import { listen } from "./http/listen.ts";
import type { ApiServer, ApiServerOptions } from "./options.ts";
import { ensurePki, type Pki } from "./pki/authority.ts";
import { kubeconfigText, writePrivateFile } from "./pki/kubeconfig.ts";
import { serverSans } from "./pki/names.ts";
import { Resources } from "./registry/resources.ts";
import { isStreamRequest, passUpgrade } from "./streams/upgrade.ts";

const ADVERTISE_PORT = 6443;
/** Objects as they are stored, to compress others against. Never changed: another one gets another number. */
const DICTIONARY = join(import.meta.dirname, "../../data/store/dictionary-1.txt");

/**
 * Starts an API server and waits until it is ready.
 * @throws UserError when an address cannot be listened on, or the data directory cannot be used; nothing runs then
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  createDataDir(options.dataDir);
  const tokens = new StaticTokens();
  const token = readOrCreateToken(join(options.dataDir, "token"));
  tokens.add(token, { name: "tandem-admin", groups: [MASTERS, AUTHENTICATED] });
  if (options.tokenAuthFile !== undefined) readTokenFile(options.tokenAuthFile, tokens);
  const sans = serverSans(options.serviceClusterIPRanges, options.extraSans ?? []);
  const [store, pki] = await both(openStore(options), ensurePki(join(options.dataDir, "pki"), sans));
  try {
    return await serve(options, store, pki, tokens, token);
  } catch (error) {
    await store.close();
    throw error;
  }
}

function createDataDir(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const next = "choose another --data-dir, or make its parent writable";
    throw new UserError({
      what: "cannot start the API server",
      where: directory,
      why: (cause as Error).message,
      next,
      cause,
    });
  }
}

function readOrCreateToken(path: string): string {
  const stored = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (stored !== "") return stored;
  const token = randomBytes(24).toString("base64url");
  writePrivateFile(path, `${token}\n`);
  return token;
}

async function openStore({ storage, dataDir, historyLimit }: ApiServerOptions): Promise<Store<string>> {
  const options = historyLimit === undefined ? {} : { history: historyLimit };
  if (storage === "memory") return createMemoryStore(options);
  return openLmdbStore(join(dataDir, "store"), { ...options, dictionary: readFileSync(DICTIONARY) });
}

/** Both results, or the first error once both are settled, so that no store stays open. */
async function both(opening: Promise<Store<string>>, making: Promise<Pki>): Promise<[Store<string>, Pki]> {
  const [store, pki] = await Promise.allSettled([opening, making]);
  if (store.status === "rejected") throw store.reason;
  if (pki.status === "fulfilled") return [store.value, pki.value];
  await store.value.close();
  throw pki.reason;
}

async function serve(
  options: ApiServerOptions,
  store: Store<string>,
  pki: Pki,
  tokens: StaticTokens,
  token: string,
): Promise<ApiServer> {
  const closing = new AbortController();
  const now = (): Date => new Date();
  const signingKey = ensureSigningKey(join(options.dataDir, "pki", "sa.key"));
  const access = createAccess({ store, staticTokens: tokens, signingKey, now });
  const context = contextOf(options, store, pki, access, closing.signal);
  let ready = false;
  serveDefinitions(context);
  const listening = await listen(options.listeners, pki, {
    request: requestHandler(context, () => ready),
    upgrade: (request, socket, head) => void passUpgrade(context, request, socket, head),
    shouldUpgrade: isStreamRequest,
  });
  await bootstrap(context, {
    ranges: options.serviceClusterIPRanges,
    advertiseAddresses: options.advertiseAddresses ?? [],
    advertisePort: options.advertisePort ?? ADVERTISE_PORT,
  });
  keepAggregated(context);
  const kubeconfig = kubeconfigText(listening.urls[0] ?? "", pki.ca, token);
  const kubeconfigPath = join(options.dataDir, "kubeconfig");
  writePrivateFile(kubeconfigPath, kubeconfig);
  ready = true;
  return {
    urls: listening.urls,
    kubeconfig,
    kubeconfigPath,
    token,
    ca: pki.ca,
    close: async () => {
      closing.abort();
      await listening.close();
      access.close();
      await store.close();
    },
  };
}

function contextOf(
  options: ApiServerOptions,
  store: Store<string>,
  pki: Pki,
  access: Access,
  closing: AbortSignal,
): ApiContext {
  return {
    store,
    resources: new Resources(),
    network: networkOf(options),
    access,
    kubeletClient: { ca: pki.ca, cert: pki.kubeletClientCert, key: pki.kubeletClientKey },
    admission: new Admission(store, closing),
    now: () => new Date(),
    log: options.log ?? ((text) => process.stderr.write(`apiserver: ${text}\n`)),
    closing,
  };
}

function networkOf({ serviceClusterIPRanges: ranges, nodePortRange }: ApiServerOptions): ServiceNetwork {
  const [primary, secondary] = ranges as readonly [Cidr, Cidr?];
  const families =
    secondary === undefined ? ([primary.family] as const) : ([primary.family, secondary.family] as const);
  return { families, nodePorts: nodePortRange ?? DEFAULT_NODE_PORTS };
}

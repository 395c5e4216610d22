import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { ClusterConfig } from "./config.ts";
import { loadWithPlugins } from "./kubeconfig-plugins.ts";
import { badInputFor } from "../errors/bad-input.ts";
import { yaml } from "../objects/yaml.ts";

const bad = badInputFor("cannot use the kubeconfig");

type Fields = Record<string, unknown>;
interface Named {
  readonly fields: Fields;
  /** The directory that relative paths of the entry start from. */
  readonly directory: string;
}
interface Merged {
  readonly paths: readonly string[];
  currentContext?: string;
  readonly contexts: Map<string, Named>;
  readonly clusters: Map<string, Named>;
  readonly users: Map<string, Named>;
}

/**
 * Reads the current context of a kubeconfig: of `path`, else of $KUBECONFIG (several files merge, the first
 * one to name a thing wins), else of ~/.kube/config. Users that sign in through a plugin (`exec`,
 * `auth-provider`) are left to
 * @kubernetes/client-node where that is installed.
 * @throws UserError when a file is missing or malformed, or names a context, cluster or user that is not in
 *   it
 */
export async function loadKubeconfig(path?: string): Promise<ClusterConfig> {
  const merged = await readAll(kubeconfigPaths(path));
  const where = merged.paths.join(delimiter);
  const contextName = merged.currentContext;
  if (contextName === undefined || contextName === "") {
    throw bad(where, "it has no current-context", "kubectl config use-context NAME");
  }
  const context = entry(merged.contexts, "context", contextName, where).fields;
  const cluster = entry(merged.clusters, "cluster", text(context.cluster) ?? "", where);
  const userName = text(context.user);
  const user = userName ? entry(merged.users, "user", userName, where) : { fields: {}, directory: "." };
  const namespace = text(context.namespace);
  if (user.fields.exec !== undefined || user.fields["auth-provider"] !== undefined) {
    return { ...(await loadWithPlugins(merged.paths, userName ?? "")), ...(namespace ? { namespace } : {}) };
  }
  return compact({ ...(await readCluster(cluster, where)), ...(await readUser(user, where)), namespace });
}

function kubeconfigPaths(path: string | undefined): string[] {
  if (path !== undefined && path !== "") return [path];
  const fromEnvironment = (process.env.KUBECONFIG ?? "").split(delimiter).filter((part) => part !== "");
  return fromEnvironment.length > 0 ? fromEnvironment : [join(homedir(), ".kube", "config")];
}

async function readAll(paths: readonly string[]): Promise<Merged> {
  const merged: Merged = { paths, contexts: new Map(), clusters: new Map(), users: new Map() };
  for (const path of paths) {
    const content = await readText(path, paths.length > 1);
    if (content !== undefined) mergeFile(merged, path, content);
  }
  return merged;
}

/** As kubectl does, a missing file among several of $KUBECONFIG is no error. */
async function readText(path: string, mayBeMissing: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw bad(path, (error as Error).message, "name the file with --kubeconfig=FILE or $KUBECONFIG", error);
  }
}

function mergeFile(merged: Merged, path: string, content: string): void {
  let file: Fields | null;
  try {
    file = yaml().parse(content) as Fields | null;
  } catch (error) {
    throw bad(path, `it is not YAML: ${(error as Error).message}`, "mend the file", error);
  }
  if (file !== null && typeof file !== "object") throw bad(path, "it is not a mapping", "mend the file");
  const directory = dirname(resolve(path));
  merged.currentContext ||= text(file?.["current-context"]);
  collect(merged.contexts, file?.contexts, "context", directory);
  collect(merged.clusters, file?.clusters, "cluster", directory);
  collect(merged.users, file?.users, "user", directory);
}

function collect(into: Map<string, Named>, list: unknown, key: string, directory: string): void {
  if (!Array.isArray(list)) return;
  for (const item of list as Fields[]) {
    const name = text(item?.name);
    if (name === undefined || into.has(name)) continue;
    into.set(name, { fields: (item[key] ?? {}) as Fields, directory });
  }
}

function entry(entries: Map<string, Named>, what: string, name: string, where: string): Named {
  const found = entries.get(name);
  if (found !== undefined) return found;
  const known = [...entries.keys()].map((key) => `"${key}"`).join(", ");
  throw bad(
    where,
    `it names the ${what} "${name}", which it does not hold`,
    `use one of: ${known || "(none)"}`,
  );
}

async function readCluster({ fields, directory }: Named, where: string): Promise<Partial<ClusterConfig>> {
  const server = text(fields.server);
  if (server === undefined || !URL.canParse(server)) {
    throw bad(
      where,
      `the cluster's server is not a URL: ${JSON.stringify(fields.server)}`,
      "set clusters[].cluster.server",
    );
  }
  return {
    server: server.replace(/\/+$/, ""),
    ca: await pem(fields, "certificate-authority", directory, where),
    tlsServerName: text(fields["tls-server-name"]),
    insecureSkipTlsVerify: fields["insecure-skip-tls-verify"] === true ? true : undefined,
  };
}

async function readUser({ fields, directory }: Named, where: string): Promise<Partial<ClusterConfig>> {
  const tokenFile = text(fields.tokenFile);
  const token =
    text(fields.token) ?? (tokenFile && (await readPart(resolve(directory, tokenFile), where)).trim());
  return {
    token,
    cert: await pem(fields, "client-certificate", directory, where),
    key: await pem(fields, "client-key", directory, where),
    username: text(fields.username),
    password: text(fields.password),
  };
}

/** `<name>-data` in base64 wins over the file that `<name>` points to. */
async function pem(
  fields: Fields,
  name: string,
  directory: string,
  where: string,
): Promise<string | undefined> {
  const data = text(fields[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = text(fields[name]);
  return file === undefined ? undefined : readPart(resolve(directory, file), where);
}

async function readPart(path: string, where: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw bad(
      where,
      `a file it points to cannot be read: ${(error as Error).message}`,
      `restore ${path}`,
      error,
    );
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function compact(config: Partial<ClusterConfig>): ClusterConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as ClusterConfig;
}

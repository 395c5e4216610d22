import type { Readable } from "node:stream";
import { apiVersionOf, type Kind, resourcePath } from "../objects/kinds.ts";
import { ApiError } from "../objects/status.ts";
import type { KubeObject } from "../objects/types.ts";
import type { ClusterConfig } from "./config.ts";
import { type ExecOptions, execInPod } from "./exec.ts";
import { type LogOptions, openLogs } from "./logs.ts";
import { errorOf, readText, type SendOptions, Transport } from "./transport.ts";
import { acceptOf, type WatchEvent, type WatchOptions, watchObjects } from "./watch.ts";

/** Which objects are listed, and how many at a time. */
export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** Objects come with their metadata alone (PartialObjectMetadata), where the server can do so. */
  readonly metadataOnly?: boolean;
}

/** One page of a list, with the version that it is as of. */
export interface ObjectList<T> {
  items: T[];
  resourceVersion: string;
  /** Given back as `continue` to get the next page; absent on the last one. */
  continue?: string;
}

/** How an object is written. */
export interface WriteOptions {
  /** Everything but the writing itself. */
  readonly dryRun?: boolean;
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  readonly fieldManager?: string;
  readonly subresource?: string;
}

/** How a patch is written; `type` says in which form it is. */
export interface PatchOptions extends WriteOptions {
  readonly type: "json" | "merge" | "strategic" | "apply";
  /** Server-side apply: takes over fields that others manage. */
  readonly force?: boolean;
}

/** How an object goes. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  /** Deletes nothing but the object of this uid. */
  readonly uid?: string;
}

const PATCH_TYPES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/**
 * A client of one API server, embedded or real. Every method but `request` throws ApiError for what the
 * server refuses, and Node's own errors (with `code`) where it cannot be reached.
 */
export class KubeClient {
  readonly config: ClusterConfig;
  readonly #transport: Transport;

  constructor(config: ClusterConfig) {
    this.config = config;
    this.#transport = new Transport(config);
  }

  get<T>(kind: Kind, name: string, namespace?: string): Promise<T> {
    return this.#call<T>("GET", resourcePath(kind, namespace, name));
  }

  /** As {@link get}, and undefined where there is no such object. */
  async find<T>(kind: Kind, name: string, namespace?: string): Promise<T | undefined> {
    try {
      return await this.get<T>(kind, name, namespace);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /**
   * One page of a collection, over all namespaces unless one is given; items carry their apiVersion and kind.
   */
  async list<T>(kind: Kind, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, metadataOnly, ...query } = options;
    interface Answer {
      items: T[] | null;
      metadata: { resourceVersion: string; continue?: string };
    }
    const path = resourcePath(kind, namespace) + queryOf({ ...query });
    const answer = await this.#call<Answer>("GET", path, undefined, acceptOf(metadataOnly, "List"));
    const type = { apiVersion: apiVersionOf(kind), kind: kind.kind };
    return {
      items: (answer.items ?? []).map((item) => ({ ...type, ...item })),
      resourceVersion: answer.metadata.resourceVersion,
      ...(answer.metadata.continue ? { continue: answer.metadata.continue } : {}),
    };
  }

  /** All pages of a collection as of one version. */
  async listAll<T>(kind: Kind, options: ListOptions = {}): Promise<ObjectList<T>> {
    const page = await this.list<T>(kind, { limit: 500, ...options });
    while (page.continue) {
      const next: ObjectList<T> = await this.list<T>(kind, {
        limit: 500,
        ...options,
        continue: page.continue,
      });
      for (const item of next.items) page.items.push(item);
      page.continue = next.continue;
    }
    return page;
  }

  /** Creates an object, or posts it to a subresource of the object that it names (as a Binding is). */
  create<T>(kind: Kind, object: object, options: WriteOptions = {}): Promise<T> {
    const { metadata } = object as KubeObject;
    const { subresource } = options;
    const path = resourcePath(kind, metadata.namespace, subresource ? metadata.name : undefined, subresource);
    return this.#call<T>("POST", path + queryOf(writeQuery(options)), withType(kind, object));
  }

  update<T>(kind: Kind, object: object, options: WriteOptions = {}): Promise<T> {
    const { metadata } = object as KubeObject;
    const path = resourcePath(kind, metadata.namespace, metadata.name, options.subresource);
    return this.#call<T>("PUT", path + queryOf(writeQuery(options)), withType(kind, object));
  }

  patch<T>(
    kind: Kind,
    name: string,
    namespace: string | undefined,
    patch: unknown,
    options: PatchOptions,
  ): Promise<T> {
    const path = resourcePath(kind, namespace, name, options.subresource);
    const query = queryOf({ ...writeQuery(options), force: options.force });
    return this.#call<T>("PATCH", path + query, patch, { "content-type": PATCH_TYPES[options.type] });
  }

  async delete(kind: Kind, name: string, namespace?: string, options: DeleteOptions = {}): Promise<void> {
    const { uid, ...rest } = options;
    const body = {
      kind: "DeleteOptions",
      apiVersion: "v1",
      ...rest,
      ...(uid ? { preconditions: { uid } } : {}),
    };
    await this.#call("DELETE", resourcePath(kind, namespace, name), body);
  }

  /** See watchObjects: endless, resumes by itself, throws ApiError 410 when the version is too old. */
  watch<T extends KubeObject>(kind: Kind, options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    return watchObjects<T>(this.#transport, kind, options);
  }

  /** Runs a command in a container; resolves with its exit code. */
  exec(options: ExecOptions): Promise<number> {
    return execInPod(this.#transport, options);
  }

  /**
   * The log of a container as a stream of bytes; it ends with the log, or with the container when it follows.
   */
  logs(options: LogOptions): Promise<Readable> {
    return openLogs(this.#transport, options);
  }

  /**
   * Any request; the answer is handed on whatever its status. The body of the answer is parsed where it is
   * JSON.
   */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    // biome-ignore lint/suspicious/noExplicitAny: the shape of the answer is the caller's to know
  ): Promise<{ status: number; body: any }> {
    const encoded = encodeBody(body, headers["content-type"]);
    const options: SendOptions = { ...encoded, headers: { ...encoded.headers, ...headers } };
    const message = await this.#transport.send(method, path, options);
    const text = await readText(message);
    return { status: message.statusCode ?? 0, body: parseAnswer(text, message.headers["content-type"]) };
  }

  /** Closes the connections; what is under way fails. */
  close(): void {
    this.#transport.close();
  }

  async #call<T>(
    method: string,
    path: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const headers = body === undefined ? more : { "content-type": "application/json", ...more };
    const answer = await this.request(method, path, body, headers);
    if (answer.status >= 200 && answer.status < 300) return answer.body as T;
    throw errorOf(answer.status, answer.body);
  }
}

function encodeBody(body: unknown, type = "application/json"): Pick<SendOptions, "body" | "headers"> {
  if (body === undefined) return {};
  const raw = typeof body === "string" || Buffer.isBuffer(body);
  return { body: raw ? body : JSON.stringify(body), headers: { "content-type": type } };
}

function parseAnswer(text: string, type = ""): unknown {
  return type.includes("json") && text !== "" ? JSON.parse(text) : text;
}

function writeQuery(options: WriteOptions): Record<string, unknown> {
  return {
    dryRun: options.dryRun ? "All" : undefined,
    fieldValidation: options.fieldValidation,
    fieldManager: options.fieldManager ?? "tandem",
  };
}

function queryOf(parameters: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `?${query}` : "";
}

function withType(kind: Kind, object: object): object {
  return "kind" in object ? object : { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
}

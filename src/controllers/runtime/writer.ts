import type { DeleteOptions, KubeClient, PatchOptions, WriteOptions } from "../../client/index.ts";
import { type Kind, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject } from "../../objects/types.ts";
import type { Informers } from "./informers.ts";

/**
 * Writes objects and waits until each write has come back through the watch, so that whoever reconciles the
 * same object next reads its own writes from the cache.
 */
export class Writer {
  readonly #client: KubeClient;
  readonly #informers: Informers;

  constructor(client: KubeClient, informers: Informers) {
    this.#client = client;
    this.#informers = informers;
  }

  async create<T extends KubeObject>(kind: Kind, object: Omit<T, "apiVersion" | "kind">): Promise<T> {
    return this.#seen(kind, await this.#client.create<T>(kind, object));
  }

  async update<T extends KubeObject>(kind: Kind, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#seen(kind, await this.#client.update<T>(kind, object, options));
  }

  /** A patch, by default a JSON merge patch. */
  async patch<T extends KubeObject>(
    kind: Kind,
    { metadata }: T,
    patch: unknown,
    options: Partial<PatchOptions> = {},
  ): Promise<T> {
    const { name, namespace } = metadata;
    return this.#seen(
      kind,
      await this.#client.patch<T>(kind, name, namespace, patch, { type: "merge", ...options }),
    );
  }

  /** Deletes just this object, not another one of its name; one that is gone already is no error. */
  async delete(kind: Kind, object: KubeObject, options: DeleteOptions = {}): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    try {
      await this.#client.delete(kind, name, namespace, { ...(uid ? { uid } : {}), ...options });
    } catch (error) {
      // 409: the precondition failed, another object has this name by now.
      if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
    }
    await this.#informers.until(
      kind,
      objectKey(object),
      (current) => current?.metadata.uid !== uid || current?.metadata.deletionTimestamp !== undefined,
    );
  }

  async #seen<T extends KubeObject>(kind: Kind, object: T): Promise<T> {
    await this.#informers.until(kind, objectKey(object), (current) => {
      if (current === undefined) return false;
      return current.metadata.uid !== object.metadata.uid || versionOf(current) >= versionOf(object);
    });
    return object;
  }
}

/** Versions of one API server are ordered numbers (KEP-5504). */
function versionOf(object: KubeObject): bigint {
  return BigInt(object.metadata.resourceVersion ?? "0");
}

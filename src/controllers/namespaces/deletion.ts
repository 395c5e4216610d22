import { Discovery } from "../../client/index.ts";
import { type Kind, KINDS, resourcePath } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject, Namespace } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";

/** The finalizer that this controller stands for. */
const FINALIZER = "kubernetes";
/** Milliseconds between looks at a namespace in which something is still going. */
const RECHECK = 100;
const MAX_RECHECK = 5000;
/** Requests under way at once for one namespace. */
const PARALLEL = 16;

/**
 * Empties namespaces that are being deleted, kind by kind as discovery names them, and lets them go when they
 * are empty.
 */
export function runNamespaceDeletion(context: ControllerContext): void {
  const { client, informers } = context;
  const namespaces = informers.of<Namespace>(KINDS.Namespace);
  const waits = new Map<string, number>();

  const queue = context.queue({ name: "namespace-deletion" }, async (name) => {
    const namespace = namespaces.get(name);
    const finalizers = namespace?.spec?.finalizers ?? [];
    if (namespace?.metadata.deletionTimestamp === undefined || !finalizers.includes(FINALIZER)) {
      waits.delete(name);
      return;
    }
    if ((await deleteContent(name)) > 0) {
      const wait = waits.get(name) ?? RECHECK;
      waits.set(name, Math.min(wait * 2, MAX_RECHECK));
      return queue.addAfter(name, wait);
    }
    await finalize(namespace, finalizers);
    waits.delete(name);
  });

  /** Deletes all there is, and says how much was left before. */
  async function deleteContent(namespace: string): Promise<number> {
    // Asked anew each time: kinds may have come since, and nothing may be left behind.
    const kinds = await new Discovery(client).namespacedKinds(["list", "delete"]);
    const counts = await inParallel(kinds, (kind) => deleteKind(kind, namespace));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async function deleteKind(kind: Kind, namespace: string): Promise<number> {
    const { items } = await client.listAll<KubeObject>(kind, { namespace });
    const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const results = await inParallel(living, async ({ metadata }) => {
      try {
        await client.delete(kind, metadata.name, namespace, { propagationPolicy: "Background" });
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 404) throw error;
      }
    });
    return Math.max(results.length, items.length);
  }

  async function finalize(namespace: Namespace, finalizers: readonly string[]): Promise<void> {
    const left = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    const path = resourcePath(KINDS.Namespace, undefined, namespace.metadata.name, "finalize");
    const body = { ...namespace, spec: { ...namespace.spec, finalizers: left } };
    const answer = await client.request("PUT", path, body);
    // 409: it has changed, and comes again with that change.
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409)
      throw new ApiError(answer.body);
  }

  namespaces.onChange(({ object }) => {
    if (object.metadata.deletionTimestamp !== undefined) queue.add(object.metadata.name);
  });
}

async function inParallel<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  return results;
}

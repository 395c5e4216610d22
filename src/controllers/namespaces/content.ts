import { Discovery, type KubeClient, type Survey } from "../../client/index.ts";
import type { Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject } from "../../objects/types.ts";
import type { Pass, Remaining } from "./conditions.ts";

/** Requests under way at once for one namespace. */
const PARALLEL = 16;

/**
 * Deletes all that a namespace has, of every kind that discovery names at this moment. A kind or an API that fails
 * does not keep the others (pkg/controller/namespace/deletion deleteAllContent).
 * @returns what is left: to be looked at again, unless it is nothing
 */
export async function deleteContent(client: KubeClient, namespace: string): Promise<Pass> {
  const errors: Error[] = [];
  // Asked anew each time: kinds may have come since, and nothing may be left behind.
  const { kinds, failures } = await survey(client);
  const wanted = kinds.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes("list") && verbs.includes("delete"),
  );
  const remaining = await inParallel(wanted, async (kind) => {
    try {
      return await deleteKind(client, kind, namespace);
    } catch (error) {
      errors.push(error as Error);
      return { kind, count: 0, finalizers: new Map<string, number>() };
    }
  });
  return { remaining, undiscovered: failures, errors };
}

/** Without a list of the groups nothing is known: that too is a failure of discovery. */
async function survey(client: KubeClient): Promise<Survey> {
  try {
    return await new Discovery(client).survey();
  } catch (error) {
    return { kinds: [], failures: new Map([["/apis", error as Error]]) };
  }
}

async function deleteKind(client: KubeClient, kind: Kind, namespace: string): Promise<Remaining> {
  const items = await itemsOf(client, kind, namespace);
  const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  await inParallel(living, async ({ metadata }) => {
    try {
      await client.delete(kind, metadata.name, namespace, { propagationPolicy: "Background" });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  });
  const left = living.length === 0 ? items : await itemsOf(client, kind, namespace);
  const finalizers = new Map<string, number>();
  for (const name of left.flatMap(({ metadata }) => metadata.finalizers ?? []))
    finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  return { kind, count: left.length, finalizers };
}

async function itemsOf(client: KubeClient, kind: Kind, namespace: string): Promise<KubeObject[]> {
  try {
    return (await client.listAll<KubeObject>(kind, { namespace, metadataOnly: true })).items;
  } catch (error) {
    // The kind went since discovery named it, and its objects with it.
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Not found, or a verb that is not there in spite of discovery, as of some aggregated APIs. */
function isMissing(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 404 || error.code === 405);
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

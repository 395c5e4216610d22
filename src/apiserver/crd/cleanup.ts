import { CLEANUP_FINALIZER, customKinds, type Definition } from "../../objects/crd/index.ts";
import { KINDS, type Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { ApiContext } from "../context.ts";
import { deleteObject } from "../registry/delete.ts";
import { decodeObject, encodeObject } from "../registry/encoding.ts";
import { keyOf, prefixOf } from "../registry/keys.ts";
import type { DeleteOptions } from "../rest/delete-options.ts";

/** As if a client deleted each object by itself. */
const DELETION: DeleteOptions = {
  dryRun: false,
  preconditions: {},
  propagation: undefined,
  gracePeriodSeconds: undefined,
};
const KIND = KINDS.CustomResourceDefinition;

/** Whether a definition waits for its objects to be removed. */
export function needsCleanup({ metadata }: Definition): boolean {
  return (
    metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(CLEANUP_FINALIZER) === true
  );
}

/**
 * Deletes the objects of a definition, waits until the last one is gone, and lets the definition go then
 * (apiextensions controller/finalizer/crd_finalizer.go). Resolves early when the server closes.
 */
export async function startCleanup(context: ApiContext, definition: Definition): Promise<void> {
  const kind = anyKind(definition);
  const { entries } = context.store.range(prefixOf(kind));
  const deletions = entries.map(({ value }) => {
    const { namespace, name } = decodeObject(value).metadata;
    return deleteObject(context, { kind, namespace, name }, DELETION).catch(ignoreGone);
  });
  await Promise.all(deletions);
  await allGone(context, kind);
  if (!context.closing.aborted) await release(context, definition.metadata.name);
}

/** A kind to delete the objects by, also when no version is served any more. */
function anyKind(definition: Definition): Kind {
  const { spec } = definition;
  const versions = spec.versions.map((version) => ({ ...version, served: true }));
  return customKinds({ ...definition, spec: { ...spec, versions } }, 0)[0]!;
}

/** Somebody else was faster. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== 404) throw error;
}

/** Resolves when no object is left, or the server closes. Objects may be held by finalizers of their own. */
function allGone({ store, closing }: ApiContext, kind: Kind): Promise<void> {
  const prefix = prefixOf(kind);
  const { entries, revision } = store.range(prefix, { limit: 1 });
  if (entries.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      stop();
      closing.removeEventListener("abort", finish);
      resolve();
    };
    const stop = store.watch(prefix, revision, {
      onChanges: () => {
        if (store.range(prefix, { limit: 1 }).entries.length === 0) setImmediate(finish);
      },
    });
    closing.addEventListener("abort", finish, { once: true });
    // the last one may have gone before the watch began to be told
    if (closing.aborted || store.range(prefix, { limit: 1 }).entries.length === 0) finish();
  });
}

async function release({ store }: ApiContext, name: string): Promise<void> {
  await store.transact((tx) => {
    const key = keyOf(KIND, undefined, name);
    const entry = tx.get(key);
    if (entry === undefined) return;
    const object = decodeObject(entry.value);
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== CLEANUP_FINALIZER);
    if (finalizers.length === 0) {
      tx.delete(key);
      return;
    }
    object.metadata.finalizers = finalizers;
    tx.put(key, encodeObject(KIND, object, tx.revision));
  });
}

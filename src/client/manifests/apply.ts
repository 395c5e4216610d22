import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { Kind } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import { pause } from "../backoff.ts";
import type { KubeClient } from "../kube-client.ts";
import { applyPatch, withLastApplied } from "./merge.ts";
import { resolveTargets, type Target } from "./resolve.ts";
import { type ManifestObject, placeOf } from "./source.ts";

/** What became of one object of a manifest. */
export interface Applied extends ManifestObject {
  readonly resource: Kind;
  readonly action: "created" | "configured" | "unchanged";
}

/** So many objects are under way at once. */
const PARALLEL = 16;
/** Milliseconds to wait for a new namespace's ServiceAccount, without which real clusters admit no pods. */
const ACCOUNT_WAIT = 5000;

/**
 * Applies manifests as a whole or not at all: every object is first tried by the server without being written
 * (`dryRun=All`, `fieldValidation=Strict`); only when all are good are they created, or merge-patched.
 * Namespaces go first; those that were created for the trial are deleted again when it fails.
 * @throws UserError naming file, line and object of all that the server refuses
 */
export async function applyManifests(
  client: KubeClient,
  manifests: readonly ManifestObject[],
): Promise<Applied[]> {
  const targets = await resolveTargets(client, manifests);
  const namespaces = targets.filter((target) => isNamespace(target));
  const others = targets.filter((target) => !isNamespace(target));
  await tryAll(client, namespaces);
  const applied = await applyAll(client, namespaces);
  try {
    await tryAll(client, others);
  } catch (error) {
    for (const made of applied.filter(({ action }) => action === "created")) {
      await client.delete(made.resource, made.object.metadata.name);
    }
    throw error;
  }
  return [...applied, ...(await applyAll(client, others))];
}

function isNamespace({ resource }: Target): boolean {
  return resource.kind === "Namespace" && resource.group === "";
}

async function tryAll(client: KubeClient, targets: readonly Target[]): Promise<void> {
  const failures: { target: Target; error: ApiError }[] = [];
  await inParallel(targets, async (target) => {
    try {
      await applyOne(client, target, true);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failures.push({ target, error });
    }
  });
  if (failures.length > 0) throw refusal(failures);
}

/** In the order of the manifests, so that what is created first has the older timestamp and version. */
async function applyAll(client: KubeClient, targets: readonly Target[]): Promise<Applied[]> {
  const applied: Applied[] = [];
  await inParallel(targets, async (target, index) => {
    try {
      applied[index] = { ...target, action: await applyOne(client, target, false) };
    } catch (error) {
      throw error instanceof ApiError
        ? refusal([{ target, error }], "what stands before it was applied")
        : error;
    }
  });
  return applied;
}

async function applyOne(client: KubeClient, target: Target, dryRun: boolean): Promise<Applied["action"]> {
  const desired = withLastApplied(target.object);
  const options = { dryRun, fieldValidation: "Strict" } as const;
  let live = await findLive(client, target);
  if (live === undefined) {
    try {
      await createPatiently(() => client.create(target.resource, desired, options));
      return "created";
    } catch (error) {
      // somebody else was quicker, as a controller that makes the GatewayClass of its own
      if (isTaken(error)) live = await findLive(client, target);
      if (live === undefined) throw error;
    }
  }
  const patch = applyPatch(live, desired);
  if (patch === undefined) return "unchanged";
  const { name, namespace } = desired.metadata;
  const after = await client.patch<AnyObject>(target.resource, name, namespace, patch, {
    ...options,
    type: "merge",
  });
  return after.metadata.resourceVersion === live.metadata.resourceVersion ? "unchanged" : "configured";
}

function findLive(client: KubeClient, { resource, object }: Target): Promise<AnyObject | undefined> {
  return client.find<AnyObject>(resource, object.metadata.name, object.metadata.namespace);
}

function isTaken(error: unknown): boolean {
  return error instanceof ApiError && error.status.reason === "AlreadyExists";
}

async function createPatiently(create: () => Promise<unknown>): Promise<void> {
  for (let waited = 0; ; waited += 100) {
    try {
      await create();
      return;
    } catch (error) {
      const early =
        error instanceof ApiError && error.code === 403 && /serviceaccount .* not found/i.test(error.message);
      if (!early || waited >= ACCOUNT_WAIT) throw error;
      await pause(100);
    }
  }
}

async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      await work(items[index] as T, index);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function refusal(
  failures: readonly { target: Target; error: ApiError }[],
  state = "nothing was applied",
): UserError {
  const why = failures.map(({ error }) => error.message).join("; ");
  const where = failures.map(({ target }) => placeOf(target)).join(", ");
  const next = `${adviceFor(failures[0]?.error)}; ${state}`;
  return new UserError({ what: "cannot apply the manifests", where, why, next, exitCode: EXIT.badInput });
}

function adviceFor(error: ApiError | undefined): string {
  const message = error?.message ?? "";
  if (message.includes("unknown field")) return "correct or remove the field";
  if (/namespaces? ".*" not found/.test(message)) return "add the Namespace to the manifests";
  return "correct the manifest and apply it again";
}

import { KINDS, resourcePath } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Namespace } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { deletionConditions, type Pass } from "./conditions.ts";
import { deleteContent } from "./content.ts";

/** The finalizer that this controller stands for. */
const FINALIZER = "kubernetes";
/** Milliseconds between looks at a namespace in which something is still going. */
const RECHECK = 100;
const MAX_RECHECK = 5000;

/**
 * Empties namespaces that are being deleted, kind by kind as discovery names them, and lets them go when they
 * are empty. While a part of discovery fails they wait, and their conditions say so.
 */
export function runNamespaceDeletion(context: ControllerContext): void {
  const { client, informers, writer, options } = context;
  const namespaces = informers.of<Namespace>(KINDS.Namespace);
  const waits = new Map<string, number>();
  const reported = new Set<string>();

  const queue = context.queue({ name: "namespace-deletion" }, async (name) => {
    const namespace = namespaces.get(name);
    const finalizers = namespace?.spec?.finalizers ?? [];
    if (namespace?.metadata.deletionTimestamp === undefined || !finalizers.includes(FINALIZER)) {
      waits.delete(name);
      return;
    }
    const pass = await deleteContent(client, name);
    report(pass);
    const left = pass.remaining.some(({ count }) => count > 0);
    if (!left && pass.errors.length === 0 && pass.undiscovered.size === 0) {
      await finalize(namespace, finalizers);
      waits.delete(name);
      return;
    }
    const wait = waits.get(name) ?? RECHECK;
    waits.set(name, Math.min(wait * 2, MAX_RECHECK));
    queue.addAfter(name, wait);
    await describe(namespace, pass);
  });

  /** Each API that fails is named once, however many namespaces wait for it, until it answers again. */
  function report({ undiscovered }: Pass): void {
    for (const version of reported) if (!undiscovered.has(version)) reported.delete(version);
    for (const [version, error] of undiscovered) {
      if (reported.has(version)) continue;
      reported.add(version);
      options.log?.(`namespaces wait for the discovery of ${version}: ${error.message}`);
    }
  }

  async function describe(namespace: Namespace, pass: Pass): Promise<void> {
    const conditions = deletionConditions(namespace.status?.conditions ?? [], pass, new Date());
    if (conditions === undefined) return;
    const status = { ...namespace.status, phase: "Terminating", conditions };
    const patch = { metadata: { uid: namespace.metadata.uid }, status };
    try {
      await writer.patch(KINDS.Namespace, namespace, patch, { subresource: "status" });
    } catch (error) {
      // It has changed or is gone: the next pass, which is due already, sees that.
      if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
    }
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

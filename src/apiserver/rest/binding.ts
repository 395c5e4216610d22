import { BINDING } from "../../objects/kinds.ts";
import { formatTime } from "../../objects/time.ts";
import { badRequest, conflict, notFound } from "../../objects/status.ts";
import type { AnyObject, Pod } from "../../objects/types.ts";
import { admitted } from "../admission/write.ts";
import type { Answer, Call } from "../http/call.ts";
import { jsonReply } from "../http/replies.ts";
import { decodeObject, encodeObject } from "../registry/encoding.ts";
import { keyOf } from "../registry/keys.ts";
import { readPlain } from "./body.ts";
import { writeQuery } from "./options.ts";
import type { Target } from "./target.ts";

/** POST pods/<name>/binding: a scheduler gives the pod its node. */
export async function bind(call: Call, { kind, namespace, name, context }: Target): Promise<Answer> {
  const { dryRun } = writeQuery(call, "create");
  const asked = ((await readPlain(call, BINDING)) ?? {}) as object;
  const { object, warnings } = await admitted(context, {
    ...{ operation: "CREATE", kind, subresource: "binding", namespace, name: name!, user: call.user, dryRun },
    objectKind: { apiVersion: "v1", kind: "Binding" },
    object: { apiVersion: "v1", kind: "Binding", ...asked } as AnyObject,
  });
  const node = nodeOf(object);
  const key = keyOf(kind, namespace, name!);
  await context.store.transact((tx) => {
    const entry = tx.get(key);
    if (entry === undefined) throw notFound({ group: "", kind: "pods" }, name!);
    const pod = decodeObject(entry.value) as AnyObject & Pod;
    assign(pod, node, formatTime(context.now()));
    if (!dryRun) tx.put(key, encodeObject(kind, pod, tx.revision));
  });
  const done = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return { ...jsonReply(done, 201), warnings };
}

function nodeOf(binding: AnyObject): string {
  const node: unknown = binding["target"]?.name;
  if (typeof node !== "string" || node === "") throw badRequest("target.name: Required value");
  return node;
}

/** Sets the node once and for all (pkg/registry/core/pod/storage: setPodHostAndAnnotations). */
function assign(pod: Pod, node: string, now: string): void {
  const { name } = pod.metadata;
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(
      { group: "", kind: "pods/binding" },
      name,
      `pod ${name} is being deleted, cannot be assigned to a host`,
    );
  }
  if ((pod.spec.nodeName ?? "") !== "") {
    const why = `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`;
    throw conflict({ group: "", kind: "pods/binding" }, name, why);
  }
  pod.spec.nodeName = node;
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
  const scheduled = { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: now };
  pod.status = { ...pod.status, conditions: [...others, scheduled] };
}

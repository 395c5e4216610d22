import type { KubeClient } from "../../client/index.ts";
import { UserError } from "../../errors/user-error.ts";
import { GATEWAY_GROUP, GATEWAY_KINDS, type Gateway } from "../../objects/gateway/index.ts";
import { conditionOf } from "../../objects/conditions.ts";
import type { Condition, KubeObject } from "../../objects/types.ts";
import type { WaitOptions } from "../ready.ts";

const PAUSE_MS = 40;

/**
 * Waits until the Gateways among the objects are programmed: their proxies have the configuration, and addresses lead to
 * them.
 * @throws UserError when the time is up, with the conditions that say what is missing
 */
export async function waitForGateways(
  client: KubeClient,
  objects: readonly KubeObject[],
  { timeoutSeconds, onWaiting, signal }: WaitOptions,
): Promise<void> {
  const wanted = objects.filter((object) => object.kind === "Gateway" && isOfGatewayApi(object));
  const deadline = Date.now() + timeoutSeconds * 1000;
  for (;;) {
    signal?.throwIfAborted();
    const current = await Promise.all(wanted.map((object) => read(client, object)));
    const waiting = current.filter((gateway) => !isProgrammed(gateway));
    if (waiting.length === 0) return;
    const names = waiting.map(({ metadata }) => `gateway ${metadata.namespace}/${metadata.name}`).join(", ");
    onWaiting?.(names);
    if (Date.now() > deadline) {
      throw new UserError({
        what: `not programmed after ${timeoutSeconds} s`,
        where: names,
        why: waiting.flatMap(reasons).join("; ") || "no controller has said anything about it",
        next: "kubectl describe the gateway; kubectl get pods -A; or a longer --timeout",
      });
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function isOfGatewayApi({ apiVersion }: KubeObject): boolean {
  return apiVersion.startsWith(`${GATEWAY_GROUP}/`);
}

function read(client: KubeClient, { metadata }: KubeObject): Promise<Gateway> {
  return client.get<Gateway>(GATEWAY_KINDS.Gateway, metadata.name, metadata.namespace ?? "default");
}

function isProgrammed({ metadata, status }: Gateway): boolean {
  const condition = conditionOf(status?.conditions, "Programmed");
  return condition?.status === "True" && (condition.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

function reasons({ status }: Gateway): string[] {
  const bad = (condition: Condition) =>
    condition.status !== "True" && ["Accepted", "Programmed"].includes(condition.type);
  return (status?.conditions ?? [])
    .filter(bad)
    .map(({ type, reason, message }) => `${type}: ${reason} (${message})`);
}

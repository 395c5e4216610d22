import { Informer, type KubeClient } from "../../client/index.ts";
import { familyOfText } from "../../ip/address.ts";
import { KINDS } from "../../objects/kinds.ts";
import type { Node } from "../../objects/types.ts";
import { run } from "../run.ts";

/**
 * Keeps routes to the pod ranges of all nodes but `self` in this process's network namespace, of each family through
 * the node's address of that family, until the signal aborts. Resolves once the first routes are there.
 */
export async function followNodeRoutes(
  client: KubeClient,
  self: string | undefined,
  signal: AbortSignal,
): Promise<Informer<Node>> {
  const nodes = new Informer<Node>(client, KINDS.Node);
  let known = new Map<string, string>();
  let last: Promise<void> = Promise.resolve();
  const update = (): Promise<void> => {
    const wanted = routesTo(nodes.list(), self);
    const commands = routeChanges(known, wanted);
    known = wanted;
    // one after the other, so that a later state never comes before an earlier one; -force: a lost race hurts nobody
    last = last.then(() => (commands.length === 0 ? undefined : applyRoutes(commands)));
    return last;
  };
  let synced = false;
  nodes.onChange(() => {
    if (synced) void update();
  });
  await nodes.start(signal);
  synced = true;
  await update();
  return nodes;
}

async function applyRoutes(commands: readonly string[]): Promise<void> {
  await run(["ip", "-force", "-batch", "-"], `${commands.join("\n")}\n`).catch((error) =>
    console.error(String(error)),
  );
}

/** Pod range → address of its node. */
export function routesTo(nodes: readonly Node[], self: string | undefined): Map<string, string> {
  const routes = new Map<string, string>();
  for (const node of nodes) {
    if (node.metadata.name === self) continue;
    const addresses = (node.status?.addresses ?? [])
      .filter(({ type }) => type === "InternalIP")
      .map(({ address }) => address);
    for (const range of node.spec.podCIDRs ?? []) {
      const family = familyOfText(range.split("/")[0] as string);
      const via = addresses.find((address) => familyOfText(address) === family);
      if (via !== undefined) routes.set(range, via);
    }
  }
  return routes;
}

/** The `ip` commands from one set of routes to another. */
export function routeChanges(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const added = [...after].filter(([range, via]) => before.get(range) !== via);
  const gone = [...before.keys()].filter((range) => !after.has(range));
  return [
    ...added.map(([range, via]) => `route replace ${range} via ${via}`),
    ...gone.map((range) => `route del ${range}`),
  ];
}

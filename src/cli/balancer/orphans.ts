import { KubeClient, loadKubeconfig } from "../../client/index.ts";
import { isOlderThan, liveServices, sweepOrphans } from "../../controllers/balancer/index.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { type Output, render } from "../output.ts";
import type { BalancerSettings } from "./flags.ts";
import { openProvider, translateWith } from "./provider.ts";
import { printOrphans } from "./report.ts";

/** What `tandem balancer orphans` is to do. */
export interface OrphanOptions {
  readonly delete: boolean;
  readonly olderThanMs: number;
}

/** Prints what belongs to this cluster and to no Service; deletes it where asked. */
export async function printOrphaned(
  settings: BalancerSettings,
  wanted: OrphanOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const client = new KubeClient(await loadKubeconfig(settings.kubeconfig));
  try {
    const live = await liveServices(client, translateWith.bind(undefined, settings));
    const ended = new AbortController();
    const options = { client, readOnly: true, log: (line: string) => console.error(line) };
    const over = AbortSignal.any([signal, ended.signal]);
    const { provider } = await openProvider(settings, options, over);
    const now = new Date();
    const deletion = wanted.delete ? { olderThanMs: wanted.olderThanMs, now } : undefined;
    const { orphans, deleted } = await sweepOrphans(provider, live, deletion, signal).finally(() =>
      ended.abort(),
    );
    const shown = orphans.filter((orphan) => isOlderThan(orphan, wanted.olderThanMs, now));
    console.log(render(shown, output, printOrphans));
    for (const { orphan, error } of deleted)
      console.error(
        error === undefined
          ? `deleted ${orphan.kind} ${orphan.name}`
          : `${orphan.kind} ${orphan.name} is still there: ${error}`,
      );
    if (deleted.some(({ error }) => error !== undefined)) return EXIT.failed;
    return shown.length > deleted.length ? EXIT.findings : EXIT.ok;
  } finally {
    client.close();
  }
}

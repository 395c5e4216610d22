import { KubeClient, loadKubeconfig, pause } from "../../client/index.ts";
import {
  isOlderThan,
  liveServices,
  type SweepResult,
  sweepOrphans,
} from "../../controllers/balancer/index.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import type { BalancerProvider } from "../../traffic/balancer/provider.ts";
import { type Output, render } from "../output.ts";
import type { BalancerSettings } from "./flags.ts";
import { askProvider, openProvider, translateWith } from "./provider.ts";
import { printOrphans } from "./report.ts";

/** What `tandem balancer orphans` is to do; times in milliseconds. */
export interface OrphanOptions {
  readonly delete: boolean;
  readonly olderThanMs: number;
  /** For so long what is still in use is tried again: AWS lets go of parts only minutes after the whole. */
  readonly waitMs: number;
}

/** The pause before what was in use is tried again. */
const RETRY_MS = 2_000;
const ROUNDS = 3;

/** Prints what belongs to this cluster and to no Service; deletes it where asked. */
export async function printOrphaned(
  settings: BalancerSettings,
  wanted: OrphanOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const client = new KubeClient(await loadKubeconfig(settings.kubeconfig));
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);
  try {
    const live = () => liveServices(client, translateWith.bind(undefined, settings));
    const options = { client, readOnly: true, log: (line: string) => console.error(line) };
    const { provider } = await openProvider(settings, options, over);
    const now = new Date();
    const find = async (): Promise<SweepResult["orphans"]> => {
      const { orphans } = await sweepOrphans(provider, live, undefined, over);
      return orphans.filter((orphan) => isOlderThan(orphan, wanted.olderThanMs, now));
    };
    const found = await askProvider(settings, over, find);
    console.log(render(found, output, printOrphans));
    if (!wanted.delete) return found.length > 0 ? EXIT.findings : EXIT.ok;
    // what was shared belongs to nobody once the last user is gone
    for (let left = found, round = 0; left.length > 0 && round < ROUNDS; round++, left = await find())
      if (!(await deleteAll(provider, left, wanted.waitMs, over))) return EXIT.failed;
    return EXIT.ok;
  } finally {
    ended.abort();
    client.close();
  }
}

/** Says whether nothing is left of them. */
async function deleteAll(
  provider: BalancerProvider,
  orphans: SweepResult["orphans"],
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + waitMs;
  for (let left = orphans; ; ) {
    const results = await provider.deleteOrphans(left, signal);
    const kept = results.filter(({ error }) => error !== undefined);
    for (const { orphan, error } of results)
      if (error === undefined) console.error(`deleted ${orphan.kind} ${orphan.name}`);
    if (kept.length === 0) return true;
    left = kept.map(({ orphan }) => orphan);
    if (performance.now() + RETRY_MS < until && !signal.aborted) {
      await pause(RETRY_MS, signal);
      continue;
    }
    for (const { orphan, error } of kept)
      console.error(`${orphan.kind} ${orphan.name} is still there: ${error}`);
    return false;
  }
}

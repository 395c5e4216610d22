import { Command } from "commander";
import { runningClusters, tearDown } from "../lab/index.ts";
import { DEFAULT_NAME } from "./cluster.ts";

/** `tandem down`: takes a cluster down; safe to repeat. */
export function define(): Command {
  return new Command("down")
    .description("Take the cluster down, leaving nothing behind.")
    .option("--name <cluster>", "the cluster of `tandem up`", DEFAULT_NAME)
    .action(async ({ name }: { name: string }) => {
      const ran = await tearDown(name);
      if (ran) return console.error(` ✓ cluster ${name} is down`);
      const others = runningClusters().map((other) => `; ${other} is: tandem down --name ${other}`);
      console.error(`cluster ${name} is not running; nothing to do${others.join("")}`);
    });
}

import { Command } from "commander";
import { tearDown } from "../lab/index.ts";
import { DEFAULT_NAME } from "./cluster.ts";

/** `tandem down`: takes a cluster down; safe to repeat. */
export function define(): Command {
  return new Command("down")
    .description("Take the cluster down, leaving nothing behind.")
    .option("--name <cluster>", "the cluster of `tandem up`", DEFAULT_NAME)
    .action(async ({ name }: { name: string }) => {
      const ran = await tearDown(name);
      console.error(ran ? ` ✓ cluster ${name} is down` : `cluster ${name} is not running; nothing to do`);
    });
}

import { Command } from "commander";
import { defineEnvoy } from "./check-envoy.ts";
import { defineFlags } from "./check-flags.ts";
import { defineShoot } from "./check-shoot.ts";

/** `tandem check <subject>`: judges something without changing anything. One subcommand per subject. */
export function define(): Command {
  return new Command("check")
    .description("Judge, without changing anything.")
    .addCommand(defineShoot(), { isDefault: true })
    .addCommand(defineFlags())
    .addCommand(defineEnvoy());
}

import { Command } from "commander";
import { defineFlags } from "./check-flags.ts";

/** `tandem check <subject>`: judges something without changing anything. One subcommand per subject. */
export function define(): Command {
  return new Command("check").description("Judge, without changing anything.").addCommand(defineFlags());
}

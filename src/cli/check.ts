import { Command } from "commander";
import { defineEnvoy } from "./check-envoy.ts";
import { defineFlags } from "./check-flags.ts";
import { defineManifests } from "./check-manifests.ts";
import { defineShoot } from "./check-shoot.ts";

const HELP = `
Without a command it is manifests: tandem check manifests --help says what is looked for.

Examples:
  tandem check -f deploy.yaml
  helm template web ./chart | tandem check -f -
  tandem check -f shoot.yaml
  ps -ef | tandem check flags -
  curl -s localhost:19000/config_dump | tandem check envoy -f -`;

/** `tandem check <subject>`: judges something without changing anything. One subcommand per subject. */
export function define(): Command {
  return new Command("check")
    .description("Judge files, without changing anything and without a cluster.")
    .addHelpText("after", HELP)
    .addCommand(defineManifests(), { isDefault: true })
    .addCommand(defineShoot())
    .addCommand(defineFlags())
    .addCommand(defineEnvoy());
}

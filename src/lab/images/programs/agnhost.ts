/**
 * The image agnhost: what Kubernetes' network tests talk to (test/images/agnhost of kubernetes/kubernetes). Its
 * subcommands netexec, serve-hostname, connect, porter and pause answer as there; every listener serves both families.
 * A subcommand is loaded when it is asked for, so that each starts light.
 */
import { parseFlags } from "./agnhost/flags.ts";

const [subcommand = "pause", ...rest] = process.argv.slice(2);
const flags = parseFlags(rest);

switch (subcommand) {
  case "netexec":
    await (await import("./agnhost/netexec.ts")).netexec(flags);
    break;
  case "serve-hostname":
    (await import("./agnhost/serve-hostname.ts")).serveHostname(flags);
    break;
  case "connect":
    await (await import("./agnhost/connect.ts")).connectOnce(flags);
    break;
  case "porter":
    (await import("./agnhost/porter.ts")).porter(flags);
    break;
  case "pause":
    (await import("./agnhost/pause.ts")).pause();
    break;
  default:
    console.error(
      `Error: unknown command ${JSON.stringify(subcommand)} for "agnhost": the lab's has netexec, serve-hostname, ` +
        "connect, porter and pause",
    );
    process.exit(1);
}

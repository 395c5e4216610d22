import { Command } from "commander";

/** Tandem's own processes inside the lab; users do not call them. */
export function define(): Command {
  const internal = new Command("internal").description("Tandem's own processes inside the lab.");
  internal
    .command("init <config>")
    .description("first process of a lab")
    .action(async (config: string) => (await import("../lab/init/main.ts")).runInit(config));
  internal
    .command("control-plane <config>")
    .description("API server, controllers and DNS")
    .action(async (config: string) => (await import("./internal/control-plane.ts")).runControlPlane(config));
  internal
    .command("gateway <config>")
    .description("Gateways: statuses, infrastructure and xDS")
    .action(async (config: string) => (await import("./internal/gateway.ts")).runLabGateway(config));
  internal
    .command("node <config> <name>")
    .description("kubelet and kernel rules of one node")
    .action(async (config: string, name: string) =>
      (await import("./internal/node.ts")).runNode(config, name),
    );
  return internal;
}

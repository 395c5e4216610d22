import { Command } from "commander";
import type { CaptureFlags } from "./internal/capture.ts";
import type { EnvoyFlags } from "./internal/envoy.ts";
import { loseWhatCannotBeWritten } from "./lossy-output.ts";
import { keepCompiledCode } from "./memory.ts";

/** Tandem's own processes inside the lab; users do not call them. */
export function define(): Command {
  loseWhatCannotBeWritten(1); // a log in the lab, as stderr is
  const internal = new Command("internal").description("Tandem's own processes inside the lab.");
  internal
    .command("init <config>")
    .description("first process of a lab")
    .action(async (config: string) => {
      await (await import("../lab/init/main.ts")).runInit(config);
      keepCompiledCode();
    });
  internal
    .command("control-plane <config>")
    .description("API server, controllers and DNS")
    .action(async (config: string) => (await import("./internal/control-plane.ts")).runControlPlane(config));
  internal
    .command("gateway <config>")
    .description("Gateways: statuses, infrastructure and xDS")
    .action(async (config: string) => (await import("./internal/gateway.ts")).runLabGateway(config));
  internal
    .command("mesh <config>")
    .description("sidecars: injection, identities and xDS")
    .action(async (config: string) => (await import("./internal/mesh.ts")).runLabMesh(config));
  internal
    .command("balancer <config>")
    .description("load balancers outside of the nodes")
    .action(async (config: string) => (await import("./internal/balancer.ts")).runLabBalancer(config));
  internal
    .command("node <config> <name>")
    .description("kubelet and kernel rules of one node")
    .action(async (config: string, name: string) =>
      (await import("./internal/node.ts")).runNode(config, name),
    );
  internal
    .command("envoy")
    .description("Envoy with health and stats over every family of its pod")
    .option("--envoy <path>", "the program")
    .option("--node-id <id>", "its name to the control plane; else POD_NAME")
    .option("--cluster <name>", "the proxy that it is one of; else PROXY_CLUSTER")
    .option("--pod-ips <addresses>", "addresses of the pod, the preferred one first; else POD_IPS")
    .option("--xds <address>", "unix:///path, or hosts:port; else XDS_ADDRESS")
    .option("--certificates <folder>", "tls.crt, tls.key, ca.crt and sds.json; else XDS_CERTIFICATES")
    .option("--identity <uri>", "what the control plane's certificate says; else XDS_IDENTITY")
    .option("--concurrency <threads>", "worker threads")
    .action(async (flags: EnvoyFlags) => (await import("./internal/envoy.ts")).runEnvoy(flags));
  internal
    .command("capture")
    .description("send the TCP connections of this pod through its sidecar, over both families")
    .option("--inbound-ports <ports>", "callers of these ports go to the sidecar (* is all)")
    .option("--exclude-inbound-ports <ports>", "callers of these ports do not")
    .option("--outbound-ports <ports>", "connections to these ports, whatever --outbound-ranges says")
    .option("--exclude-outbound-ports <ports>", "connections to these ports are left alone")
    .option("--outbound-ranges <ranges>", "connections to these destinations (* is all)")
    .option("--exclude-outbound-ranges <ranges>", "connections to these destinations are left alone")
    .option("--exclude-interfaces <names>", "interfaces whose traffic is left alone")
    .option("--exclude-users <ids>", "users whose connections are left alone")
    .option("--proxy-users <ids>", "users that the sidecar runs as")
    .option("--proxy-groups <ids>", "groups that the sidecar runs as")
    .option("--proxy-mark <mark>", "mark of the sidecar's sockets, where it has no user of its own")
    .option("--probe-ports <ports>", "ports that the node reaches directly, for its probes")
    .option("--probe-hop-limit <hops>", "hop limit of what the node itself sends to its pods")
    .option("--node-addresses <addresses>", "addresses of the node; else HOST_IPS")
    .option("--remove", "take the rules away")
    .option("--here", "capture in this network namespace, though POD_NAME names no pod")
    .action(async (flags: CaptureFlags) => (await import("./internal/capture.ts")).runCapture(flags));
  return internal;
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrap, familiesOfAddresses, PROXY_PORTS } from "../../envoy/process/bootstrap.ts";
import type { XdsServer } from "../../envoy/process/bootstrap-xds.ts";
import { findEnvoy } from "../../envoy/process/find.ts";
import { superviseEnvoy } from "../../envoy/process/supervise.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import { untilStopped } from "../wiring.ts";

/** The flags of `tandem internal envoy`; each may be given in the environment instead. */
export interface EnvoyFlags {
  envoy?: string;
  nodeId?: string;
  cluster?: string;
  /** Addresses of the pod, comma-separated, the preferred family first; else POD_IPS. */
  podIps?: string;
  /** `unix:///path`, or addresses or names with commas between and a port behind: `10.0.0.1,fd00::1:18000`. */
  xds?: string;
  /** Folder with tls.crt, tls.key, ca.crt and sds.json. */
  certificates?: string;
  identity?: string;
  concurrency?: string;
}

/** `tandem internal envoy`: what the image `envoy` of lab pods runs where no configuration is given to it. */
export async function runEnvoy(flags: EnvoyFlags): Promise<void> {
  const { env } = process;
  const signal = untilStopped();
  const families = familiesOfAddresses((flags.podIps ?? env["POD_IPS"] ?? "127.0.0.1").split(","));
  const xds = xdsOf(flags);
  const config = bootstrap({
    node: {
      id: flags.nodeId ?? env["POD_NAME"] ?? hostname(),
      cluster: flags.cluster ?? env["PROXY_CLUSTER"] ?? "envoy",
    },
    families,
    ...(xds && { xds }),
  });
  const folder = mkdtempSync(join(tmpdir(), "tandem-envoy-"));
  const configPath = join(folder, "bootstrap.json");
  writeFileSync(configPath, JSON.stringify(config), { mode: 0o600 });
  try {
    const host = families[0] === "IPv6" ? "::1" : "127.0.0.1";
    await superviseEnvoy(
      {
        envoy: findEnvoy({ ...(flags.envoy !== undefined && { flag: flags.envoy }), env }),
        configPath,
        admin: { host, port: PROXY_PORTS.admin },
        ...(flags.concurrency !== undefined && { concurrency: Number(flags.concurrency) }),
        log: (line) => console.error(line),
      },
      signal,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function xdsOf(flags: EnvoyFlags): XdsServer | undefined {
  const text = flags.xds ?? process.env["XDS_ADDRESS"];
  if (text === undefined || text === "") return undefined;
  if (text.startsWith("unix://")) return { path: text.slice("unix://".length) };
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new UserError({
      what: "cannot start Envoy",
      where: `flag --xds, value ${JSON.stringify(text)}`,
      why: "it must end with a colon and a port, or be unix:///path",
      exitCode: EXIT.usage,
    });
  const hosts = text
    .slice(0, colon)
    .split(",")
    .map((host) => host.replace(/^\[(.*)\]$/, "$1"));
  const folder = flags.certificates ?? process.env["XDS_CERTIFICATES"] ?? "/etc/tandem/xds";
  const identity = flags.identity ?? process.env["XDS_IDENTITY"] ?? "";
  return { hosts, port, tls: { folder, sourceFile: "sds.json", identity } };
}

/**
 * A real Envoy as the sidecar of a pod: passes connections on to where they were going, and says in its log which of
 * its two listeners took them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { resolve } from "node:path";

const ENVOY = process.env["TANDEM_ENVOY"] ?? resolve(import.meta.dirname, "../../.tools/envoy/bin/envoy");

/** SO_MARK of the sidecar's sockets in these tests. */
export const MARK = 1337;
const SOL_SOCKET = 1;
const SO_MARK = 36;
/** A listener whose connections end at once; its lines part those of one question from those of the next. */
const END_PORT = 15099;

/** An Envoy as a sidecar, which tells where connections through it were going. */
export interface Sidecar {
  /**
   * Lines `out ADDRESS` and `in ADDRESS` since the last call: listener, and where the connection was going. Complete: a
   * connection that was over before the call is told.
   */
  taken(): Promise<string[]>;
  close(): Promise<void>;
}

/** Starts it in a namespace; its sockets are marked. */
export async function startSidecar(enter: readonly string[]): Promise<Sidecar> {
  const [program = "", ...args] = [...enter, ENVOY, "--config-yaml", JSON.stringify(configOf())];
  const flags = ["--concurrency", "1", "--use-dynamic-base-id", "--file-flush-interval-msec", "10"];
  const child = spawn(program, [...args, ...flags, "--log-level", "warning"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let wake = (): void => {};
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  const said = collect(child);
  while (!(await isReady(enter))) {
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${said()}`);
    await new Promise((again) => setTimeout(again, 100));
  }
  /** A connection that it logs behind those before. */
  const mark = async (): Promise<void> => {
    const connected = run([...enter, "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${END_PORT}; cat <&3`]);
    while (!lines.some((line) => line.startsWith("end "))) {
      await new Promise<void>((resume) => {
        wake = resume;
      });
    }
    await connected;
  };
  return {
    taken: async () => {
      await mark();
      const taken = lines.splice(0);
      await mark();
      return [...taken, ...lines.splice(0)].filter((line) => /^(in|out) /.test(line));
    },
    close: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

/** Runs a program to its end; resolves with what it wrote. */
async function run([program = "", ...args]: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, "close");
  return text;
}

function collect(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4_000);
  });
  return () => text;
}

/** Whether all of its listeners are there, over both families. */
async function isReady(enter: readonly string[]): Promise<boolean> {
  const text = await run([...enter, "ss", "-Hltn"]);
  return ["0.0.0.0:15001", "[::]:15001", "0.0.0.0:15006", "[::]:15006", `:${END_PORT}`].every((at) =>
    text.includes(at),
  );
}

function configOf(): object {
  const option = { level: SOL_SOCKET, name: SO_MARK, int_value: MARK, state: "STATE_PREBIND" };
  return {
    cluster_manager: { upstream_bind_config: { socket_options: [option] } },
    static_resources: {
      listeners: [listener("out", 15001), listener("in", 15006), listener("end", END_PORT)],
      clusters: [
        { name: "end", type: "STATIC", connect_timeout: "60s" },
        cluster("out", {}),
        cluster("in", {
          upstream_bind_config: {
            source_address: { address: "127.0.0.6", port_value: 0 },
            extra_source_addresses: [{ address: { address: "::6", port_value: 0 } }],
            socket_options: [option],
          },
        }),
      ],
    },
  };
}

function listener(name: string, port: number): object {
  const at = (address: string): object => ({ address: { socket_address: { address, port_value: port } } });
  const type = (kind: string): string => `type.googleapis.com/envoy.extensions.${kind}`;
  const log = { text_format_source: { inline_string: `${name} %DOWNSTREAM_LOCAL_ADDRESS%\n` } };
  return {
    name,
    ...at("0.0.0.0"),
    additional_addresses: [at("::")],
    listener_filters: [
      {
        name: "envoy.filters.listener.original_dst",
        typed_config: { "@type": type("filters.listener.original_dst.v3.OriginalDst") },
      },
    ],
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.tcp_proxy",
            typed_config: {
              "@type": type("filters.network.tcp_proxy.v3.TcpProxy"),
              stat_prefix: name,
              cluster: name,
              access_log: [
                {
                  name: "envoy.access_loggers.stdout",
                  typed_config: {
                    "@type": type("access_loggers.stream.v3.StdoutAccessLog"),
                    log_format: log,
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

function cluster(name: string, more: object): object {
  return { name, type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED", connect_timeout: "60s", ...more };
}

/**
 * The local balancer as it is configured for a Service with PROXY protocol v2, between a client over IPv6 and a server
 * over IPv4: throughput, requests on connections that stay, and new connections, beside Debian's HAProxy that does the
 * same and the server itself over IPv4. All three run side by side and are loaded in turns, round after round, so that
 * what else the machine does falls on each; the ratio is the median of those of the rounds. What all of client, proxy and
 * server take of the processor for a request says the same with less noise where others use the machine, too: so much
 * could be done at most, were it idle.
 *
 * Usage: balancer.ts [ROUNDS]   7 unless given
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { partsOf, proxyModelOf } from "../src/balancer/local/desired.ts";
import { createLocalEnvoy } from "../src/cli/balancer/local-envoy.ts";
import { FAMILIES } from "../src/ip/family.ts";
import { balancerModel, balancerPort } from "../test/balancer/local-model.ts";
import { freePort } from "../test/envoy/ads-envoy.ts";
import { nginxFolders, startHaproxy, startNginx, toolPath } from "../test/proxy-protocol/peers.ts";
import { load, type LoadKind } from "./lib/wrk.ts";

const ROUNDS = Number(process.argv[2] ?? 7);
const SECONDS = 1;
const BULK_BYTES = 64 * 1024 * 1024;
const TICK_US = 10_000;
const KINDS: readonly LoadKind[] = ["keepalive", "connections", "bulk"];
/** Of what HAProxy does, at least. */
const LEAST: Readonly<Record<LoadKind, number>> = { keepalive: 1, connections: 0.8, bulk: 1 };
const LABELS: Readonly<Record<LoadKind, string>> = {
  keepalive: "requests/s on connections that stay",
  connections: "new connections/s, one request each",
  bulk: "MB/s of answers of 64 MiB",
};

/** What is loaded: a name, where it is, and its process if its time counts. */
interface Contender {
  readonly name: "direct" | "HAProxy" | "Tandem";
  readonly base: string;
  readonly pid?: number;
}

interface Sample {
  readonly rate: number;
  /** Microseconds of processor that the proxy takes for a request; for bulk answers, for a megabyte. */
  readonly cost: number;
  /** The same of client, proxy and server together. */
  readonly whole: number;
}

/** User and system time of a process so far, in microseconds. */
function cpuOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function sample({ base, pid }: Contender, server: number, kind: LoadKind): Promise<Sample> {
  const before = { proxy: cpuOf(pid), server: cpuOf(server) };
  const { perSecond, megabytes, requests, cpu } = await load(toolPath("wrk"), base, kind, SECONDS);
  const proxy = cpuOf(pid) - before.proxy;
  const whole = proxy + cpuOf(server) - before.server + cpu;
  const [rate, amount] = kind === "bulk" ? [megabytes, megabytes * SECONDS] : [perSecond, requests];
  return { rate, cost: proxy / amount, whole: whole / amount };
}

/** Every contender by every kind of load, in an order that turns from round to round. */
async function measure(contenders: readonly Contender[], server: number): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of KINDS) {
      for (let index = 0; index < contenders.length; index++) {
        const contender = contenders[(index + round) % contenders.length] as Contender;
        const key = `${contender.name} ${kind}`;
        samples.set(key, [...(samples.get(key) ?? []), await sample(contender, server, kind)]);
      }
    }
  }
  return samples;
}

function report(samples: ReadonlyMap<string, readonly Sample[]>): void {
  for (const kind of KINDS) {
    const of = (name: Contender["name"]) => samples.get(`${name} ${kind}`) ?? [];
    const rate = (name: Contender["name"]) => median(of(name).map((one) => one.rate)).toFixed(0);
    const cost = (name: Contender["name"]) => median(of(name).map((one) => one.cost)).toFixed(1);
    const ratio = (name: Contender["name"], to: Contender["name"]) =>
      median(of(name).map((one, round) => one.rate / (of(to)[round]?.rate ?? Number.NaN)));
    const whole = (name: Contender["name"]) => median(of(name).map((one) => one.whole));
    const ours = ratio("Tandem", "HAProxy");
    const holds = ours >= LEAST[kind];
    if (!holds) process.exitCode = 1;
    console.log(
      `${LABELS[kind]}: Tandem ${rate("Tandem")}, HAProxy ${rate("HAProxy")}, direct IPv4 ${rate("direct")}; ` +
        `Tandem to HAProxy ${ours.toFixed(2)} (at least ${LEAST[kind]}) ${holds ? "ok" : "TOO LITTLE"}; to direct: ` +
        `Tandem ${ratio("Tandem", "direct").toFixed(2)}, HAProxy ${ratio("HAProxy", "direct").toFixed(2)}; ` +
        `processor us a ${kind === "bulk" ? "MB" : "request"}: Tandem ${cost("Tandem")}, HAProxy ${cost("HAProxy")}; Tandem to HAProxy by that of client, proxy and server together ` +
        (whole("HAProxy") / whole("Tandem")).toFixed(2),
    );
  }
}

async function run(folder: string, abort: AbortController): Promise<void> {
  const [plain, proxied, front, own] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const [admin, stats, ready] = await Promise.all([freePort(), freePort(), freePort()]);
  writeFileSync(join(folder, "bulk"), "");
  truncateSync(join(folder, "bulk"), BULK_BYTES);
  const server = (listen: string, text: string) =>
    `server { listen ${listen}; location / { default_type text/plain; return 200 "${text}\n"; } location /bulk { root ${folder}; } }`;
  const backend = await startNginx(
    (own) =>
      `http { access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 600s; ${nginxFolders(own)}
       ${server(`127.0.0.1:${plain} backlog=4096`, "direct")}
       ${server(`127.0.0.1:${proxied} proxy_protocol backlog=4096`, "$proxy_protocol_addr")} }`,
    [plain],
  );
  const haproxy = await startHaproxy(
    `listen front\n  bind ::1:${front}\n  bind 127.0.0.1:${front}\n  server s 127.0.0.1:${proxied} send-proxy-v2\n  no log`,
    [front],
  );
  const envoy = createLocalEnvoy(
    { folder, families: FAMILIES, ports: { admin, stats, ready }, log: (line) => console.error(line) },
    abort.signal,
  );
  try {
    const port = balancerPort({ port: own, nodePort: proxied, proxyProtocol: 2 });
    const model = balancerModel({
      ports: [port],
      nodes: [{ name: "n", addresses: { IPv4: "127.0.0.1" } }] as never,
    });
    const facts = { addresses: { IPv4: "127.0.0.1", IPv6: "::1" }, certificates: () => undefined };
    const parts = partsOf(model, facts);
    const refusals = await envoy.apply(proxyModelOf("local", [parts]));
    if (refusals.length > 0) throw new Error(`Envoy refuses its configuration: ${JSON.stringify(refusals)}`);
    const pid = Number(readFileSync(join(folder, "envoy.pid"), "utf8"));
    const contenders: readonly Contender[] = [
      { name: "direct", base: `http://127.0.0.1:${plain}` },
      { name: "HAProxy", base: `http://[::1]:${front}`, pid: haproxy.pid },
      { name: "Tandem", base: `http://[::1]:${own}`, pid },
    ];
    for (const { base, name } of contenders.slice(1)) await untilServed(name, base);
    console.log(
      `${ROUNDS} rounds of ${SECONDS} s each; load average ${loadavg()
        .map((it) => it.toFixed(1))
        .join(" ")}`,
    );
    report(await measure(contenders, backend.pid));
  } finally {
    abort.abort();
    await envoy.stopped;
    await Promise.all([haproxy.stop(), backend.stop()]);
  }
}

/** The server must have been told the client's address, which is the client's IPv6 one. */
async function untilServed(name: string, base: string): Promise<void> {
  let last = "";
  for (let attempt = 0; attempt < 200; attempt++) {
    last = await fetch(base, { headers: { connection: "close" } }).then((it) => it.text(), String);
    if (last === "::1\n") return;
    await pause(50);
  }
  throw new Error(`${name} does not tell the client's address: ${last}`);
}

execFileSync("sh", [resolve(import.meta.dirname, "../scripts/setup-tools"), "haproxy", "nginx", "wrk"], {
  stdio: "inherit",
});
const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));
const abort = new AbortController();
process.once("SIGINT", () => abort.abort());
try {
  await run(folder, abort);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

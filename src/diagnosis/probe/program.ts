/**
 * The probe program: runs inside a pod, reads requests (see protocol.ts) from standard input until its end, tries
 * them side by side, and prints one result a line. It loads little but Node's own modules, so that it starts fast.
 */
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import {
  NO_ANSWER,
  PROBE_CONCURRENCY,
  PROBE_TIMEOUT_MS,
  type ProbeRequest,
  type ProbeResult,
  UDP_LINE,
} from "./protocol.ts";

type Outcome = { ok: true } | { ok: false; reason: string };
type DnsRequest = Extract<ProbeRequest, { kind: "dns" }>;
type SocketRequest = Extract<ProbeRequest, { kind: "tcp" | "udp" }>;

const OK: Outcome = { ok: true };
const REASONS: Record<string, string> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EHOSTUNREACH: "no route",
  ENETUNREACH: "no route",
  EADDRNOTAVAIL: "no route",
  EPERM: "not permitted",
  ETIMEOUT: NO_ANSWER,
  ENODATA: "no data",
  ENOTFOUND: "no such name",
  ESERVFAIL: "server failed",
  EREFUSED: "server refused",
};

function failure(error: unknown): Outcome {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return { ok: false, reason: REASONS[code] ?? (code || String(error)) };
}

/** Each nameserver of the pod is asked by itself, so that a dead one does not hide behind a live one. */
function nameservers(): string[] {
  const text = readFileSync("/etc/resolv.conf", "utf8");
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
}

async function probeDns(request: DnsRequest): Promise<Outcome> {
  const outcomes = await Promise.all(nameservers().map((server) => askServer(server, request)));
  if (outcomes.length === 0) return { ok: false, reason: "no nameserver" };
  return outcomes.find((outcome) => !outcome.ok) ?? OK;
}

async function askServer(server: string, request: DnsRequest): Promise<Outcome> {
  const resolver = new Resolver({ timeout: PROBE_TIMEOUT_MS, tries: 1 });
  resolver.setServers([server.includes(":") ? `[${server}]:53` : server]);
  try {
    return compare(await resolver.resolve(request.name, request.type), request.expected);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENODATA" && request.expected.length === 0) return OK;
    if (code === "ENOTFOUND" && request.absent === true) return OK;
    return failure(error);
  }
}

function compare(records: unknown, expected: readonly string[]): Outcome {
  const actual = (records as string[]).map(String).sort().join(" ");
  if (actual === [...expected].sort().join(" ")) return OK;
  return { ok: false, reason: `answers ${actual}` };
}

function probeTcp(request: SocketRequest): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: request.address, port: request.port });
    const finish = (outcome: Outcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish({ ok: false, reason: NO_ANSWER }));
    socket.once("connect", () => finish(OK));
    socket.once("error", (error) => finish(failure(error)));
  });
}

/** A connection; and behind a load balancer, one that begins as the port expects it. */
async function probeStream(request: SocketRequest): Promise<Outcome> {
  const outcome = await probeTcp(request);
  if (!outcome.ok || request.proxyHeader === undefined) return outcome;
  const { proxyMismatch } = await import("./proxy-header.ts");
  const reason = await proxyMismatch(request, request.proxyHeader === 0 ? undefined : request.proxyHeader);
  return reason === undefined ? OK : { ok: false, reason };
}

/** A DNS question for port 53, since a DNS server answers nothing else; {@link UDP_LINE} for all others. */
function udpPayload(port: number): Buffer {
  if (port !== 53) return Buffer.from(`${UDP_LINE}\n`);
  return Buffer.from("74640100000100000000000007636c7573746572056c6f63616c0000060001", "hex");
}

function probeUdp(request: SocketRequest): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = createSocket(request.family === "IPv4" ? "udp4" : "udp6");
    const timer = setTimeout(() => finish({ ok: false, reason: NO_ANSWER }), PROBE_TIMEOUT_MS);
    const finish = (outcome: Outcome) => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    socket.once("message", () => finish(OK));
    socket.once("error", (error) => finish(failure(error)));
    // connected, because only a connected socket hears of ICMP errors
    socket.connect(request.port, request.address, () => socket.send(udpPayload(request.port)));
  });
}

function probe(request: ProbeRequest): Promise<Outcome> {
  switch (request.kind) {
    case "dns":
      return probeDns(request);
    case "tcp":
      return probeStream(request);
    case "udp":
      return probeUdp(request);
  }
}

async function answer(request: ProbeRequest): Promise<void> {
  const start = performance.now();
  const outcome = await probe(request).catch(failure);
  const milliseconds = Math.round((performance.now() - start) * 10) / 10;
  const result: ProbeResult = { id: request.id, ...outcome, milliseconds };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function main(): Promise<void> {
  const requests: ProbeRequest[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== "") requests.push(JSON.parse(line) as ProbeRequest);
  }
  let next = 0;
  const worker = async () => {
    for (let request = requests[next++]; request !== undefined; request = requests[next++])
      await answer(request);
  };
  await Promise.all(Array.from({ length: Math.min(PROBE_CONCURRENCY, requests.length) }, worker));
}

await main();

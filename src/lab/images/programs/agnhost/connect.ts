import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, isIPv6 } from "node:net";
import type { Flags } from "./flags.ts";

/** Prints why it failed, in the fixed words that test cases look for, and ends with exit code 1. */
function fail(text: string): never {
  console.error(text);
  process.exit(1);
}

/**
 * `connect HOST:PORT [--timeout=3s] [--protocol=tcp|udp] [--udp-data=hostname]`: one try. Exit code 0, or 1 with
 * TIMEOUT, REFUSED, DNS, OTHER or UNKNOWN on standard error.
 */
export async function connectOnce(flags: Flags): Promise<void> {
  const timeout = flags.milliseconds("timeout", 0);
  const protocol = flags.text("protocol", "tcp");
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "") fail(`Unsupported protocol ${protocol}`);
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(flags.operands[0] ?? "");
  if (match === null) fail(`UNKNOWN: address ${flags.operands[0] ?? ""}: missing port in address`);
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  const address = await lookup(host).catch((error: Error) => fail(`DNS: ${error.message}`));
  if (protocol === "udp") datagram(address.address, port, timeout, flags.text("udp-data", "hostname"));
  else stream(host, port, timeout);
}

/** With a name of several addresses it tries them as Go's dialer does: the families raced. */
function stream(host: string, port: number, timeout: number): void {
  const socket = connect({ host, port });
  const timer = timeout > 0 ? setTimeout(() => fail("TIMEOUT"), timeout) : undefined;
  socket.once("connect", () => {
    clearTimeout(timer);
    socket.destroy();
    process.exit(0);
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    const code =
      error instanceof AggregateError ? (error.errors.at(-1) as NodeJS.ErrnoException).code : error.code;
    if (code === "ECONNREFUSED") fail("REFUSED");
    if (code === "ETIMEDOUT") fail("TIMEOUT");
    fail(`OTHER: ${error.message || code}`);
  });
}

function datagram(address: string, port: number, timeout: number, data: string): void {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  if (timeout > 0) setTimeout(() => fail("TIMEOUT: read udp: i/o timeout"), timeout);
  const failed = (error: NodeJS.ErrnoException): never =>
    fail(`${error.code === "ECONNREFUSED" ? "REFUSED" : "UNKNOWN"}: ${error.message}`);
  socket.on("error", failed);
  socket.once("message", () => process.exit(0));
  // connected, so that the kernel tells of a port where nobody listens
  socket.connect(port, address, () => socket.send(`${data}\n`, (error) => error && failed(error)));
}

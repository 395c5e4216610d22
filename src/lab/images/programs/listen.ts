import { flushCompileCache } from "node:module";
import type { ListenOptions, Server } from "node:net";

/** Which families a server binds: both through one socket, or one alone. */
export type Binding = "dual" | "IPv4" | "IPv6";

/**
 * Where to listen for a binding. `::` without ipv6Only takes IPv4 too (as IPv4-mapped addresses); a kernel
 * without IPv6 gets 0.0.0.0.
 */
export function listenEverywhere(
  server: Server,
  port: number,
  binding: Binding,
  onListening: () => void,
): void {
  const options: ListenOptions =
    binding === "IPv4" ? { port, host: "0.0.0.0" } : { port, host: "::", ipv6Only: binding === "IPv6" };
  server.once("listening", () => {
    onListening();
    keepCompiledCode();
  });
  server.once("error", (error: NodeJS.ErrnoException) => {
    if (binding === "dual" && options.host === "::" && error.code === "EAFNOSUPPORT") {
      listenEverywhere(server, port, "IPv4", () => {});
      return;
    }
    console.error(`cannot listen on port ${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(options);
}

const COMPILED_AFTER = 100;

/**
 * Node keeps compiled code at an end of a program's own, which the pods of a lab that ends never come to: each start would
 * take the types out of every file again, three times the work of a start that finds it done, with 30 MB that stay.
 */
function keepCompiledCode(): void {
  setTimeout(flushCompileCache, COMPILED_AFTER).unref();
}

/** Ends at once when asked to; a container's first process has no other way. */
export function exitOnSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
}

/** The flags of commands of which several may run, while one of them is at work. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Command } from "commander";
import { type KubeClient, leadWhile } from "../client/index.ts";

/** The flags of leader election, as commander reads them. */
export interface ElectionFlags {
  readonly leaderElect: boolean;
  readonly leaseNamespace: string;
}

/** Does the work whenever this process leads, until the signal aborts; see {@link leadWhile}. */
export type Lead = (work: (term: AbortSignal) => Promise<void>, signal: AbortSignal) => Promise<void>;

/** Adds `--no-leader-elect` and `--lease-namespace`. */
export function withElectionFlags(command: Command): Command {
  return command
    .option("--no-leader-elect", "serve without holding a Lease; for a single process")
    .option("--lease-namespace <name>", "where the Lease is kept", "kube-system");
}

/** How the command comes to lead: by the Lease of this name, or without one where the flags say so. */
export function leadAs(
  name: string,
  flags: ElectionFlags,
  client: KubeClient,
  log: (line: string) => void,
): Lead {
  if (!flags.leaderElect) return (work, signal) => work(signal);
  // in a container the process id is always the same, and in the node's network the host name is the node's
  const identity = `${hostname()}_${randomUUID()}`;
  const options = { client, namespace: flags.leaseNamespace, name, identity, log };
  return (work, signal) => leadWhile(options, work, signal);
}

/** What processes of a lab beside its control plane have in common: from their configuration to their end. */
import type { KubeClient } from "../../client/index.ts";
import { readConfig } from "../../lab/config.ts";
import { connectToControlPlane } from "../../lab/node/agent.ts";
import { untilStopped } from "../wiring.ts";
import { reportFailure, reportReady } from "./report.ts";

/** What a part of a lab works with. */
export interface LabPart {
  readonly client: KubeClient;
  readonly config: ReturnType<typeof readConfig>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs a part until it is told to stop; says when it is ready, and why it failed. Ends the process. */
export async function runLabPart(
  name: string,
  configPath: string,
  start: (part: LabPart) => Promise<{ readonly stopped: Promise<void> }>,
): Promise<void> {
  const config = readConfig(configPath);
  const signal = untilStopped();
  try {
    const client = await connectToControlPlane(config, signal);
    const log = (line: string) => console.error(`${new Date().toISOString()} ${line}`);
    const { stopped } = await start({ client, config, log, signal });
    reportReady();
    await stopped;
    client.close();
  } catch (error) {
    if (!signal.aborted) reportFailure(name, error);
  }
  process.exit(0);
}

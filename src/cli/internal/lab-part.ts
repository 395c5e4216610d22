/** What processes of a lab beside its control plane have in common: from their configuration to their end. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../client/index.ts";
import { readConfig } from "../../lab/config.ts";
import { connectToControlPlane } from "../../lab/node/connect.ts";
import { ApiError } from "../../objects/status.ts";
import type { Kind } from "../../objects/kinds.ts";
import { installDefinitions } from "../gateway/definitions.ts";
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

/** While nobody asks for what a part serves, its definitions wait for the start of everything else, so long (ms). */
const DEFINITIONS_PAUSE = 2_000;
const AGAIN = 500;

/**
 * Brings the definitions of CustomResources into the cluster, and then an object of one of them unless it is there;
 * tries until it has worked, and holds up no start. `what` names them in the log. @throws the reason of the signal
 */
export async function installInLab(
  { client, log, signal }: LabPart,
  what: string,
  kind: Kind,
  object: object,
): Promise<void> {
  for (let pause = DEFINITIONS_PAUSE; ; pause = AGAIN) {
    try {
      await sleep(pause, undefined, { signal });
      await installDefinitions(client);
      return await ensure(client, kind, object);
    } catch (error) {
      signal.throwIfAborted();
      log(`installing ${what}: ${(error as Error).message}`);
    }
  }
}

async function ensure(client: KubeClient, kind: Kind, object: object): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}

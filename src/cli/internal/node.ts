import { connectToControlPlane, setUpNodeNetwork, startNodeAgent } from "../../lab/node/agent.ts";
import { readConfig } from "../../lab/config.ts";
import { reportReady } from "./report.ts";

/** `tandem internal node`: one node of a lab, in the node's network namespace: kubelet and kernel rules. */
export async function runNode(configPath: string, name: string): Promise<void> {
  const config = readConfig(configPath);
  const abort = new AbortController();
  await setUpNodeNetwork(config, name);
  const client = await connectToControlPlane(config, abort.signal);
  const agent = await startNodeAgent(config, name, client, abort.signal);
  reportReady();
  process.once("SIGTERM", () => {
    abort.abort();
    void agent.stop().then(() => process.exit(0));
  });
}

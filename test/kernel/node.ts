/** A running node: the test network with the kernel part on it, fed by a traffic model. */
import { type Kernel, type NodeFacts, startKernel } from "../../src/kernel/index.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";
import { createNetwork, type TestNetwork } from "./network.ts";

/** What tests use of a node. */
export interface TestNode {
  readonly network: TestNetwork;
  readonly model: TrafficModel;
  readonly kernel: Kernel;
  /** Settles when all that the model knows is in force; rejects when the kernel part fails. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Builds the network and starts the kernel part with these facts and an empty model. */
export async function startNode(facts: NodeFacts): Promise<TestNode> {
  const network = await createNetwork();
  const model = createTrafficModel();
  const stop = new AbortController();
  let onError: (error: Error) => void = () => {};
  // At the first error: rules that nft does not take would be retried for ever.
  const failed = new Promise<never>((_, reject) => {
    onError = reject;
  });
  failed.catch(() => {});
  const kernel = startKernel({ source: model, facts, exec: network.exec, signal: stop.signal, onError });
  await kernel.started;
  return {
    network,
    model,
    kernel,
    settled: () => Promise.race([kernel.settled(), failed]),
    close: async () => {
      stop.abort();
      await kernel.ended;
      await network.close();
    },
  };
}

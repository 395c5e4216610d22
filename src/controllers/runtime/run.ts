import type { KubeClient } from "../../client/index.ts";
import { ControllerContext, type ControllerOptions } from "./context.ts";
import { EventRecorder } from "./events.ts";
import { Informers } from "./informers.ts";
import { Writer } from "./writer.ts";

/** Controllers at work. */
export interface RunningControllers {
  /**
   * Resolves when everything has ended after the signal's abort. The client stays open: it is the caller's.
   */
  readonly stopped: Promise<void>;
}

/**
 * Runs what `register` adds to a context until the signal aborts; resolves once its caches are filled and it works.
 * Where the API server is not there (yet), that is waited for.
 * @throws the signal's reason when it aborts before they run
 */
export async function runControllers(
  client: KubeClient,
  options: ControllerOptions,
  register: (context: ControllerContext) => void,
  signal: AbortSignal,
): Promise<RunningControllers> {
  const informers = new Informers(client, (kind, error) => {
    if (!signal.aborted) options.log?.(`watching ${kind.plural}: ${(error as Error).message}`);
  });
  const writer = new Writer(client, informers);
  const events = new EventRecorder(client);
  const context = new ControllerContext({ client, informers, writer, events, options, signal });
  register(context);
  await informers.start(signal);
  context.start();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const stopped = aborted.then(async () => {
    await context.stop();
    await informers.stopped();
  });
  return { stopped };
}

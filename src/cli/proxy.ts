import { Command } from "commander";
import { addProxyFlags, readProxyFlags } from "./proxy/flags.ts";
import { cleanUp, runProxy } from "./proxy/run.ts";
import { untilStopped } from "./wiring.ts";

/** `tandem proxy`: the kernel part alone, on a node of any cluster, in the place of kube-proxy. */
export function define(): Command {
  const command = new Command("proxy").description(
    "Program the Services of a cluster into this node's kernel, in the place of kube-proxy.",
  );
  return addProxyFlags(command).action(async (flags: Record<string, string | true>) => {
    const settings = readProxyFlags(flags);
    if (settings.cleanup) await cleanUp();
    else await runProxy(settings, untilStopped());
  });
}

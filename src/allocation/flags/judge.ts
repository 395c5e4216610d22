/** One question for all components: what would it say to these arguments? */
import { judgeApiserver } from "./apiserver.ts";
import { judgeControllerManager } from "./controller-manager.ts";
import { flagSetOf } from "./known.ts";
import { judgeKubelet } from "./kubelet.ts";
import { type ParsedFlags, parseFlags } from "./pflag.ts";
import { judgeProxy } from "./proxy.ts";
import { type Component, goQuote, refuse, type Verdict } from "./verdict.ts";

const JUDGES: Record<Component, (flags: ParsedFlags) => Verdict> = {
  "kube-apiserver": judgeApiserver,
  "kube-controller-manager": judgeControllerManager,
  "kube-proxy": judgeProxy,
  kubelet: judgeKubelet,
};

/** What pflag makes of a component's arguments. */
export function readFlags(component: Component, args: readonly string[]): ParsedFlags {
  return parseFlags(flagSetOf(component), args);
}

/** What a component would say to its arguments (without its own name). Pure; files and the host are not looked at. */
export function judge(component: Component, args: readonly string[]): Verdict {
  const flags = readFlags(component, args);
  if (flags.error !== undefined) return refuse(parseError(component, flags.error));
  const stray = flags.positional.filter((arg) => arg !== "");
  if (stray.length > 0) return refuse(strayError(component, flags.positional));
  return JUDGES[component](flags);
}

/** Errors from before logging is set up are printed by cobra; the kubelet reads its flags later, itself. */
function parseError(component: Component, error: string): string {
  return component === "kubelet" ? `failed to parse kubelet flag: ${error}` : `Error: ${error}`;
}

function strayError(component: Component, args: readonly string[]): string {
  if (component === "kubelet") return `unknown command ${args[0]}`;
  return `Error: ${goQuote(component)} does not take any arguments, got [${args.map(goQuote).join(" ")}]`;
}

import type { KubeClient } from "../../client/index.ts";
import type { Service } from "../../objects/types.ts";
import { type BalancerWorld, translateBalancer } from "../../traffic/balancer/index.ts";
import type { TranslatedBalancer } from "../../traffic/balancer/model.ts";
import type { BalancerProvider } from "../../traffic/balancer/provider.ts";
import type { BalancerSettings } from "./flags.ts";

/** A provider at hand. */
export interface OpenProvider {
  readonly provider: BalancerProvider;
  /** Resolves when what it runs has ended after the signal's abort; what was made stays. */
  readonly stopped: Promise<void>;
}

/** What a provider is opened for: to serve, or beside one that serves, to plan and to look for orphans. */
export interface OpenOptions {
  /** The local provider cannot do without. */
  readonly client: KubeClient | undefined;
  readonly readOnly: boolean;
  /** Others may take over: what is made must not outlive this process's lead (local addresses). */
  readonly elected?: boolean;
  readonly log: (line: string) => void;
}

/** Opens the provider that the flags name. @throws UserError for flags that are missing */
export async function openProvider(
  settings: BalancerSettings,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<OpenProvider> {
  if (settings.provider === "aws") {
    const { openAws } = await import("./aws.ts");
    return { provider: await openAws(settings, options, signal), stopped: Promise.resolve() };
  }
  const { client, readOnly, elected, log } = options;
  if (client === undefined) throw new Error("the local provider needs a cluster");
  const { openLocal } = await import("./local.ts");
  return openLocal(settings, { client, readOnly, elected, log }, signal);
}

/** Looks, before the provider serves, whether it can. @throws UserError for what will not mend itself */
export async function checkProvider(
  settings: BalancerSettings,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (settings.provider !== "aws") return;
  const hindrance = await (await import("./aws.ts")).checkAws(settings, signal);
  if (hindrance === undefined) return;
  if (!hindrance.passing) throw hindrance.error;
  log(`${hindrance.error.message}\n  it is tried again`);
}

/** Asks something of the provider once. @throws UserError where it cannot be asked */
export async function askProvider<T>(
  settings: BalancerSettings,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  if (settings.provider !== "aws") return ask();
  const { checkAws, explainAws } = await import("./aws.ts");
  const hindrance = await checkAws(settings, signal);
  if (hindrance !== undefined) throw hindrance.error;
  return explainAws(settings, ask);
}

/** What a Service asks of the provider that the flags name. */
export function translateWith(
  settings: BalancerSettings,
  service: Service,
  cluster: Pick<BalancerWorld, "nodes" | "endpointSlices" | "services">,
): TranslatedBalancer {
  const { provider, loadBalancerClass, defaultTargetType } = settings;
  const { enableTcpUdpListener, defaultTags, externalManagedTags } = settings;
  const flags = {
    loadBalancerClass,
    defaultTargetType,
    enableTcpUdpListener,
    defaultTags,
    externalManagedTags,
  };
  return translateBalancer(service, { ...cluster, provider, flags });
}

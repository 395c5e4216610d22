import type { KubeClient } from "../../client/index.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
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
  if (settings.provider === "aws")
    return { provider: await openAws(settings, signal), stopped: Promise.resolve() };
  const { client, readOnly, elected, log } = options;
  if (client === undefined) throw new Error("the local provider needs a cluster");
  const { openLocal } = await import("./local.ts");
  return openLocal(settings, { client, readOnly, elected, log }, signal);
}

async function openAws(settings: BalancerSettings, signal: AbortSignal): Promise<BalancerProvider> {
  const region = settings.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  if (region === undefined)
    throw missing("--region", "the region of the nodes", "--region=eu-west-1, or set AWS_REGION");
  const { vpcId, awsEndpoint, clusterName, defaultScheme } = settings;
  if (vpcId === undefined)
    throw missing("--vpc-id", "the VPC of the nodes", "--vpc-id=vpc-0123456789abcdef0");
  const [{ createAwsApi }, { createAwsProvider }] = await Promise.all([
    import("../../balancer/aws/sdk.ts"),
    import("../../balancer/aws/provider.ts"),
  ]);
  const api = await createAwsApi({ region, ...(awsEndpoint && { endpoint: awsEndpoint }), signal });
  const { replacementGraceMs: graceMs, externalManagedTags: externalTags } = settings;
  return createAwsProvider({ api, region, vpcId, clusterName, defaultScheme, graceMs, externalTags });
}

function missing(flag: string, what: string, example: string): UserError {
  return new UserError({
    what: "cannot serve load balancers of AWS",
    where: `flag ${flag}`,
    why: `it is missing: ${what} has to be known`,
    next: `give ${example}`,
    exitCode: EXIT.usage,
  });
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

/** Opens the provider of AWS, and says in a user's words what keeps AWS from being asked. */
import { AwsError } from "../../balancer/aws/api.ts";
import { adviceFor } from "../../balancer/aws/errors.ts";
import { createAwsProvider } from "../../balancer/aws/provider.ts";
import { createAwsApi } from "../../balancer/aws/sdk.ts";
import { EXIT } from "../../errors/exit-codes.ts";
import { UserError } from "../../errors/user-error.ts";
import type { BalancerProvider } from "../../traffic/balancer/provider.ts";
import { clusterUidOf } from "./cluster-uid.ts";
import type { BalancerSettings } from "./flags.ts";
import type { OpenOptions } from "./provider.ts";

/** Where the VPC is. */
interface Account {
  readonly region: string;
  readonly vpcId: string;
}

/** Makes the provider; asks nothing of AWS. @throws UserError for flags that are missing */
export async function openAws(
  settings: BalancerSettings,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<BalancerProvider> {
  const { region, vpcId } = accountOf(settings);
  const { awsEndpoint, clusterName, defaultScheme } = settings;
  // an emulator is reached by an endpoint of its own, and moto has an answer in another form than AWS
  const endpoint = awsEndpoint === undefined ? {} : { endpoint: awsEndpoint, subnetStatesAsText: true };
  const api = await createAwsApi({ region, ...endpoint, signal });
  const clusterUid = await clusterUidOf(options, signal);
  const { replacementGraceMs: graceMs, externalManagedTags: externalTags, formerClusterUids } = settings;
  const wishes = { defaultScheme, graceMs, externalTags, formerUids: formerClusterUids };
  return createAwsProvider({ api, region, vpcId, clusterName, clusterUid, ...wishes });
}

/** What keeps AWS from being asked, and whether that may mend itself: no answer, too many calls. */
export interface Hindrance {
  readonly error: UserError;
  readonly passing: boolean;
}

/**
 * Asks AWS for the VPC once: whether there are credentials, a way there, the right to ask, and that VPC; undefined where
 * there are. @throws UserError for flags that are missing
 */
export async function checkAws(
  settings: BalancerSettings,
  signal: AbortSignal,
): Promise<Hindrance | undefined> {
  const { region, vpcId } = accountOf(settings);
  const { awsEndpoint } = settings;
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  try {
    const api = await createAwsApi({ region, ...(awsEndpoint && { endpoint: awsEndpoint }), signal: both });
    const vpc = await api.describeVpc(vpcId);
    return vpc === undefined ? { error: noVpc(settings, region, vpcId), passing: false } : undefined;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { error: userErrorOf(settings, error), passing: error.retryable };
  } finally {
    over.abort();
  }
}

/** Does what asks AWS once. @throws UserError instead of AwsError */
export async function explainAws<T>(settings: BalancerSettings, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof AwsError ? userErrorOf(settings, error) : error;
  }
}

function userErrorOf(settings: BalancerSettings, error: AwsError): UserError {
  const { region, awsEndpoint } = settings;
  const place = region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  const endpoint = awsEndpoint === undefined ? "" : `, endpoint ${awsEndpoint}`;
  const next = adviceFor(error);
  return new UserError({
    what: error.code === "TimedOut" ? "AWS does not answer" : "AWS cannot be asked",
    where: `call ${error.call}, region ${place}${endpoint}`,
    why: error.message,
    ...(next === undefined ? {} : { next }),
    cause: error,
  });
}

/** As eu-west-1a, which many tools show where a region is meant. */
const ZONE = /-[0-9]+[a-z]$/;

function accountOf(settings: BalancerSettings): Account {
  const region = settings.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  if (region === undefined)
    throw missing("--region", "the region of the nodes", "--region=eu-west-1, or set AWS_REGION");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(region) || ZONE.test(region)) throw noRegion(settings, region);
  const { vpcId } = settings;
  if (vpcId === undefined)
    throw missing("--vpc-id", "the VPC of the nodes", "--vpc-id=vpc-0123456789abcdef0");
  return { region, vpcId };
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

function noRegion(settings: BalancerSettings, region: string): UserError {
  return new UserError({
    what: "cannot serve load balancers of AWS",
    where: `${settings.region === undefined ? "AWS_REGION" : "flag --region"}, value ${JSON.stringify(region)}`,
    why: "a region's name has small letters, digits and hyphens, and ends with a number, as eu-west-1",
    next: "give the region of the nodes (not one of its zones)",
    exitCode: EXIT.usage,
  });
}

function noVpc(settings: BalancerSettings, region: string, vpcId: string): UserError {
  const cluster = settings.clusterName;
  return new UserError({
    what: "cannot serve load balancers of AWS",
    where: `flag --vpc-id, value ${JSON.stringify(vpcId)}`,
    why: `these credentials' account has no VPC ${vpcId} in region ${region}`,
    next: `give the VPC and the region of the nodes of cluster ${cluster}, and credentials of their account`,
    exitCode: EXIT.badInput,
  });
}

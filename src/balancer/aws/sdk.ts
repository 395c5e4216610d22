/**
 * The calls to AWS through the AWS SDK for JavaScript, the only place that knows its shapes. The SDK is loaded when
 * it is first wanted: a machine without AWS never pays for it (two clients, about 100 MB of memory).
 */
import type { AwsApi } from "./api.ts";
import type { HttpHandlerOptions } from "./sdk/how.ts";
import { errorMiddleware } from "./sdk/errors.ts";
import { balancerCalls } from "./sdk/load-balancers.ts";
import { listenerCalls } from "./sdk/listeners.ts";
import { networkCalls } from "./sdk/network.ts";
import { groupCalls } from "./sdk/security-groups.ts";
import { targetGroupCalls } from "./sdk/target-groups.ts";

/** Where and how AWS is called. */
export interface AwsOptions {
  /** For example `eu-west-1`; undefined: what the environment or the shared configuration says. */
  readonly region: string | undefined;
  /** Another address for both services, as `http://127.0.0.1:5000`; undefined: AWS's own. */
  readonly endpoint?: string;
  /** Cancels calls that are under way. */
  readonly signal: AbortSignal;
  /** How long one request may take before its answer counts as lost; 20 s unless told. */
  readonly timeoutMs?: number;
  /**
   * For an emulator that describes a subnet's IPv6 range with the state as text (moto 5: `"{'State': 'associated'}"`).
   * AWS never does.
   */
  readonly subnetStatesAsText?: boolean;
}

/**
 * Makes the API. Credentials come from the SDK's default chain: environment, shared files, SSO, web identity,
 * container and instance metadata. Each function makes one attempt a request: what to do about throttling is the
 * caller's to decide, who knows what else is waiting.
 */
export async function createAwsApi(options: AwsOptions): Promise<AwsApi> {
  const [elbSdk, ec2Sdk] = await Promise.all([
    import("@aws-sdk/client-elastic-load-balancing-v2"),
    import("@aws-sdk/client-ec2"),
  ]);
  const config = {
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    maxAttempts: 1,
    requestHandler: requestHandler(options.timeoutMs ?? 20_000),
  };
  const elb = new elbSdk.ElasticLoadBalancingV2(config);
  const ec2 = new ec2Sdk.EC2(config);
  elb.middlewareStack.add(errorMiddleware, { step: "initialize", priority: "high" });
  ec2.middlewareStack.add(errorMiddleware, { step: "initialize", priority: "high" });
  for (const client of [elb, ec2])
    options.signal.addEventListener("abort", () => client.destroy(), { once: true });
  const how: HttpHandlerOptions = { abortSignal: options.signal };
  return {
    ...balancerCalls({ sdk: elbSdk, client: elb, how }),
    ...listenerCalls({ sdk: elbSdk, client: elb, how }),
    ...targetGroupCalls({ sdk: elbSdk, client: elb, how }),
    ...networkCalls({ sdk: ec2Sdk, client: ec2, how }, options.subnetStatesAsText ?? false),
    ...groupCalls({ sdk: ec2Sdk, client: ec2, how }),
  };
}

/** Settings of the SDK's own HTTP handler; a request that takes too long fails instead of being logged. */
function requestHandler(timeoutMs: number) {
  return {
    connectionTimeout: Math.min(timeoutMs, 5_000),
    requestTimeout: timeoutMs,
    throwOnRequestTimeout: true,
    socketTimeout: timeoutMs,
  };
}

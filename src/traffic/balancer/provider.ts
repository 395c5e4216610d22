/** What the balancer controller asks of a provider, and what it hears back: the seam between objects and AWS or Envoy. */
import type { BalancerModel } from "./model.ts";

/** One entry of a Service's `status.loadBalancer.ingress`. */
export interface BalancerIngress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: "VIP" | "Proxy";
  readonly ports?: readonly {
    readonly port: number;
    readonly protocol: "TCP" | "UDP" | "SCTP";
    readonly error?: string;
  }[];
}

/** An event to be recorded on the Service. */
export interface BalancerEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** What came of serving or releasing a Service. */
export interface BalancerOutcome {
  /** What the status is to say; undefined: leave it as it is (for example while a replacement is not healthy yet). */
  readonly ingress: readonly BalancerIngress[] | undefined;
  readonly events: readonly BalancerEvent[];
  /** Annotations to be written to the Service (a null removes one), as where an old load balancer is remembered. */
  readonly annotations?: Readonly<Record<string, string | null>>;
  /** Come again after so many milliseconds: something is under way. */
  readonly againAfterMs: number | undefined;
  /** For a release: whether nothing is left, so that the finalizer may go. */
  readonly done: boolean;
}

/** What is known of a Service beside its model. */
export interface BalancerContext {
  /** The Service's annotations and the status as they are. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly ingress: readonly BalancerIngress[];
  readonly signal: AbortSignal;
}

/** A load balancer, or a part of one, that belongs to this cluster and to no Service. */
export interface Orphan {
  /** `LoadBalancer`, `TargetGroup`, `SecurityGroup`, `Envoy`, … */
  readonly kind: string;
  /** The provider's name for it: an ARN, an id. */
  readonly id: string;
  readonly name: string;
  /** `namespace/name` that it was made for. */
  readonly service: string;
  /** Why it is one: `Service default/web does not exist`. */
  readonly why: string;
  /** When it was made, where the provider says (ISO 8601). */
  readonly created: string | undefined;
}

/** One line of a plan: what would be done, in order. */
export interface PlannedStep {
  readonly verb: "create" | "change" | "delete" | "wait";
  readonly kind: string;
  readonly name: string;
  /** `field: from → to`, or what it will be made with. */
  readonly details: readonly string[];
}

/** A kind of load balancer; safe to be asked again at any point, as every answer starts from what exists. */
export interface BalancerProvider {
  readonly name: "aws" | "local";
  /** Makes what exists be what the model says. Throws only what is worth another try; the rest is in the outcome. */
  serve(model: BalancerModel, context: BalancerContext): Promise<BalancerOutcome>;
  /** Removes all that was made for a Service that is going, or no longer ours. */
  release(service: { key: string; uid: string }, context: BalancerContext): Promise<BalancerOutcome>;
  /** What `serve` would do now; changes nothing. */
  plan(model: BalancerModel, context: BalancerContext): Promise<readonly PlannedStep[]>;
  /** Finds what belongs to none of these live Services (uid by key). */
  orphans(live: ReadonlyMap<string, string>, signal: AbortSignal): Promise<readonly Orphan[]>;
  /** Deletes orphans in the right order; says for each whether it went, or why not. */
  deleteOrphans(
    orphans: readonly Orphan[],
    signal: AbortSignal,
  ): Promise<readonly { readonly orphan: Orphan; readonly error: string | undefined }[]>;
}

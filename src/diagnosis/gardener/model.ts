/**
 * Shoots of Gardener on AWS, as far as load balancers of both families depend on them (gardener-extension-provider-aws,
 * pkg/apis/aws/types_infrastructure.go, types_controlplane.go).
 */
import type { KubeObject } from "../../objects/types.ts";

/** `core.gardener.cloud/v1beta1` Shoot. */
export interface Shoot extends KubeObject {
  readonly spec?: {
    readonly networking?: {
      readonly nodes?: string;
      readonly pods?: string;
      readonly services?: string;
      readonly ipFamilies?: readonly string[];
    };
    readonly provider?: {
      readonly type?: string;
      readonly infrastructureConfig?: InfrastructureConfig;
      readonly controlPlaneConfig?: ControlPlaneConfig;
    };
  };
}

/** The InfrastructureConfig of gardener-extension-provider-aws, as far as it is judged. */
export interface InfrastructureConfig {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly dualStack?: { readonly enabled?: boolean };
  readonly networks?: {
    readonly vpc?: {
      readonly id?: string;
      readonly cidr?: string;
      readonly ipv6IpamPool?: { readonly id?: string; readonly cidrBlock?: string };
    };
    readonly zones?: readonly Zone[];
  };
}

/** A zone of an InfrastructureConfig. */
export interface Zone {
  readonly name?: string;
  readonly internal?: string;
  readonly public?: string;
  readonly workers?: string;
  readonly workersSubnetID?: string;
  readonly publicSubnetID?: string;
  readonly internalSubnetID?: string;
}

/** The ControlPlaneConfig of gardener-extension-provider-aws, as far as it is judged. */
export interface ControlPlaneConfig {
  readonly loadBalancerController?: { readonly enabled?: boolean; readonly ingressClassName?: string };
}

/** Something about a Shoot, or about a Service in it. */
export interface ShootFinding {
  /** Errors keep it from working; warnings may; notes cannot be seen from the manifests. */
  readonly level: "error" | "warning" | "note";
  /** `Shoot garden-dev/web`, `Service default/web`. */
  readonly object: string;
  /** As Gardener writes it, inside the provider's config: `networks.vpc.id`. */
  readonly field: string;
  /** Gardener's words where the remark is Gardener's. */
  readonly message: string;
  readonly next: string | undefined;
  /** Whose remark it is: what Gardener refuses itself, or what only shows later. */
  readonly by: "gardener" | "tandem";
}

/** What is known of the existing VPC that a Shoot names: whether it has an IPv6 range. */
export interface KnownVpc {
  /** Undefined: of whichever VPC the Shoot names. */
  readonly id: string | undefined;
  readonly ipv6Cidrs: readonly string[];
}

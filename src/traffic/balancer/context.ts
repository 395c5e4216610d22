import type { EndpointSlice, Node, Service } from "../../objects/types.ts";
import type { AnnotationReader } from "./reader.ts";
import type { BalancerFinding } from "./model.ts";

/** What the operator decides for all Services. */
export interface BalancerFlags {
  /** One more class that is ours, such as `service.k8s.aws/nlb`. */
  readonly loadBalancerClass?: string | undefined;
  readonly defaultTargetType?: "instance" | "ip" | undefined;
  /** False: pods as targets are refused, as where an installation does not support them. */
  readonly enableIpTargetType?: boolean | undefined;
  /** Whether a TCP and a UDP port of one number become one listener where no annotation says so. */
  readonly enableTcpUdpListener?: boolean | undefined;
  /** Whether nodes' groups get rules where a Service names its security groups and does not say. */
  readonly manageBackendSecurityGroupRules?: boolean | undefined;
  /** False: there is no shared group for targets. */
  readonly enableBackendSecurityGroup?: boolean | undefined;
  /** Tags of all that is made; they win over those of annotations. */
  readonly defaultTags?: Readonly<Record<string, string>> | undefined;
  /** Tag keys that annotations may not set. */
  readonly externalManagedTags?: readonly string[] | undefined;
}

/** What a Service is translated with. */
export interface BalancerWorld {
  readonly provider: "aws" | "local";
  readonly nodes: readonly Node[];
  /** Those of the Service, or of any number of Services. */
  readonly endpointSlices: readonly EndpointSlice[];
  /** Other Services of its namespace, for forward actions. */
  readonly services?: readonly Service[] | undefined;
  readonly flags?: BalancerFlags | undefined;
}

/** What the parts of a translation work with; what they find goes to `annotations.findings` or `findings`. */
export interface Translation extends BalancerWorld {
  readonly service: Service;
  readonly annotations: AnnotationReader;
  readonly flags: BalancerFlags;
  /** Findings on fields that are no annotations. */
  readonly findings: BalancerFinding[];
}

/** Notes something about a field of the Service. */
export function note(
  translation: Translation,
  level: BalancerFinding["level"],
  field: string,
  message: string,
  next?: string,
): void {
  translation.findings.push({ level, field, message, next });
}

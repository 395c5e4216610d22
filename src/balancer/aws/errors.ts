/** What answers of AWS mean for what is to be done next. */
import { AwsError } from "./api.ts";
import { isNotFound } from "./listing.ts";

/** Something named by a call is not there, or not seen yet. */
export function isMissing(error: unknown): boolean {
  return isNotFound(error) || (error instanceof AwsError && error.code === "InvalidSecurityGroup");
}

/** Something exists that was not known of, or is gone that was: the plan was made of what is no longer so. */
export function isSurprise(error: unknown): boolean {
  if (!(error instanceof AwsError)) return false;
  return (
    isNotFound(error) || /Duplicate|^TargetGroupAssociationLimit$|^InvalidSecurityGroup$/.test(error.code)
  );
}

/** Something still holds on to what is to be deleted, or its last change is under way: the same call works later. */
export function isInUse(error: unknown, deleting: boolean): boolean {
  if (!(error instanceof AwsError)) return false;
  if (error.code === "PriorRequestNotComplete") return true;
  return (
    deleting && /^(ResourceInUse(Exception)?|DependencyViolation|OperationNotPermitted)$/.test(error.code)
  );
}

/** AWS does not take several target groups, or these together, in one listener. */
export function refusesForward(error: unknown): boolean {
  return (
    error instanceof AwsError &&
    !error.retryable &&
    /^(ValidationError|InvalidConfigurationRequest|InvalidLoadBalancerAction|IncompatibleProtocols|TooMany.*)$/.test(
      error.code,
    )
  );
}

const QUOTAS: readonly (readonly [RegExp, string])[] = [
  [
    /^TooManyLoadBalancers$/,
    "delete load balancers that are not needed (`tandem balancer orphans`), or ask AWS for a higher quota of Network Load Balancers per region",
  ],
  [
    /^TooManyTargetGroups$/,
    "delete target groups that are not needed (`tandem balancer orphans`), or ask AWS for a higher quota of target groups per region",
  ],
  [/^TooManyListeners$/, "give the Service fewer ports: a Network Load Balancer has at most 50 listeners"],
  [
    /^TooMany(Targets|RegistrationsForTargetId)$/,
    "take fewer nodes by aws-load-balancer-target-node-labels, or ask AWS for a higher quota of targets per target group and zone",
  ],
  [/^TooManyCertificates$/, "name fewer certificates in aws-load-balancer-ssl-cert"],
  [/^(TooManyTags|TagLimitExceeded)$/, "ask for fewer tags in aws-load-balancer-additional-resource-tags"],
  [
    /^(SecurityGroupLimitExceeded|SecurityGroupsPerInterfaceLimitExceeded)$/,
    "delete security groups that are not needed, or ask AWS for a higher quota of security groups per VPC",
  ],
  [
    /^RulesPerSecurityGroupLimitExceeded$/,
    "name fewer source ranges or ports, or ask AWS for a higher quota of rules per security group",
  ],
  [/^AddressLimitExceeded$/, "release Elastic IP addresses that are not needed, or ask AWS for more"],
  [
    /^(AccessDenied|AccessDeniedException|UnauthorizedOperation)$/,
    "allow the call in the IAM policy of Tandem's role (docs/load-balancers.md)",
  ],
];

/** What a user can do about an answer; undefined where only its own words help. */
export function adviceFor(error: AwsError): string | undefined {
  return QUOTAS.find(([codes]) => codes.test(error.code))?.[1];
}

/** An answer with what can be done about it. */
export function explained(error: AwsError): string {
  const advice = adviceFor(error);
  return advice === undefined ? error.message : `${error.message}; ${advice}`;
}

/** What answers of AWS mean for what is to be done next. */
import { AwsError } from "./api.ts";
import { isNotFound } from "./listing.ts";

/** Something named by a call is not there, or not seen yet. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof AwsError)) return false;
  return (isNotFound(error) && !isRuleMissing(error)) || error.code === "InvalidSecurityGroup";
}

/** A rule that was to be revoked is not there: that is no news that comes late. */
function isRuleMissing({ code }: AwsError): boolean {
  return code === "InvalidPermission.NotFound";
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

const ADVICE: readonly (readonly [RegExp, string])[] = [
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
    /^(CredentialsProviderError|MissingAuthenticationToken|AuthFailure)$/,
    "give credentials as AWS's own tools find them: a role of the pod (IRSA, Pod Identity) or of the instance, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (docs/load-balancers.md, What it may do)",
  ],
  [
    /^(ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId)$/,
    "renew the credentials: they have run out, or are not of this account and region; a wrong clock looks the same",
  ],
  [/^SignatureDoesNotMatch$/, "check AWS_SECRET_ACCESS_KEY, and that --region is the endpoint's own region"],
  [
    /^TimedOut$/,
    "check the region's name and the endpoint, and that there is a way there: a NAT gateway, a proxy, or VPC endpoints for ec2 and elasticloadbalancing",
  ],
];

/** Addresses of a subnet that a load balancer is in already (Elastic IPs, private IPv4 addresses). */
const FIXED_ADDRESSES =
  "if addresses of a subnet were to change: AWS keeps them as long as the load balancer is in it, so take the annotation back to what it was, or make the Service anew";

const DENIED = /^(AccessDenied|UnauthorizedOperation)(Exception)?$/;
/** Calls that are EC2's; all others are of Elastic Load Balancing. */
const OF_EC2 = /SecurityGroup|Vpc|Subnet|Instance|RouteTable|AvailabilityZone|^(Create|Delete)Tags$/;
/** Calls that are both: load balancers have security groups and subnets, too. */
const OF_ELB = /^Set(SecurityGroups|Subnets)$/;

/** The action that an IAM policy has to allow for a call. */
function actionOf({ call }: AwsError): string {
  return `${OF_EC2.test(call) && !OF_ELB.test(call) ? "ec2" : "elasticloadbalancing"}:${call}`;
}

/** What a user can do about an answer; undefined where only its own words help. */
export function adviceFor(error: AwsError): string | undefined {
  if (DENIED.test(error.code))
    return `allow ${actionOf(error)} to Tandem's role: docs/aws-iam-policy.json has all that it needs`;
  if (error.call === "SetSubnets" && /^(InvalidConfigurationRequest|ValidationError)$/.test(error.code))
    return FIXED_ADDRESSES;
  return ADVICE.find(([codes]) => codes.test(error.code))?.[1];
}

/** The same error with what can be done about it, where it will not mend itself. */
export function advised(error: AwsError): AwsError {
  const advice = adviceFor(error);
  if (advice === undefined || error.retryable) return error;
  const { call, code, message } = error;
  return new AwsError(call, code, `${message.slice(`${call}: ${code}: `.length)}; ${advice}`, false);
}

/** An answer with what can be done about it. */
export function explained(error: AwsError): string {
  const advice = adviceFor(error);
  return advice === undefined ? error.message : `${error.message}; ${advice}`;
}

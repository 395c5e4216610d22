/**
 * What the OpenAPI documents do not say about the wire form of the built-in types, though clients can see it:
 * which scalars keep their zero value, and how decoding errors name a type. Keys are `package.Type`.
 */

/** Optional scalars that keep an explicit zero value (`replicas: 0`); all other optional ones drop it. */
const KEPT_ZEROS = `
meta.ObjectMeta deletionGracePeriodSeconds managedFields
meta.OwnerReference blockOwnerDeletion controller
core.NodeFeatures supplementalGroupsPolicy
core.NodeSwapStatus capacity
core.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts userNamespaces
core.PodSpec activeDeadlineSeconds automountServiceAccountToken enableServiceLinks hostUsers hostnameOverride preemptionPolicy priority runtimeClassName setHostnameAsFQDN shareProcessNamespace terminationGracePeriodSeconds
core.Container restartPolicy
core.EphemeralContainer restartPolicy
core.ConfigMapKeySelector optional
core.FileKeySelector optional
core.SecretKeySelector optional
core.ConfigMapEnvSource optional
core.SecretEnvSource optional
core.Lifecycle stopSignal
core.Probe terminationGracePeriodSeconds
core.GRPCAction service
core.SecurityContext allowPrivilegeEscalation privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser
core.AppArmorProfile localhostProfile
core.SeccompProfile localhostProfile
core.WindowsSecurityContextOptions gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName
core.VolumeMount mountPropagation recursiveReadOnly
core.PodDNSConfigOption value
core.PodResourceClaim resourceClaimName resourceClaimTemplateName
core.PodSecurityContext fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy supplementalGroupsPolicy
core.Toleration tolerationSeconds
core.TopologySpreadConstraint minDomains nodeAffinityPolicy nodeTaintsPolicy
core.AzureDiskVolumeSource cachingMode fsType kind readOnly
core.ConfigMapVolumeSource defaultMode optional
core.KeyToPath mode
core.CSIVolumeSource fsType readOnly
core.DownwardAPIVolumeSource defaultMode
core.DownwardAPIVolumeFile mode
core.PersistentVolumeClaimSpec storageClassName volumeAttributesClassName volumeMode
core.TypedLocalObjectReference apiGroup
core.TypedObjectReference apiGroup namespace
core.FCVolumeSource lun
core.HostPathVolumeSource type
core.ISCSIVolumeSource initiatorName
core.ProjectedVolumeSource defaultMode
core.ClusterTrustBundleProjection name optional signerName
core.ConfigMapProjection optional
core.PodCertificateProjection maxExpirationSeconds
core.SecretProjection optional
core.ServiceAccountTokenProjection expirationSeconds
core.SecretVolumeSource defaultMode optional
core.ContainerStatus started stopSignal
core.VolumeMountStatus recursiveReadOnly
core.PodResourceClaimStatus resourceClaimName
core.ServiceSpec allocateLoadBalancerNodePorts internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution
core.ServicePort appProtocol
core.ClientIPConfig timeoutSeconds
core.LoadBalancerIngress ipMode
core.PortStatus error
core.EndpointAddress nodeName
core.EndpointPort appProtocol
core.ConfigMap immutable
core.Secret immutable
core.ServiceAccount automountServiceAccountToken
discovery.Endpoint hostname nodeName zone
discovery.EndpointConditions ready serving terminating
discovery.EndpointPort appProtocol name port protocol
coordination.LeaseSpec holderIdentity leaseDurationSeconds leaseTransitions preferredHolder strategy
apps.DeploymentSpec progressDeadlineSeconds replicas revisionHistoryLimit
apps.DeploymentStatus collisionCount terminatingReplicas
apps.ReplicaSetSpec replicas
apps.ReplicaSetStatus terminatingReplicas
apps.DaemonSetSpec revisionHistoryLimit
apps.DaemonSetStatus collisionCount
apps.StatefulSetSpec replicas revisionHistoryLimit
apps.StatefulSetStatus collisionCount
apps.RollingUpdateStatefulSetStrategy partition
batch.JobSpec activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy manualSelector maxFailedIndexes parallelism podReplacementPolicy suspend ttlSecondsAfterFinished
batch.JobStatus failedIndexes ready terminating
batch.PodFailurePolicyOnExitCodesRequirement containerName
batch.SuccessPolicyRule succeededCount succeededIndexes
policy.PodDisruptionBudgetSpec unhealthyPodEvictionPolicy
networking.IngressSpec ingressClassName
networking.HTTPIngressPath pathType
networking.NetworkPolicyPort endPort
authentication.TokenRequestSpec expirationSeconds
apiextensions.JSONSchemaProps maximum maxItems maxLength maxProperties minimum minItems minLength minProperties multipleOf x-kubernetes-list-type x-kubernetes-map-type x-kubernetes-preserve-unknown-fields $ref
apiextensions.ValidationRule optionalOldSelf reason
apiextensions.CustomResourceDefinitionVersion deprecationWarning
apiextensions.CustomResourceSubresourceScale labelSelectorPath
apiextensions.ServiceReference path port
apiextensions.WebhookClientConfig url
admissionregistration.ServiceReference path port
admissionregistration.WebhookClientConfig url
admissionregistration.RuleWithOperations scope
admissionregistration.MutatingWebhook failurePolicy matchPolicy reinvocationPolicy sideEffects timeoutSeconds
admissionregistration.ValidatingWebhook failurePolicy matchPolicy sideEffects timeoutSeconds
`;

/** Fields that are written even when empty although the documents call them optional, or the other way round. */
const ALWAYS_WRITTEN = new Set([
  "core.ContainerImage.names",
  "core.NodeRuntimeHandler.name",
  "core.GRPCAction.service",
  "core.ProjectedVolumeSource.sources",
  "core.Event.reportingComponent",
  "core.Event.reportingInstance",
  "discovery.EndpointSlice.ports",
  "rbac.Role.rules",
  "apps.StatefulSetSpec.serviceName",
  "apps.StatefulSetStatus.availableReplicas",
  "apiextensions.CustomResourceDefinitionStatus.conditions",
  "apiextensions.CustomResourceDefinitionStatus.storedVersions",
  "rbac.ClusterRole.rules",
]);

const NEVER_WRITTEN_EMPTY = new Set([
  "core.ContainerRestartRule.action",
  "core.ContainerRestartRuleOnExitCodes.operator",
  "core.PodCertificateProjection.keyType",
  "core.PodCertificateProjection.signerName",
  "networking.IPAddressSpec.parentRef",
  "networking.ParentReference.name",
  "networking.ParentReference.resource",
  "meta.ObjectMeta.creationTimestamp",
]);

/** Times that are optional pointers: absent when unset, where all others are written as null. */
const OPTIONAL_TIMES = new Set([
  "meta.ObjectMeta.deletionTimestamp",
  "meta.ManagedFieldsEntry.time",
  "core.Taint.timeAdded",
  "core.PodStatus.startTime",
  "coordination.LeaseSpec.acquireTime",
  "coordination.LeaseSpec.renewTime",
  "batch.JobStatus.startTime",
  "batch.JobStatus.completionTime",
  "core.PersistentVolumeStatus.lastPhaseTransitionTime",
]);

/** Named string types, for `json: cannot unmarshal … of type v1.ServiceType`. */
const NAMED_STRINGS: Readonly<Record<string, string>> = {
  uid: "types.UID",
  imagePullPolicy: "v1.PullPolicy",
  pullPolicy: "v1.PullPolicy",
  dnsPolicy: "v1.DNSPolicy",
  protocol: "v1.Protocol",
  terminationMessagePolicy: "v1.TerminationMessagePolicy",
  preemptionPolicy: "v1.PreemptionPolicy",
  externalTrafficPolicy: "v1.ServiceExternalTrafficPolicy",
  internalTrafficPolicy: "v1.ServiceInternalTrafficPolicy",
  ipFamilyPolicy: "v1.IPFamilyPolicy",
  sessionAffinity: "v1.ServiceAffinity",
  addressType: "v1.AddressType",
  ipMode: "v1.LoadBalancerIPMode",
  scheme: "v1.URIScheme",
  "core.PodSpec.restartPolicy": "v1.RestartPolicy",
  "core.Container.restartPolicy": "v1.ContainerRestartPolicy",
  "core.ServiceSpec.type": "v1.ServiceType",
  "core.ServiceSpec.ipFamilies": "v1.IPFamily",
  "core.Secret.type": "v1.SecretType",
  "core.NodeAddress.type": "v1.NodeAddressType",
  "core.NodeStatus.phase": "v1.NodePhase",
  "core.PodStatus.phase": "v1.PodPhase",
  "core.NamespaceStatus.phase": "v1.NamespacePhase",
  "core.NamespaceSpec.finalizers": "v1.FinalizerName",
  "core.Taint.effect": "v1.TaintEffect",
  "core.Toleration.effect": "v1.TaintEffect",
  "core.Toleration.operator": "v1.TolerationOperator",
  "core.PodCondition.type": "v1.PodConditionType",
  "core.NodeCondition.type": "v1.NodeConditionType",
  "core.PodCondition.status": "v1.ConditionStatus",
  "core.NodeCondition.status": "v1.ConditionStatus",
  "meta.Condition.status": "v1.ConditionStatus",
  "meta.LabelSelectorRequirement.operator": "v1.LabelSelectorOperator",
  "core.NodeSelectorRequirement.operator": "v1.NodeSelectorOperator",
  "apps.DeploymentStrategy.type": "v1.DeploymentStrategyType",
  "apps.DaemonSetUpdateStrategy.type": "v1.DaemonSetUpdateStrategyType",
  "apps.StatefulSetUpdateStrategy.type": "v1.StatefulSetUpdateStrategyType",
  "apps.StatefulSetSpec.podManagementPolicy": "v1.PodManagementPolicyType",
  "batch.JobSpec.completionMode": "v1.CompletionMode",
  "batch.JobSpec.podReplacementPolicy": "v1.PodReplacementPolicy",
};

const keptZeros = new Map(
  KEPT_ZEROS.trim()
    .split("\n")
    .map((line) => {
      const [type = "", ...fields] = line.split(" ");
      return [type, new Set(fields)] as const;
    }),
);

/** Whether an explicit zero value of this optional scalar stays in the object. */
export function keepsZero(type: string, field: string): boolean {
  return keptZeros.get(type)?.has(field) ?? false;
}

/** Whether a field is written when it is unset, given what the document says of it. */
export function writtenWhenUnset(type: string, field: string, required: boolean): boolean {
  const key = `${type}.${field}`;
  return (required && !NEVER_WRITTEN_EMPTY.has(key)) || ALWAYS_WRITTEN.has(key);
}

/** Whether an unset time is written as null. */
export function timeIsWritten(type: string, field: string): boolean {
  const key = `${type}.${field}`;
  return !OPTIONAL_TIMES.has(key) && !NEVER_WRITTEN_EMPTY.has(key);
}

/** How decoding errors call the type of a string field: `string`, or a named type. */
export function nameOfStringType(type: string, field: string): string {
  return NAMED_STRINGS[`${type}.${field}`] ?? NAMED_STRINGS[field] ?? "string";
}

/** `core.PodSpec` of `io.k8s.api.core.v1.PodSpec`. */
export function shortTypeName(schemaName: string): string {
  const parts = schemaName.split(".");
  return `${parts.at(-3) ?? ""}.${parts.at(-1) ?? ""}`;
}

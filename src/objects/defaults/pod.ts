import type { AnyVolume, Container, Pod, PodSpec, PodTemplateSpec, Probe } from "../types.ts";

// Static defaults of pods and pod templates (pkg/apis/core/v1/defaults.go).

/** Permission bits of files in volumes: 0644. */
const DEFAULT_MODE = 0o644;

/** Defaults of a Pod: those of its spec, and some that templates do not get. */
export function defaultPod(pod: Pod): void {
  const { spec } = pod;
  defaultPodSpec(spec);
  for (const container of allContainers(spec)) requestsFromLimits(container);
  (spec as { enableServiceLinks?: boolean }).enableServiceLinks ??= true;
  if (spec.hostNetwork) for (const container of regularContainers(spec)) hostPortsFromPorts(container);
  alignPodIPs(pod);
}

/** Of podIP and podIPs the singular one wins where they disagree (pkg/apis/core/v1/conversion.go). */
function alignPodIPs({ status }: Pod): void {
  if (status === undefined) return;
  const { podIP, podIPs = [] } = status;
  if (podIP && podIPs[0]?.ip !== podIP) status.podIPs = [{ ip: podIP }];
  else if (!podIP && podIPs[0] !== undefined) status.podIP = podIPs[0].ip;
}

/** Defaults of a pod template. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  const wide = spec as PodSpec & { securityContext?: object };
  spec.dnsPolicy ||= "ClusterFirst";
  spec.restartPolicy ||= "Always";
  wide.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= "default-scheduler";
  for (const container of allContainers(spec)) defaultContainer(container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  // The deprecated name of the same thing.
  const alias = spec as { serviceAccount?: string };
  if (spec.serviceAccountName) alias.serviceAccount = spec.serviceAccountName;
  else if (alias.serviceAccount) spec.serviceAccountName = alias.serviceAccount;
}

function regularContainers(spec: PodSpec): Container[] {
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
}

function allContainers(spec: PodSpec): Container[] {
  const { ephemeralContainers = [] } = spec as { ephemeralContainers?: Container[] };
  return [...regularContainers(spec), ...ephemeralContainers];
}

function defaultContainer(container: Container): void {
  const wide = container as Container & {
    terminationMessagePath?: string;
    terminationMessagePolicy?: string;
  };
  container.imagePullPolicy ||= isLatest(container.image ?? "") ? "Always" : "IfNotPresent";
  wide.terminationMessagePath ||= "/dev/termination-log";
  wide.terminationMessagePolicy ||= "File";
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= "v1";
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe);
  }
  const { postStart, preStop } = (container.lifecycle ?? {}) as Record<
    string,
    Pick<Probe, "httpGet"> | undefined
  >;
  for (const hook of [postStart, preStop]) defaultHttpGet(hook?.httpGet);
}

/** An image without tag and digest, or with the tag `latest`. */
function isLatest(image: string): boolean {
  if (image === "" || image.includes("@")) return false;
  const name = image.slice(image.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  return colon < 0 || name.slice(colon + 1) === "latest";
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function defaultHttpGet(action: Probe["httpGet"]): void {
  if (action === undefined) return;
  action.path ||= "/";
  action.scheme ||= "HTTP";
}

function defaultVolume(volume: AnyVolume): void {
  if (Object.keys(volume).length === 1) volume.emptyDir = {};
  for (const source of ["secret", "configMap", "downwardAPI", "projected"]) {
    if (volume[source] !== undefined) volume[source].defaultMode ??= DEFAULT_MODE;
  }
  if (volume.hostPath !== undefined) volume.hostPath.type ??= "";
  for (const item of volume.downwardAPI?.items ?? []) defaultFieldRef(item.fieldRef);
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const item of source.downwardAPI?.items ?? []) defaultFieldRef(item.fieldRef);
  }
}

function defaultFieldRef(reference: { apiVersion?: string } | undefined): void {
  if (reference !== undefined) reference.apiVersion ||= "v1";
}

/** What is limited is requested, unless something else is. */
function requestsFromLimits(container: Container): void {
  const { resources } = container;
  if (resources?.limits === undefined) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

function hostPortsFromPorts(container: Container): void {
  for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}

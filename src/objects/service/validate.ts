import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { Service } from "../types.ts";
import { asErrors, dnsSubdomainProblems, labelErrors } from "./formats.ts";
import { clusterIPsOf, HEADLESS, ipFamiliesOf, isHeadless, portsOf } from "./predicates.ts";
import { validateClusterIPs } from "./validate-addresses.ts";
import {
  validateExternalIPs,
  validateExternalTraffic,
  validateInternalTraffic,
  validateLoadBalancerFields,
} from "./validate-external.ts";
import { validatePorts, validatePortUse } from "./validate-ports.ts";

const TYPES: readonly string[] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITIES: readonly string[] = ["ClientIP", "None"];
const DISTRIBUTIONS: readonly string[] = ["PreferClose", "PreferSameZone", "PreferSameNode"];
const TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE = "service.kubernetes.io/topology-mode";

/**
 * Checks a Service whose defaults are filled in; `stored` is the old object on updates, whose odd addresses
 * are taken on. The metadata that all kinds share is checked elsewhere (ValidateService in
 * pkg/apis/core/validation).
 */
export function validateService(service: Service, stored?: Service): FieldError[] {
  return [
    ...checkTopologyAnnotations(service),
    ...checkPortsPresent(service),
    ...checkByType(service),
    ...validatePorts(service),
    ...labelErrors("spec.selector", service.spec.selector ?? {}),
    ...checkAffinity(service),
    ...validateClusterIPs(service, stored),
    ...validateExternalIPs(service, stored),
    ...checkType(service),
    ...validatePortUse(service),
    ...validateLoadBalancerFields(service, stored),
    ...validateExternalTraffic(service),
    ...validateInternalTraffic(service),
    ...checkTrafficDistribution(service),
  ];
}

function checkTopologyAnnotations(service: Service): FieldError[] {
  const annotations = service.metadata.annotations;
  const hints = annotations?.[TOPOLOGY_HINTS];
  const mode = annotations?.[TOPOLOGY_MODE];
  if (hints === undefined || mode === undefined || hints === mode) return [];
  const detail = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  return [invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, detail)];
}

function checkPortsPresent(service: Service): FieldError[] {
  const needed = !isHeadless(service) && service.spec.type !== "ExternalName";
  return needed && portsOf(service).length === 0 ? [required("spec.ports")] : [];
}

function checkByType(service: Service): FieldError[] {
  switch (service.spec.type) {
    case "LoadBalancer":
    case "NodePort":
      return checkNotHeadless(service);
    case "ExternalName":
      return checkExternalName(service);
    default:
      return [];
  }
}

function checkNotHeadless(service: Service): FieldError[] {
  if (!isHeadless(service)) return [];
  const detail = `may not be set to 'None' for ${service.spec.type} services`;
  return [invalid("spec.clusterIPs[0]", HEADLESS, detail)];
}

function checkExternalName(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const notAllowed = "may not be set for ExternalName services";
  if (clusterIPsOf(service).length > 0) errors.push(forbidden("spec.clusterIPs", notAllowed));
  if (ipFamiliesOf(service).length > 0) errors.push(forbidden("spec.ipFamilies", notAllowed));
  if (service.spec.ipFamilyPolicy !== undefined) errors.push(forbidden("spec.ipFamilyPolicy", notAllowed));
  // A trailing dot says that the name is complete.
  const name = (service.spec.externalName ?? "").replace(/\.$/, "");
  if (name === "") errors.push(required("spec.externalName"));
  else errors.push(...asErrors("spec.externalName", name, dnsSubdomainProblems(name)));
  return errors;
}

function checkAffinity({ spec }: Service): FieldError[] {
  const affinity: string = spec.sessionAffinity ?? "";
  const field = "spec.sessionAffinityConfig";
  if (affinity === "") return [required("spec.sessionAffinity")];
  if (!AFFINITIES.includes(affinity)) return [notSupported("spec.sessionAffinity", affinity, AFFINITIES)];
  const config = spec.sessionAffinityConfig;
  if (affinity === "None") {
    return config === undefined ? [] : [forbidden(field, "must not be set when session affinity is None")];
  }
  const detail = "when session affinity type is ClientIP";
  if (config === undefined) return [required(field, detail)];
  if (config.clientIP === undefined) return [required(`${field}.clientIP`, detail)];
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined) return [required(`${field}.clientIP.timeoutSeconds`, detail)];
  if (seconds > 0 && seconds <= 86_400) return [];
  return [invalid(`${field}.clientIP.timeoutSeconds`, seconds, "must be greater than 0 and less than 86400")];
}

function checkType({ spec }: Service): FieldError[] {
  const type: string = spec.type ?? "";
  if (type === "") return [required("spec.type")];
  return TYPES.includes(type) ? [] : [notSupported("spec.type", type, TYPES)];
}

function checkTrafficDistribution({ spec }: Service): FieldError[] {
  const { trafficDistribution } = spec;
  if (trafficDistribution === undefined || DISTRIBUTIONS.includes(trafficDistribution)) return [];
  return [notSupported("spec.trafficDistribution", trafficDistribution, DISTRIBUTIONS)];
}

import { type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { checkLegacyAddress, familyAsGo } from "../ip-text.ts";
import type { LoadBalancerIngress, Service } from "../types.ts";
import { asErrors, dnsSubdomainProblems } from "./formats.ts";

const MODES: readonly string[] = ["Proxy", "VIP"];

/** Checks the status of a load balancer that is to replace a stored one (ValidateServiceStatusUpdate). */
export function validateServiceStatusUpdate(service: Service, stored: Service): FieldError[] {
  const ingresses = service.status?.loadBalancer?.ingress ?? [];
  const field = "status.loadBalancer.ingress";
  if (ingresses.length > 0 && service.spec.type !== "LoadBalancer") {
    return [forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const known = (stored.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  return ingresses.flatMap((ingress, index) => checkIngress(ingress, `${field}[${index}]`, known));
}

function checkIngress(ingress: LoadBalancerIngress, path: string, known: readonly string[]): FieldError[] {
  const { ip = "", hostname = "" } = ingress;
  const mode: string | undefined = ingress.ipMode;
  const errors = ip === "" ? [] : checkLegacyAddress(`${path}.ip`, ip, known);
  if (mode === undefined) {
    if (ip !== "") errors.push(required(`${path}.ipMode`, "must be specified when `ip` is set"));
  } else if (ip === "") errors.push(forbidden(`${path}.ipMode`, "may not be specified when `ip` is not set"));
  else if (!MODES.includes(mode)) errors.push(notSupported(`${path}.ipMode`, mode, MODES));
  if (hostname !== "") {
    errors.push(...asErrors(`${path}.hostname`, hostname, dnsSubdomainProblems(hostname)));
    if (familyAsGo(hostname) !== undefined) {
      errors.push(invalid(`${path}.hostname`, hostname, "must be a DNS name, not an IP address"));
    }
  }
  return errors;
}

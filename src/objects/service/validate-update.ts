import { type FieldError, forbidden, invalid } from "../field-errors.ts";
import type { Service } from "../types.ts";
import {
  clusterIPsOf,
  ipFamiliesOf,
  isHeadless,
  needsClusterIP,
  needsHealthCheckPort,
} from "./predicates.ts";
import { validateService } from "./validate.ts";
import { validateLoadBalancerClass } from "./validate-external.ts";

const CHANGED = "may not change once set";

/**
 * Checks a Service that is to replace a stored one: what may not change, then all that a new one must fulfil
 * (ValidateServiceUpdate in pkg/apis/core/validation/validation.go).
 */
export function validateServiceUpdate(service: Service, stored: Service): FieldError[] {
  return [
    ...checkClusterIPs(service, stored),
    ...checkFamilies(service, stored),
    ...checkClass(service, stored),
    ...checkHealthCheckPort(service, stored),
    ...validateService(service, stored),
  ];
}

function checkClusterIPs(service: Service, stored: Service): FieldError[] {
  if (!needsClusterIP(service) || !needsClusterIP(stored)) return [];
  if (isHeadless(service) && isHeadless(stored)) return [];
  const before = clusterIPsOf(stored);
  const after = clusterIPsOf(service);
  const value = service.spec.clusterIPs;
  if (before.length === after.length) {
    return before.flatMap((ip, index) =>
      ip === after[index] ? [] : [invalid(`spec.clusterIPs[${index}]`, value, CHANGED)],
    );
  }
  const errors: FieldError[] = [];
  if (after.length === 0)
    errors.push(invalid("spec.clusterIPs[0]", value, "primary clusterIP can not be unset"));
  if (before.length > 0 && after.length > 0 && before[0] !== after[0]) {
    errors.push(invalid("spec.clusterIPs[0]", value, CHANGED));
  }
  if (before.length > after.length && after.length === 1) {
    errors.push(...checkSingleStack(service, "clusterIP"));
  }
  return errors;
}

function checkFamilies(service: Service, stored: Service): FieldError[] {
  if (!needsClusterIP(service) || !needsClusterIP(stored)) return [];
  // Headless Services may change their families, and so may one that turns headless or back.
  if (isHeadless(service) || isHeadless(stored)) return [];
  const before = ipFamiliesOf(stored);
  const after = ipFamiliesOf(service);
  const field = "spec.ipFamilies[0]";
  if (before.length === after.length) {
    return before.flatMap((family, index) =>
      family === after[index] ? [] : [invalid(field, service.spec.ipFamilies, CHANGED)],
    );
  }
  const errors: FieldError[] = [];
  // The real server looks at clusterIPs here and prints them below; both are kept.
  if (before.length > after.length && clusterIPsOf(service).length === 0) {
    errors.push(invalid(field, service.spec.ipFamilies, "primary ipFamily can not be unset"));
  }
  if (before.length > 0 && after.length > 0 && before[0] !== after[0]) {
    errors.push(invalid(field, service.spec.clusterIPs, CHANGED));
  }
  if (before.length > after.length && after.length === 1)
    errors.push(...checkSingleStack(service, "ipFamily"));
  return errors;
}

function checkSingleStack(service: Service, released: string): FieldError[] {
  const policy = service.spec.ipFamilyPolicy;
  if (policy === "SingleStack") return [];
  const detail = `must be set to 'SingleStack' when releasing the secondary ${released}`;
  return [invalid("spec.ipFamilyPolicy", policy, detail)];
}

/** What is wrong with the class is a cause twice in answers to updates: the real server looks again with all else. */
function checkClass(service: Service, stored: Service): FieldError[] {
  const value = service.spec.loadBalancerClass;
  const both = service.spec.type === "LoadBalancer" && stored.spec.type === "LoadBalancer";
  const changed = both && value !== stored.spec.loadBalancerClass;
  const errors = changed ? [invalid("spec.loadBalancerClass", value, CHANGED)] : [];
  return [...errors, ...validateLoadBalancerClass(service)];
}

function checkHealthCheckPort(service: Service, stored: Service): FieldError[] {
  if (!needsHealthCheckPort(service) || !needsHealthCheckPort(stored)) return [];
  const same = (service.spec.healthCheckNodePort ?? 0) === (stored.spec.healthCheckNodePort ?? 0);
  return same ? [] : [forbidden("spec.healthCheckNodePort", "field is immutable")];
}

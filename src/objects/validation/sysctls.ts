import { duplicate, type FieldError, invalid, required } from "../field-errors.ts";
import type { PodSpec } from "../types.ts";

const MAX_NAME = 253;
const SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const NAME = `^(${SEGMENT}[\\./])*${SEGMENT}$`;
const IPC = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/;

/** Checks the kernel parameters of a pod (validateSysctls, ValidateHostSysctl); which are allowed its kubelet knows. */
export function validateSysctls(field: string, spec: PodSpec): FieldError[] {
  const names = new Set<string>();
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, index) => {
    const path = `${field}.securityContext.sysctls[${index}].name`;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(path));
    else if (name.length > MAX_NAME || !new RegExp(NAME).test(name))
      errors.push(invalid(path, name, `must have at most ${MAX_NAME} characters and match regex ${NAME}`));
    else if (names.has(name)) errors.push(duplicate(path, name));
    names.add(name);
    const shared = sharedNamespace(name ?? "", spec);
    if (shared !== undefined) errors.push(invalid(path, name, `may not be set with '${shared}' enabled`));
    return errors;
  });
}

function sharedNamespace(name: string, { hostNetwork, hostIPC }: PodSpec): string | undefined {
  if (hostNetwork && /^net[./]/.test(name)) return "hostNetwork";
  return hostIPC && IPC.test(name) ? "hostIPC" : undefined;
}

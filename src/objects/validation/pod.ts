import { isIP } from "node:net";
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { checkLegacyAddress, familyAsGo } from "../ip-text.ts";
import { sameJson } from "../patch/json-value.ts";
import { asErrors, dnsLabelProblems, dnsSubdomainProblems, labelErrors } from "../service/formats.ts";
import type { AnyVolume, Pod, PodSpec, PodStatus, Toleration } from "../types.ts";
import { oneOf, validateContainers } from "./containers.ts";
import { validateSysctls } from "./sysctls.ts";

// Checks of pods (pkg/apis/core/validation/validation.go).

const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
const DNS_POLICIES = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
const OPERATORS = ["Equal", "Exists"];
const EFFECTS = ["NoExecute", "NoSchedule", "PreferNoSchedule"];

/** Checks the spec of a pod or of a pod template. */
export function validatePodSpec(field: string, spec: PodSpec): FieldError[] {
  return [
    ...checkVolumes(`${field}.volumes`, spec.volumes ?? []),
    ...validateContainers(field, spec),
    ...oneOf(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES),
    ...labelErrors(`${field}.nodeSelector`, spec.nodeSelector ?? {}),
    ...checkNames(field, spec),
    ...checkTolerations(`${field}.tolerations`, spec.tolerations ?? []),
    ...checkHostAliases(`${field}.hostAliases`, spec),
    ...checkDns(field, spec),
    ...checkHostNetwork(field, spec),
    ...validateSysctls(field, spec),
    ...checkPeriods(field, spec),
  ];
}

function checkVolumes(field: string, volumes: readonly AnyVolume[]): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const path = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (!volume.name) errors.push(required(`${path}.name`));
    else errors.push(...asErrors(`${path}.name`, volume.name, dnsLabelProblems(volume.name)));
    if (names.has(volume.name)) errors.push(duplicate(`${path}.name`, volume.name));
    names.add(volume.name);
    const sources = Object.keys(volume).filter((key) => key !== "name");
    for (const source of sources.slice(1)) {
      errors.push(forbidden(`${path}.${source}`, "may not specify more than 1 volume type"));
    }
    if (sources.length === 0) errors.push(required(path, "must specify a volume type"));
    return errors;
  });
}

function checkNames(field: string, spec: PodSpec): FieldError[] {
  const { hostname = "", subdomain = "", nodeName = "", serviceAccountName = "", schedulerName = "" } = spec;
  const errors: FieldError[] = [];
  if (hostname !== "") errors.push(...asErrors(`${field}.hostname`, hostname, dnsLabelProblems(hostname)));
  if (subdomain !== "")
    errors.push(...asErrors(`${field}.subdomain`, subdomain, dnsLabelProblems(subdomain)));
  for (const [name, value] of Object.entries({ nodeName, serviceAccountName, schedulerName })) {
    if (value !== "") errors.push(...asErrors(`${field}.${name}`, value, dnsSubdomainProblems(value)));
  }
  return errors;
}

function checkTolerations(field: string, tolerations: readonly Toleration[]): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const path = `${field}[${index}]`;
    const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
    const errors: FieldError[] = [];
    if (key !== "") errors.push(...labelErrors(`${path}.key`, { [key]: "" }));
    else if (operator !== "Exists") {
      errors.push(
        invalid(
          `${path}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (tolerationSeconds !== undefined && effect !== "NoExecute") {
      errors.push(
        invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
      );
    }
    if (operator === "Exists" && value !== "") {
      errors.push(invalid(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
    }
    if (operator !== "" && !OPERATORS.includes(operator)) {
      errors.push(notSupported(`${path}.operator`, operator, OPERATORS));
    }
    if (effect !== "" && !EFFECTS.includes(effect))
      errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
    return errors;
  });
}

function checkHostAliases(field: string, { hostAliases = [] }: PodSpec): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, index) => [
    ...checkLegacyAddress(`${field}[${index}].ip`, ip),
    ...hostnames.flatMap((name) =>
      asErrors(`${field}[${index}].hostnames`, name, dnsSubdomainProblems(name)),
    ),
  ]);
}

function checkDns(field: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  const path = `${field}.dnsConfig`;
  const servers = dnsConfig?.nameservers ?? [];
  if (dnsPolicy === "None") {
    const policy = "when `dnsPolicy` is None";
    if (dnsConfig === undefined) return [required(path, `must provide \`dnsConfig\` ${policy}`)];
    if (servers.length === 0) {
      return [required(`${path}.nameservers`, `must provide at least one DNS nameserver ${policy}`)];
    }
  }
  const errors = servers.flatMap((server, index) =>
    checkLegacyAddress(`${path}.nameservers[${index}]`, server),
  );
  if (servers.length > 3) {
    errors.push(invalid(`${path}.nameservers`, servers, "must not have more than 3 nameservers"));
  }
  return errors;
}

/** Pods in the host's network have the host's ports. */
function checkHostNetwork(field: string, spec: PodSpec): FieldError[] {
  if (!spec.hostNetwork) return [];
  return (spec.containers ?? []).flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, at) =>
      port.hostPort === undefined || port.hostPort === port.containerPort
        ? []
        : [
            invalid(
              `${field}.containers[${index}].ports[${at}].hostPort`,
              port.hostPort,
              "must match `containerPort` when `hostNetwork` is true",
            ),
          ],
    ),
  );
}

function checkPeriods(field: string, spec: PodSpec): FieldError[] {
  const { terminationGracePeriodSeconds: grace = 0 } = spec;
  const { activeDeadlineSeconds: deadline } = spec as { activeDeadlineSeconds?: number };
  const errors: FieldError[] = [];
  if (grace < 0) {
    errors.push(
      invalid(`${field}.terminationGracePeriodSeconds`, grace, "must be greater than or equal to 0"),
    );
  }
  if (deadline !== undefined && (deadline < 1 || deadline > 2147483647)) {
    errors.push(
      invalid(`${field}.activeDeadlineSeconds`, deadline, "must be between 1 and 2147483647, inclusive"),
    );
  }
  return errors;
}

const UPDATABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
  "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** Checks a Pod that is to replace a stored one: little of its spec may change. */
export function validatePodUpdate(next: Pod, stored: Pod): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ["containers", "initContainers"] as const) {
    if ((next.spec[list] ?? []).length !== (stored.spec[list] ?? []).length) {
      return [forbidden(`spec.${list}`, "pod updates may not add or remove containers")];
    }
    (next.spec[list] ?? []).forEach((container, index) => {
      const image = container.image ?? "";
      if (image === "") errors.push(required(`spec.${list}[${index}].image`));
    });
  }
  errors.push(...checkDeadlineUpdate(next, stored), ...checkTolerationUpdate(next, stored));
  if (errors.length > 0) return errors;
  return sameJson(fixedParts(next.spec, stored.spec), stored.spec) ? [] : [forbidden("spec", UPDATABLE)];
}

/** The new spec with everything that may change taken from the old one. */
function fixedParts(next: PodSpec, stored: PodSpec): object {
  const copy: Record<string, unknown> = { ...next };
  for (const list of ["containers", "initContainers"] as const) {
    if (next[list] === undefined) continue;
    copy[list] = next[list].map((container, index) => ({
      ...container,
      image: stored[list]?.[index]?.image,
    }));
  }
  const before = stored as unknown as Record<string, unknown>;
  for (const key of ["tolerations", "activeDeadlineSeconds"]) {
    if (before[key] === undefined) delete copy[key];
    else copy[key] = before[key];
  }
  if ((stored.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) {
    copy.terminationGracePeriodSeconds = stored.terminationGracePeriodSeconds;
  }
  return copy;
}

function checkDeadlineUpdate(next: Pod, stored: Pod): FieldError[] {
  const after = (next.spec as { activeDeadlineSeconds?: number }).activeDeadlineSeconds;
  const before = (stored.spec as { activeDeadlineSeconds?: number }).activeDeadlineSeconds;
  const field = "spec.activeDeadlineSeconds";
  if (after === undefined) {
    return before === undefined
      ? []
      : [invalid(field, null, "must not update from a positive integer to nil value")];
  }
  if (before !== undefined && after > before) {
    return [invalid(field, after, "must be less than or equal to previous value")];
  }
  return [];
}

function checkTolerationUpdate(next: Pod, stored: Pod): FieldError[] {
  const known = (list: Toleration[] | undefined) =>
    (list ?? []).map(({ tolerationSeconds: _, ...toleration }) => toleration);
  const after = known(next.spec.tolerations);
  const gone = known(stored.spec.tolerations).some(
    (old) => !after.some((toleration) => sameJson(toleration, old)),
  );
  if (!gone) return [];
  return [
    forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"),
  ];
}

/** Checks a Pod's new status: where it runs, and one address per family at most. */
export function validatePodStatus(next: Pod, stored: Pod): FieldError[] {
  const status = next.status ?? {};
  return [
    ...(next.spec.nodeName === stored.spec.nodeName
      ? []
      : [forbidden("status.nodeName", "may not be changed directly")]),
    ...checkRestarts(next, stored),
    ...checkAddresses("status.podIPs", status.podIPs ?? [], stored.status?.podIPs ?? []),
    ...checkHostIP(status),
    ...checkAddresses("status.hostIPs", status.hostIPs ?? [], stored.status?.hostIPs ?? []),
  ];
}

/** A container that ended and is not to be restarted stays ended. */
function checkRestarts(next: Pod, stored: Pod): FieldError[] {
  if (next.spec.restartPolicy === "Always") return [];
  return (stored.status?.containerStatuses ?? []).flatMap((old) => {
    const ended = old.state?.terminated;
    const index = (next.status?.containerStatuses ?? []).findIndex((item) => item.name === old.name);
    const now = next.status?.containerStatuses?.[index];
    if (ended === undefined || now === undefined || now.state?.terminated !== undefined) return [];
    if (next.spec.restartPolicy === "OnFailure" && ended.exitCode !== 0) return [];
    return [
      forbidden(
        `status.containerStatuses[${index}].state`,
        "may not be transitioned to non-terminated state",
      ),
    ];
  });
}

interface Item {
  readonly ip: string;
}

function checkAddresses(field: string, items: readonly Item[], stored: readonly Item[]): FieldError[] {
  const known = stored.map((item) => item.ip);
  const errors = items.flatMap((item, index) => checkLegacyAddress(`${field}[${index}]`, item.ip, known));
  if (items.length < 2) return errors;
  const families = new Set(items.map((item) => familyAsGo(item.ip)));
  if (families.size < 2 || items.length > 2) {
    const shown = items.map((item) => ({ IP: item.ip }));
    errors.push(invalid(field, shown, "may specify no more than one IP for each IP family"));
  }
  const seen = new Set<string>();
  items.forEach((item, index) => {
    if (seen.has(item.ip)) errors.push(duplicate(`${field}[${index}]`, { IP: item.ip }));
    seen.add(item.ip);
  });
  return errors;
}

function checkHostIP({ hostIP = "", hostIPs = [] }: PodStatus): FieldError[] {
  const first = hostIPs[0]?.ip;
  if (first === undefined || first === hostIP || isIP(first) === 0) return [];
  return [invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`")];
}

import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { parseQuantity } from "../quantity.ts";
import { asErrors, dnsLabelProblems, portNameProblems, portNumberProblems } from "../service/formats.ts";
import type { Container, EnvVar, PodSpec, Probe } from "../types.ts";

// Checks of containers (pkg/apis/core/validation/validation.go, ValidateContainers and what it calls).

const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const MESSAGE_POLICIES = ["FallbackToLogsOnError", "File"];
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const ENV_NAME_TEXT =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";

/** Checks the containers of a pod's spec: at least one, each well-formed, no two of one name. */
export function validateContainers(field: string, spec: PodSpec): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name));
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  const errors = containers.length === 0 ? [required(`${field}.containers`)] : [];
  const lists = [
    [`${field}.containers`, containers],
    [`${field}.initContainers`, spec.initContainers ?? []],
  ] as const;
  for (const [path, list] of lists) {
    for (const [index, container] of list.entries()) {
      errors.push(...checkContainer(`${path}[${index}]`, container, volumes));
      if (names.has(container.name)) errors.push(duplicate(`${path}[${index}].name`, container.name));
      names.add(container.name);
    }
  }
  return [...errors, ...checkHostPorts(`${field}.containers`, spec)];
}

function checkContainer(field: string, container: Container, volumes: ReadonlySet<string>): FieldError[] {
  const { name = "", image = "" } = container;
  return [
    ...(name === "" ? [required(`${field}.name`)] : asErrors(`${field}.name`, name, dnsLabelProblems(name))),
    ...checkImage(`${field}.image`, image),
    ...checkPorts(`${field}.ports`, container),
    ...checkEnv(`${field}.env`, container.env ?? []),
    ...checkMounts(`${field}.volumeMounts`, container, volumes),
    ...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES),
    ...oneOf(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES),
    ...checkResources(`${field}.resources`, container),
    ...checkProbes(field, container),
  ];
}

/** A required value that must be one of some. */
export function oneOf(field: string, value: string | undefined, values: readonly string[]): FieldError[] {
  if (!value) return [required(field)];
  return values.includes(value) ? [] : [notSupported(field, value, values)];
}

function checkImage(field: string, image: string): FieldError[] {
  if (image === "") return [required(field)];
  return image.trim() === image
    ? []
    : [invalid(field, image, "must not have leading or trailing whitespace")];
}

function checkPorts(field: string, { ports = [] }: Container): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `${field}[${index}]`;
    const name = port.name ?? "";
    if (name !== "") {
      errors.push(...asErrors(`${path}.name`, name, portNameProblems(name)));
      if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
      names.add(name);
    }
    if (!port.containerPort) errors.push(required(`${path}.containerPort`));
    else errors.push(...portErrors(`${path}.containerPort`, port.containerPort));
    if (port.hostPort) errors.push(...portErrors(`${path}.hostPort`, port.hostPort));
    errors.push(...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS));
  }
  return errors;
}

function portErrors(field: string, port: number): FieldError[] {
  return asErrors(field, port, portNumberProblems(port));
}

/** One host port can be had once, unless address or protocol differ. */
function checkHostPorts(field: string, { containers }: PodSpec): FieldError[] {
  const taken = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, container] of (containers ?? []).entries()) {
    for (const [at, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${field}[${index}].ports[${at}].hostPort`, key));
      taken.add(key);
    }
  }
  return errors;
}

function checkEnv(field: string, env: readonly EnvVar[]): FieldError[] {
  return env.flatMap((variable, index) => {
    const path = `${field}[${index}]`;
    const { name = "", valueFrom, value = "" } = variable;
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(`${path}.name`));
    else if (!/^[ -<>-~]+$/.test(name)) errors.push(invalid(`${path}.name`, name, ENV_NAME_TEXT));
    if (valueFrom === undefined) return errors;
    const sources = Object.keys(valueFrom);
    if (sources.length === 0) {
      const detail =
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
      errors.push(invalid(`${path}.valueFrom`, "", detail));
    }
    if (sources.length > 1) {
      errors.push(invalid(`${path}.valueFrom`, "", "may not have more than one field specified at a time"));
    }
    if (value !== "") {
      errors.push(invalid(`${path}.valueFrom`, "", "may not be specified when `value` is not empty"));
    }
    return [...errors, ...checkKeyRefs(`${path}.valueFrom`, valueFrom)];
  });
}

function checkKeyRefs(field: string, source: NonNullable<EnvVar["valueFrom"]>): FieldError[] {
  const errors: FieldError[] = [];
  for (const kind of ["configMapKeyRef", "secretKeyRef"] as const) {
    const reference = source[kind];
    if (reference === undefined) continue;
    if (!reference.key) errors.push(required(`${field}.${kind}.key`));
    else if (!CONFIG_KEY.test(reference.key)) {
      errors.push(invalid(`${field}.${kind}.key`, reference.key, "a valid config key is expected"));
    }
  }
  if (source.fieldRef !== undefined && !source.fieldRef.fieldPath) {
    errors.push(required(`${field}.fieldRef.fieldPath`));
  }
  return errors;
}

function checkMounts(field: string, container: Container, volumes: ReadonlySet<string>): FieldError[] {
  const paths = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const path = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(`${path}.name`));
    else if (!volumes.has(mount.name)) {
      errors.push({
        field: `${path}.name`,
        reason: "FieldValueNotFound",
        message: `Not found: ${JSON.stringify(mount.name)}`,
      });
    }
    if (!mount.mountPath) errors.push(required(`${path}.mountPath`));
    if (paths.has(mount.mountPath))
      errors.push(invalid(`${path}.mountPath`, mount.mountPath, "must be unique"));
    paths.add(mount.mountPath);
    if (mount.subPath?.split("/").includes("..")) {
      errors.push(invalid(`${path}.subPath`, mount.subPath, "must not contain '..'"));
    }
    return errors;
  });
}

function checkResources(field: string, { resources }: Container): FieldError[] {
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = resources ?? {};
  for (const [what, list] of Object.entries({ limits, requests })) {
    for (const [name, text] of Object.entries(list)) {
      if (nanosOf(text) < 0n) {
        errors.push(invalid(`${field}.${what}[${name}]`, text, "must be greater than or equal to 0"));
      }
    }
  }
  for (const [name, text] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && nanosOf(text) > nanosOf(limit)) {
      errors.push(
        invalid(`${field}.requests`, text, `must be less than or equal to ${name} limit of ${limit}`),
      );
    }
  }
  return errors;
}

function nanosOf(text: string): bigint {
  const quantity = parseQuantity(text);
  return typeof quantity === "string" ? 0n : quantity.nanos;
}

function checkProbes(field: string, container: Container): FieldError[] {
  return (["livenessProbe", "readinessProbe", "startupProbe"] as const).flatMap((name) => {
    const probe = container[name];
    if (probe === undefined) return [];
    const errors = checkProbe(`${field}.${name}`, probe);
    if (name !== "readinessProbe" && (probe.successThreshold ?? 1) !== 1) {
      errors.push(invalid(`${field}.${name}.successThreshold`, probe.successThreshold, "must be 1"));
    }
    return errors;
  });
}

const COUNTS = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

function checkProbe(field: string, probe: Probe): FieldError[] {
  const handlers = (["exec", "httpGet", "tcpSocket", "grpc"] as const).filter(
    (name) => probe[name] !== undefined,
  );
  const errors = handlers
    .slice(1)
    .map((name) => forbidden(`${field}.${name}`, "may not specify more than 1 handler type"));
  if (handlers.length === 0) errors.push(required(field, "must specify a handler type"));
  for (const count of COUNTS) {
    const value = probe[count] ?? 0;
    if (value < 0) errors.push(invalid(`${field}.${count}`, value, "must be greater than or equal to 0"));
  }
  if (probe.exec !== undefined && (probe.exec.command ?? []).length === 0) {
    errors.push(required(`${field}.exec.command`));
  }
  for (const name of ["httpGet", "tcpSocket", "grpc"] as const) {
    const handler = probe[name];
    if (handler !== undefined) errors.push(...checkProbePort(`${field}.${name}.port`, handler.port));
  }
  if (probe.httpGet !== undefined)
    errors.push(...oneOf(`${field}.httpGet.scheme`, probe.httpGet.scheme, ["HTTP", "HTTPS"]));
  return errors;
}

function checkProbePort(field: string, port: number | string): FieldError[] {
  if (typeof port === "number") return portErrors(field, port);
  return asErrors(field, port, portNameProblems(port));
}

import { type FieldError, duplicate, forbidden, notSupported, required } from "../field-errors.ts";
import type { Service, ServicePort } from "../types.ts";
import {
  asErrors,
  dnsLabelProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from "./formats.ts";
import { portsOf } from "./predicates.ts";

const PROTOCOLS: readonly string[] = ["SCTP", "TCP", "UDP"];

/** Checks each port of a Service by itself, and that names are there and differ (validateServicePort). */
export function validatePorts(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const ports = portsOf(service);
  const names = new Set<string>();
  ports.forEach((port, index) => {
    checkPort(port, `spec.ports[${index}]`, ports.length > 1, names, errors);
  });
  return errors;
}

function checkPort(
  port: ServicePort,
  path: string,
  nameRequired: boolean,
  names: Set<string>,
  errors: FieldError[],
): void {
  checkName(port.name ?? "", `${path}.name`, nameRequired, names, errors);
  const number = port.port ?? 0;
  errors.push(...asErrors(`${path}.port`, number, portNumberProblems(number)));
  const protocol: string = port.protocol ?? "";
  if (protocol === "") errors.push(required(`${path}.protocol`));
  else if (!PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  }
  const target = port.targetPort ?? 0;
  const problems = typeof target === "number" ? portNumberProblems(target) : portNameProblems(target);
  errors.push(...asErrors(`${path}.targetPort`, target, problems));
  if (port.appProtocol !== undefined) {
    errors.push(
      ...asErrors(`${path}.appProtocol`, port.appProtocol, qualifiedNameProblems(port.appProtocol)),
    );
  }
}

function checkName(
  name: string,
  field: string,
  isRequired: boolean,
  names: Set<string>,
  errors: FieldError[],
): void {
  if (name === "") {
    if (isRequired) errors.push(required(field));
    return;
  }
  errors.push(...asErrors(field, name, dnsLabelProblems(name)));
  if (names.has(name)) errors.push(duplicate(field, name));
  names.add(name);
}

/** Node ports on a Service that may not have any, and pairs of protocol and number that stand there twice. */
export function validatePortUse(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const ports = portsOf(service);
  if (service.spec.type === "ClusterIP") {
    ports.forEach((port, index) => {
      if ((port.nodePort ?? 0) === 0) return;
      errors.push(forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
    });
  }
  if (ports.length < 2) return errors;
  const nodePorts = new Set<string>();
  ports.forEach(({ nodePort = 0, protocol }, index) => {
    if (nodePort === 0) return;
    const key = `${protocol}/${nodePort}`;
    if (nodePorts.has(key)) errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort));
    nodePorts.add(key);
  });
  const numbers = new Set<string>();
  ports.forEach(({ port, protocol }, index) => {
    const key = `${protocol}/${port}`;
    if (numbers.has(key)) errors.push(duplicate(`spec.ports[${index}]`, internalPort(protocol, port)));
    numbers.add(key);
  });
  return errors;
}

/**
 * The bad value of a duplicate port as the real server prints it: its internal type, with only the key filled
 * in.
 */
function internalPort(protocol: string, port: number): object {
  return { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
}

/** Between the model's words on infrastructure and those of the controller that makes it. Pure. */
import {
  GATEWAY_NAME_LABEL,
  type InfrastructureRequest,
  type InfrastructureState,
  labelValue,
} from "../../controllers/gateway/index.ts";
import { familyOfText } from "../../ip/address.ts";
import type { EnvoyProxy, Gateway, GatewayParameters } from "../../objects/gateway/index.ts";
import type {
  GatewayInfrastructure,
  InfrastructureState as ModelState,
} from "../../traffic/gateway/types.ts";

/** What the controller is to make for a Gateway. */
export function requestOf(wanted: GatewayInfrastructure, gateway: Gateway): InfrastructureRequest {
  const parameters = wanted.parameters && parametersOf(wanted.parameters);
  const staticAddresses = wanted.addresses.flatMap(({ value }) =>
    value !== undefined && familyOfText(value) !== undefined && !isUnspecified(value) ? [value] : [],
  );
  return {
    gateway,
    ports: wanted.ports,
    ...(parameters && { parameters }),
    ...(staticAddresses.length > 0 && { staticAddresses }),
  };
}

/** Of `0.0.0.0` and `::` only the family counts: any address will do. */
function isUnspecified(address: string): boolean {
  return /^[0.:]+$/.test(address);
}

type Parameters = NonNullable<GatewayParameters["spec"]>;

/** Envoy Gateway's parameters in our words: `DualStack` of a cluster that has one family gets that one. */
function parametersOf(parameters: GatewayParameters | EnvoyProxy): Parameters | undefined {
  if (parameters.kind !== "EnvoyProxy") return (parameters as GatewayParameters).spec;
  const { ipFamily } = (parameters as EnvoyProxy).spec ?? {};
  if (ipFamily === undefined || ipFamily === "DualStack") return { ipFamilyPolicy: "PreferDualStack" };
  return { ipFamilyPolicy: "SingleStack", ipFamilies: [ipFamily] };
}

/** What the model is to know of the infrastructure of the Gateway `key`. */
export function modelStateOf(key: string, state: InfrastructureState): ModelState {
  const { addresses, missing, unusable, problem } = state;
  const problems: { reason: string; message: string }[] = [];
  if (problem !== undefined) problems.push({ reason: "NoResources", message: problem });
  if (unusable.length > 0) problems.push({ reason: "AddressNotUsable", message: notGiven(key, unusable) });
  if (problem === undefined && addresses.length === 0 && unusable.length === 0) {
    const why = missing.map(({ why }) => why)[0] ?? "the Service has no address yet";
    problems.push({ reason: "AddressNotAssigned", message: why });
  }
  if (problem === undefined && state.readyProxies === 0)
    problems.push({ reason: "NoResources", message: noneReady(key) });
  return { addresses, missing, ...(problems.length > 0 && { problems }) };
}

/** Why an address is not given is in the Service's events: taken, in no pool, of a family that the Service lacks. */
function notGiven(key: string, unusable: readonly string[]): string {
  return `the Service did not get ${unusable.join(", ")}; ${describe("services", key)} says why`;
}

/** What keeps a pod from running (no image, no room, no Envoy) is in its events. */
function noneReady(key: string): string {
  return `no proxy is ready; if that lasts, ${describe("pods", key)} says why`;
}

function describe(kinds: string, key: string): string {
  const [namespace, name = ""] = key.split("/");
  return `kubectl -n ${namespace} describe ${kinds} -l ${GATEWAY_NAME_LABEL}=${labelValue(name)}`;
}

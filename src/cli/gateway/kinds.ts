/** The kinds that Gateways are made from, and what is kept of each object. */
import type { ObjectChange } from "../../client/index.ts";
import type { ClassFinalizers } from "../../controllers/gateway/index.ts";
import {
  ENVOY_GATEWAY_KINDS,
  GATEWAY_KINDS,
  type Gateway,
  type GatewayClass,
  TANDEM_GATEWAY_KINDS,
} from "../../objects/gateway/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import type { ConfigMap, EndpointSlice, KubeObject, Pod, Secret, Service } from "../../objects/types.ts";
import {
  type GatewayModel,
  type IntakeKind,
  KEY_SET,
  OPAQUE,
  USERS_KEY,
} from "../../traffic/gateway/index.ts";
import type { FamilyReadiness, TrafficModel } from "../../traffic/index.ts";
import { conditionsOnly, sliceTrimmer } from "../wiring.ts";
import type { Source } from "../xds/sources.ts";

/** Those whose changes the Gateway model alone takes in. */
const OWN: readonly (Kind & { readonly kind: string })[] = [
  ...Object.values(GATEWAY_KINDS),
  ...Object.values(TANDEM_GATEWAY_KINDS),
  ...Object.values(ENVOY_GATEWAY_KINDS),
];

/** Every kind with what takes its changes in: the Gateway model, the traffic model, or both. */
export function sourcesOf(
  model: GatewayModel,
  traffic: TrafficModel,
  familyReadiness: FamilyReadiness,
  onGateway: (change: ObjectChange<Gateway>) => void,
  classes: ClassFinalizers,
): readonly Source[] {
  const both =
    (first: (change: never) => unknown, kind: IntakeKind) => (change: ObjectChange<KubeObject>) => {
      first(change as never);
      model.on(kind, change as never);
    };
  const special: Partial<Record<string, (change: ObjectChange<KubeObject>) => void>> = {
    GatewayClass: both((change: ObjectChange<GatewayClass>) => classes.onClass(change), "GatewayClass"),
    Gateway: both((change: ObjectChange<Gateway>) => {
      classes.onGateway(change);
      onGateway(change);
    }, "Gateway"),
  };
  const own = OWN.map((kind) => ({
    kind,
    intake: special[kind.kind] ?? intakeOf(model, kind.kind as IntakeKind),
  }));
  const services = both((change: ObjectChange<Service>) => traffic.onService(change), "Service");
  const namespaces = both((change: ObjectChange<KubeObject>) => traffic.onNamespace(change), "Namespace");
  const slices = (change: ObjectChange<KubeObject>) => traffic.onSlice(change as ObjectChange<EndpointSlice>);
  const pods = (change: ObjectChange<KubeObject>) => traffic.onPod(change as ObjectChange<Pod>);
  return [
    ...own,
    { kind: KINDS.Secret, intake: intakeOf(model, "Secret"), transform: usefulOnly },
    { kind: KINDS.ConfigMap, intake: intakeOf(model, "ConfigMap"), transform: trustedOnly },
    { kind: KINDS.Service, intake: services, transform: withoutSelector },
    { kind: KINDS.EndpointSlice, intake: slices, transform: sliceTrimmer() },
    { kind: KINDS.Namespace, intake: namespaces },
    ...(familyReadiness === "enforce" ? [{ kind: KINDS.Pod, intake: pods, transform: conditionsOnly }] : []),
  ];
}

function intakeOf(model: GatewayModel, kind: IntakeKind) {
  return (change: ObjectChange<KubeObject>) => model.on(kind, change as never);
}

/** Which pods a Service selects is the controllers' concern. */
function withoutSelector(service: Service): Service {
  const { selector: _, ...spec } = service.spec;
  return { ...service, spec };
}

const SECRET_KEYS = ["tls.crt", "tls.key", "ca.crt", USERS_KEY, KEY_SET];
/** In base64; no request could carry what is longer. */
const LONGEST_API_KEY = 8192;

/**
 * Secrets hold all kinds of things; what policies and listeners cannot mean is better not in memory: of types other than
 * Opaque all but certificates, users and key sets, of Opaque ones what is too long for an API key.
 */
function usefulOnly(secret: Secret): Secret {
  const { data, type = OPAQUE } = secret;
  if (data === undefined) return secret;
  const short = type === OPAQUE ? Object.keys(data).filter((key) => isShort(data[key])) : [];
  return { ...secret, data: pick(data, [...new Set([...SECRET_KEYS, ...short])]) };
}

function isShort(value = ""): boolean {
  return value.length <= LONGEST_API_KEY;
}

/** Authorities, and key sets: under their name, or else under the first that there is. */
function trustedOnly(map: ConfigMap): ConfigMap {
  if (map.data === undefined) return map;
  const first = KEY_SET in map.data ? KEY_SET : Object.keys(map.data).sort()[0];
  const isKeySet = first !== undefined && map.data[first]?.includes('"keys"');
  return { ...map, data: pick(map.data, ["ca.crt", ...(isKeySet ? [first] : [])]) };
}

function pick(data: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key) => (data[key] === undefined ? [] : [[key, data[key]]])));
}

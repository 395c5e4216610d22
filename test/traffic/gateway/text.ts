/** Gateway models of YAML texts, and what came out of them as text, for golden pairs and properties. */
import { Document, parseAllDocuments, stringify } from "yaml";
import type { Family } from "../../../src/ip/family.ts";
import type { KubeObject } from "../../../src/objects/types.ts";
import {
  createGatewayModel,
  type DesiredStatus,
  type GatewayModel,
  type GatewayModelOptions,
  type IntakeKind,
  type IntakeKinds,
  type Rejection,
} from "../../../src/traffic/gateway/index.ts";
import type { ObjectChange } from "../../../src/traffic/index.ts";
import { CA } from "../gateway-routes-fixtures.ts";

/** A self-signed certificate for tests, and its key. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUDf9rOqNbOaAP9dpjEGRkRatY+IQwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNKi5leGFtcGxlLmNvbTAgFw0yNjExMjEwNTE5MzlaGA8yMTI2
MTAyODA1MTkzOVowGDEWMBQGA1UEAwwNKi5leGFtcGxlLmNvbTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABDM8GtrEkHWfmp4MOz5AVZwV7txyttv20RUJd8XDfFOC
k5Wmzo6f+Yd6SlW78hP2SsaHw0+WKQIMYeiWXQnLQRajUzBRMB0GA1UdDgQWBBTv
msUqkFlIyxcoJcIlZawMFt4inzAfBgNVHSMEGDAWgBTvmsUqkFlIyxcoJcIlZawM
Ft4inzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCoBl4VcFL0
m5HaeeXJUD0uX/U67KmfF7NYizbWe2Qe/QIgVvJlYzZBnukzVwG50LjNUJmEhqn1
g32BOGg/WyqkPyU=
-----END CERTIFICATE-----`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMZ8+5cmPq1s5fBts
nZEe952MAcurtOgi2CDCY2NLamGhRANCAAQzPBraxJB1n5qeDDs+QFWcFe7ccrbb
9tEVCXfFw3xTgpOVps6On/mHekpVu/IT9krGh8NPlikCDGHoll0Jy0EW
-----END PRIVATE KEY-----`;

/** The moment of all conditions. */
export const NOW = "2026-01-02T03:04:05Z";

const CONTROLLER = "tandem.dev/gateway-controller";

const BASE = `
{kind: GatewayClass, metadata: {name: tandem, generation: 1}, spec: {controllerName: ${CONTROLLER}}}
---
{kind: Namespace, metadata: {name: default, labels: {kubernetes.io/metadata.name: default}}}
---
{kind: Service, metadata: {name: web}, spec: {ports: [{port: 80, protocol: TCP}]}}
---
{kind: Service, metadata: {name: api}, spec: {ports: [{port: 80, protocol: TCP}]}}
---
{kind: Service, metadata: {name: dns}, spec: {ports: [{port: 53, protocol: UDP}]}}
`;

/** What a controller reports, written among the objects as kind Report. */
interface Report {
  readonly kind: "Report";
  readonly gateway: string;
  readonly addresses?: readonly { type?: string; value: string }[];
  readonly problems?: readonly { reason: string; message: string }[];
  readonly missing?: readonly { family: Family; why: string }[];
  readonly applied?: boolean;
  readonly rejections?: readonly Rejection[];
}

/** A model without objects. */
export function emptyModel(options: Partial<GatewayModelOptions> = {}): GatewayModel {
  return createGatewayModel({
    controllerName: CONTROLLER,
    clusterFamilies: ["IPv4", "IPv6"],
    now: () => NOW,
    ...options,
  });
}

/** Takes an object in. */
export function take(
  model: GatewayModel,
  object: KubeObject,
  type: ObjectChange<KubeObject>["type"] = "added",
): void {
  model.on(object.kind as IntakeKind, { type, object: object as IntakeKinds[IntakeKind] });
}

/** The objects of a text after those that every test has; `$CERTIFICATE`, `$KEY` and `$CA` stand for PEM texts. */
export function objectsOf(text: string): (KubeObject | Report)[] {
  const objects = parseAllDocuments(`${BASE}---\n${filled(text)}`).flatMap((document) => {
    if (!(document instanceof Document) || document.contents === null) return [];
    return [document.toJS() as KubeObject | Report];
  });
  return objects.map((object) => (isReport(object) ? object : withDefaults(object)));
}

function filled(text: string): string {
  const base64 = (pem: string) => Buffer.from(pem).toString("base64");
  return text
    .replaceAll("$CERTIFICATE", base64(CERTIFICATE))
    .replaceAll("$KEY", base64(KEY))
    .replaceAll("$CA", JSON.stringify(CA));
}

function withDefaults(object: KubeObject): KubeObject {
  const { metadata, kind } = object;
  if (kind !== "GatewayClass" && kind !== "Namespace") metadata.namespace ??= "default";
  metadata.generation ??= 1;
  metadata.creationTimestamp ??= "2026-01-01T00:00:00Z";
  return object;
}

/** Whether a document is a report. */
export function isReport(object: KubeObject | Report): object is Report {
  return object.kind === "Report";
}

/** Tells a model what a controller reports. */
export function report(
  model: GatewayModel,
  { gateway, addresses, problems, missing, applied, rejections }: Report,
): void {
  if (addresses !== undefined)
    model.setInfrastructure(gateway, {
      addresses,
      ...(problems && { problems }),
      ...(missing && { missing }),
    });
  if (applied !== undefined) model.setApplied(gateway, applied);
  if (rejections !== undefined) model.setRejected(gateway, rejections);
}

/** All that came out of a model: proxies and the last status of each object. */
export function textOf(model: GatewayModel, statuses: ReadonlyMap<string, DesiredStatus>): string {
  const proxies = [...model.proxies()].sort().map((key) => model.proxy(key));
  const said = [...statuses]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([id, { status }]) => [id, status]);
  const result = { proxies: plain(proxies), statuses: shortened(Object.fromEntries(said)) };
  return stringify(result, { lineWidth: 110, aliasDuplicateObjects: false });
}

/** Maps as objects sorted by key, PEM texts cut. */
function plain(value: unknown): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "string")
    return value.startsWith("-----BEGIN") ? value.slice(0, value.indexOf("\n")) : value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

/** Conditions as one line each. */
export function shortened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== "object" || value === null) return value;
  const { type, status, reason, message } = value as Record<string, unknown>;
  if (typeof status === "string" && typeof reason === "string")
    return `${String(type)}=${status} ${reason}${message === "" ? "" : `: ${String(message)}`}`;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shortened(v)]));
}

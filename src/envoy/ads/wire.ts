import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type Resource, TYPE_URLS } from "../resources.ts";
import { fieldSize, Framing, textSize } from "./framing.ts";
import type { DeltaRequest, NodeInfo, Response, SotwRequest } from "./messages.ts";

/*
 * The four messages of the discovery protocol, by hand: a response is framing around bytes that are already encoded,
 * and of a request only a few fields matter (a node lists hundreds of extensions that nobody here reads).
 * Field numbers: envoy/service/discovery/v3/discovery.proto, envoy/config/core/v3/base.proto, google/rpc/status.proto.
 */

/** Reads a DeltaDiscoveryRequest. @throws where the bytes are not one */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  const request: Mutable<DeltaRequest> = { typeUrl: "", subscribe, unsubscribe, initialVersions, nonce: "" };
  readFields(bytes, {
    1: (value) => (request.node = decodeNode(value)),
    2: (value) => (request.typeUrl = text(value)),
    3: (value) => subscribe.push(text(value)),
    4: (value) => unsubscribe.push(text(value)),
    5: (value) => initialVersions.set(...decodeMapEntry(value)),
    6: (value) => (request.nonce = text(value)),
    7: (value) => (request.error = decodeStatusMessage(value)),
  });
  return request;
}

/** Reads a DiscoveryRequest. @throws where the bytes are not one */
export function decodeSotwRequest(bytes: Uint8Array): SotwRequest {
  const names: string[] = [];
  const request: Mutable<SotwRequest> = { typeUrl: "", names, version: "", nonce: "" };
  readFields(bytes, {
    1: (value) => (request.version = text(value)),
    2: (value) => (request.node = decodeNode(value)),
    3: (value) => names.push(text(value)),
    4: (value) => (request.typeUrl = text(value)),
    5: (value) => (request.nonce = text(value)),
    6: (value) => (request.error = decodeStatusMessage(value)),
  });
  return request;
}

/** Writes a DeltaDiscoveryResponse around the resources' bytes. */
export function encodeDeltaResponse(response: Response): Buffer {
  const { version, nonce, resources, removed } = response;
  const typeUrl = TYPE_URLS[response.kind];
  const ends = textSize(version) + textSize(typeUrl) + textSize(nonce);
  const gone = removed.reduce((sum, name) => sum + textSize(name), 0);
  const content = resources.reduce((sum, one) => sum + fieldSize(deltaSize(typeUrl, one)), 0);
  const out = new Framing(ends + gone + content);
  out.text(1, version);
  // Resource{version = 1, resource = 2 (Any), name = 3}; what is long goes last
  for (const resource of resources) {
    out.head(2, deltaSize(typeUrl, resource));
    out.text(1, resource.version);
    out.text(3, resource.name);
    out.head(2, anySize(typeUrl, resource));
    writeAny(out, typeUrl, resource);
  }
  out.text(4, typeUrl);
  out.text(5, nonce);
  for (const name of removed) out.text(6, name);
  return out.buffer;
}

function deltaSize(typeUrl: string, resource: Resource): number {
  return textSize(resource.version) + textSize(resource.name) + fieldSize(anySize(typeUrl, resource));
}

/** Writes a DiscoveryResponse around the resources' bytes. */
export function encodeSotwResponse(response: Response): Buffer {
  const { version, nonce, resources } = response;
  const typeUrl = TYPE_URLS[response.kind];
  const ends = textSize(version) + textSize(typeUrl) + textSize(nonce);
  const out = new Framing(resources.reduce((sum, one) => sum + fieldSize(anySize(typeUrl, one)), ends));
  out.text(1, version);
  for (const resource of resources) {
    out.head(2, anySize(typeUrl, resource));
    writeAny(out, typeUrl, resource);
  }
  out.text(4, typeUrl);
  out.text(5, nonce);
  return out.buffer;
}

/** Any{type_url = 1, value = 2}. */
function anySize(typeUrl: string, { bytes }: Resource): number {
  return textSize(typeUrl) + fieldSize(bytes.length);
}

function writeAny(out: Framing, typeUrl: string, { bytes }: Resource): void {
  out.text(1, typeUrl);
  out.head(2, bytes.length);
  out.raw(bytes);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type FieldReaders = Readonly<Record<number, (value: Uint8Array) => unknown>>;

/** Hands each length-delimited field that has a reader to it, and skips the others. */
function readFields(bytes: Uint8Array, readers: FieldReaders): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const read = type === WireType.LengthDelimited ? readers[field] : undefined;
    if (read === undefined) reader.skip(type, field);
    else read(reader.bytes());
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function decodeMapEntry(bytes: Uint8Array): [string, string] {
  const entry: [string, string] = ["", ""];
  readFields(bytes, { 1: (value) => (entry[0] = text(value)), 2: (value) => (entry[1] = text(value)) });
  return entry;
}

function decodeNode(bytes: Uint8Array): NodeInfo {
  const node: Mutable<NodeInfo> = { id: "", cluster: "", userAgent: "" };
  readFields(bytes, {
    1: (value) => (node.id = text(value)),
    2: (value) => (node.cluster = text(value)),
    6: (value) => (node.userAgent = text(value)),
  });
  return node;
}

/** The message of a google.rpc.Status; never empty, since its presence alone says that something was rejected. */
function decodeStatusMessage(bytes: Uint8Array): string {
  let message = "";
  readFields(bytes, { 2: (value) => (message = text(value)) });
  return message === "" ? "rejected without a message" : message;
}

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Resource, TYPE_URLS } from "../resources.ts";
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
  const typeUrl = TYPE_URLS[response.kind];
  const chunks: Uint8Array[] = [];
  const head = new BinaryWriter();
  stringField(head, 1, response.version);
  chunks.push(head.finish());
  for (const resource of response.resources) pushDeltaResource(chunks, typeUrl, resource);
  const tail = new BinaryWriter();
  stringField(tail, 4, typeUrl);
  stringField(tail, 5, response.nonce);
  for (const name of response.removed) stringField(tail, 6, name);
  chunks.push(tail.finish());
  return Buffer.concat(chunks);
}

/** Writes a DiscoveryResponse around the resources' bytes. */
export function encodeSotwResponse(response: Response): Buffer {
  const typeUrl = TYPE_URLS[response.kind];
  const chunks: Uint8Array[] = [];
  const head = new BinaryWriter();
  stringField(head, 1, response.version);
  chunks.push(head.finish());
  for (const resource of response.resources) {
    const any = anyHead(typeUrl, resource.bytes.length);
    const frame = new BinaryWriter();
    frame.tag(2, WireType.LengthDelimited).uint32(any.length + resource.bytes.length);
    chunks.push(frame.raw(any).finish(), resource.bytes);
  }
  const tail = new BinaryWriter();
  stringField(tail, 4, typeUrl);
  stringField(tail, 5, response.nonce);
  chunks.push(tail.finish());
  return Buffer.concat(chunks);
}

/** `resources` of a delta response: Resource{version = 1, resource = 2 (Any), name = 3}; the Any's value goes last. */
function pushDeltaResource(chunks: Uint8Array[], typeUrl: string, resource: Resource): void {
  const any = anyHead(typeUrl, resource.bytes.length);
  const inner = new BinaryWriter();
  stringField(inner, 1, resource.version);
  stringField(inner, 3, resource.name);
  inner.tag(2, WireType.LengthDelimited).uint32(any.length + resource.bytes.length);
  const head = inner.raw(any).finish();
  const frame = new BinaryWriter();
  frame.tag(2, WireType.LengthDelimited).uint32(head.length + resource.bytes.length);
  chunks.push(frame.raw(head).finish(), resource.bytes);
}

/** An Any up to where its value's bytes begin. */
function anyHead(typeUrl: string, valueLength: number): Uint8Array {
  const writer = new BinaryWriter();
  stringField(writer, 1, typeUrl);
  return writer.tag(2, WireType.LengthDelimited).uint32(valueLength).finish();
}

function stringField(writer: BinaryWriter, field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
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

import { readMessage } from "./read.ts";
import { BYTES, ProtobufError, WireReader, wrongWireType } from "./wire.ts";

/** The content type of Kubernetes objects as Protocol Buffers. */
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

const MAGIC = Buffer.from("k8s\0", "latin1");

/** An object's bytes, and what the client calls them; both texts may be empty. */
export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/**
 * Opens what objects are wrapped in: four bytes and a `runtime.Unknown`.
 * @throws ProtobufError in the words of apimachinery's serializer (pkg/runtime/serializer/protobuf)
 */
export function openEnvelope(bytes: Buffer): Envelope {
  if (bytes.length === 0) throw new ProtobufError("empty data");
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    const prefix = `expected prefix [${[...MAGIC].join(" ")}]`;
    throw new ProtobufError(`provided data does not appear to be a protobuf message, ${prefix}`);
  }
  if (bytes.length === MAGIC.length) throw new ProtobufError("empty body");
  return readUnknown(bytes.subarray(MAGIC.length));
}

function readUnknown(bytes: Buffer): Envelope {
  const reader = new WireReader(bytes);
  let [apiVersion, kind] = ["", ""];
  let raw: Buffer = Buffer.alloc(0);
  while (!reader.ended) {
    const { number, wireType } = reader.tag("Unknown");
    const field = FIELDS[number];
    if (field === undefined) {
      reader.skip(wireType);
      continue;
    }
    if (wireType !== BYTES) throw wrongWireType(wireType, field);
    const value = reader.bytes();
    if (number === 2) raw = value;
    if (number === 1) ({ apiVersion = apiVersion, kind = kind } = readTypeMeta(value));
  }
  return { apiVersion, kind, raw };
}

const FIELDS: Readonly<Record<number, string>> = {
  1: "TypeMeta",
  2: "Raw",
  3: "ContentEncoding",
  4: "ContentType",
};

const TYPE_META = {
  name: "runtime.TypeMeta",
  fields: new Map([
    [1, { name: "apiVersion", type: "string", shape: "one", keepsZero: false } as const],
    [2, { name: "kind", type: "string", shape: "one", keepsZero: false } as const],
  ]),
};

function readTypeMeta(bytes: Buffer): { apiVersion?: string; kind?: string } {
  return readMessage(TYPE_META, bytes);
}

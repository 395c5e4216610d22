/**
 * The descriptors of Envoy's API as they lie in data/envoy/: found by name without decoding them. A process needs a
 * tenth of the files; each is decoded when something in it is first asked for.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { eachBytesField } from "./fields.ts";

const DATA = join(import.meta.dirname, "../../../data/envoy/descriptors-1.40.binpb.gz");

/** Field numbers of google/protobuf/descriptor.proto that the index reads. */
const SET_FILE = 1;
const FILE = { name: 1, package: 2, message: 4, enum: 5, service: 6 } as const;
/** DescriptorProto.nested_type, DescriptorProto.enum_type. */
const MESSAGE = { name: 1, nested: 3, enum: 4 } as const;

/** Where each file's FileDescriptorProto lies, and which file defines each message, enum and service. */
export interface DescriptorIndex {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Full names (`envoy.config.core.v3.Address`), to names of files. */
  readonly fileOfType: ReadonlyMap<string, string>;
}

/** Reads data/envoy/ and finds its way in it (about 10 ms). */
export function readDescriptorIndex(): DescriptorIndex {
  const files = new Map<string, Uint8Array>();
  const fileOfType = new Map<string, string>();
  eachBytesField(gunzipSync(readFileSync(DATA)), (number, file) => {
    if (number !== SET_FILE) return;
    const { name, types } = outlineOf(file);
    files.set(name, file);
    for (const type of types) fileOfType.set(type, name);
  });
  return { files, fileOfType };
}

function outlineOf(file: Uint8Array): { name: string; types: string[] } {
  let name = "";
  let prefix = "";
  const definitions: [number, Uint8Array][] = [];
  eachBytesField(file, (number, bytes) => {
    if (number === FILE.name) name = text(bytes);
    else if (number === FILE.package) prefix = `${text(bytes)}.`;
    else if (number >= FILE.message && number <= FILE.service) definitions.push([number, bytes]);
  });
  const types: string[] = [];
  for (const [number, bytes] of definitions) addNames(prefix, number === FILE.message, bytes, types);
  return { name, types };
}

/** Adds the name of a definition, and of what is defined inside of it. */
function addNames(prefix: string, isMessage: boolean, definition: Uint8Array, into: string[]): void {
  let name = "";
  const inner: [boolean, Uint8Array][] = [];
  eachBytesField(definition, (number, bytes) => {
    if (number === MESSAGE.name) name = prefix + text(bytes);
    else if (isMessage && (number === MESSAGE.nested || number === MESSAGE.enum))
      inner.push([number === MESSAGE.nested, bytes]);
  });
  into.push(name);
  for (const [message, bytes] of inner) addNames(`${name}.`, message, bytes, into);
}

const text = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");

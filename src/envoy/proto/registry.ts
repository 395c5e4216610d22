/** Envoy's API by name: a registry for @bufbuild/protobuf that decodes descriptors when they are first asked for. */
import {
  createFileRegistry,
  type DescEnum,
  type DescFile,
  type DescMessage,
  type DescService,
  fromBinary,
  type Registry,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type DescriptorIndex, readDescriptorIndex } from "./descriptors.ts";

/** All types of Envoy 1.40's v3 API, loaded on demand. There is one for the process. */
export interface EnvoyRegistry extends Registry {
  /** The names of all messages, enums and services; sorted by nothing. */
  typeNames(): Iterable<string>;
}

let loaded: EnvoyRegistry | undefined;

/** The registry of Envoy's API; the first call reads data/envoy/ (about 10 ms), a type costs what its file imports. */
export function loadRegistry(): EnvoyRegistry {
  loaded ??= lazyRegistry(readDescriptorIndex());
  return loaded;
}

type DescType = DescMessage | DescEnum | DescService;

function lazyRegistry(index: DescriptorIndex): EnvoyRegistry {
  const files = new Map<string, DescFile>();
  const types = new Map<string, DescType>();
  const get = (name: string): DescType | undefined => {
    const known = types.get(name);
    if (known !== undefined) return known;
    const file = index.fileOfType.get(name);
    if (file === undefined) return undefined;
    loadFile(file, index, files, types);
    return types.get(name);
  };
  const ofKind = <K extends DescType["kind"]>(kind: K, name: string) => {
    const found = get(name);
    return found?.kind === kind ? (found as Extract<DescType, { kind: K }>) : undefined;
  };
  return {
    kind: "registry",
    get,
    getMessage: (name) => ofKind("message", name),
    getEnum: (name) => ofKind("enum", name),
    getService: (name) => ofKind("service", name),
    getExtension: () => undefined,
    getExtensionFor: () => undefined,
    typeNames: () => index.fileOfType.keys(),
    [Symbol.iterator]: () => types.values(),
  };
}

/** Decodes a file and all that it imports, imports first, each once: so a type has one descriptor in the process. */
function loadFile(
  name: string,
  index: DescriptorIndex,
  files: Map<string, DescFile>,
  types: Map<string, DescType>,
): DescFile {
  const known = files.get(name);
  if (known !== undefined) return known;
  const bytes = index.files.get(name);
  if (bytes === undefined) throw new Error(`data/envoy: no file ${name}`);
  const proto = fromBinary(FileDescriptorProtoSchema, bytes);
  for (const dependency of proto.dependency) loadFile(dependency, index, files, types);
  const file = createFileRegistry(proto, (dependency) => files.get(dependency)).getFile(name);
  if (file === undefined) throw new Error(`data/envoy: ${name} does not load`);
  files.set(name, file);
  for (const message of file.messages) addMessage(message, types);
  for (const type of [...file.enums, ...file.services]) types.set(type.typeName, type);
  return file;
}

function addMessage(message: DescMessage, types: Map<string, DescType>): void {
  types.set(message.typeName, message);
  for (const type of message.nestedEnums) types.set(type.typeName, type);
  for (const nested of message.nestedMessages) addMessage(nested, types);
}

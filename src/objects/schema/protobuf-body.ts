import { apiVersionOf, type Kind } from "../kinds.ts";
import { type Envelope, openEnvelope } from "../protobuf/envelope.ts";
import { messageOfKind } from "../protobuf/messages.ts";
import { readMessage } from "../protobuf/read.ts";
import { ProtobufError } from "../protobuf/wire.ts";
import { cannotBeHandled, type Decoded, decodeFound, splitApiVersion, unrecognized } from "./body.ts";

/**
 * Reads a request's Protocol Buffers as an object of a kind. Fields that are not known are passed over, whatever
 * `fieldValidation` says, as the real server does.
 * @throws ApiError 400 with the texts of the real server's decoder
 */
export function decodeProtobuf(kind: Kind, bytes: Buffer): Decoded {
  const envelope = opened(kind, bytes);
  // a version that cannot be read counts as none (runtime.Unknown's GroupVersionKind)
  const isVersion = envelope.apiVersion !== "" && envelope.apiVersion.split("/").length <= 2;
  const apiVersion = isVersion ? envelope.apiVersion : apiVersionOf(kind);
  const found = { apiVersion, kind: envelope.kind || kind.kind };
  const value = readAs(kind, found, envelope.raw);
  return decodeFound(kind, found, value, "Ignore");
}

/**
 * Reads a request's Protocol Buffers as the body of a subresource, or as DeleteOptions, by whatever group's name they
 * come: every group has the same.
 * @throws ApiError 400
 */
export function decodeProtobufAs(kind: Kind, bytes: Buffer): object {
  const { raw } = opened(kind, bytes);
  return readAs(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind }, raw);
}

function opened(kind: Kind, bytes: Buffer): Envelope {
  try {
    return openEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw unrecognized(kind, error.message, bytes);
  }
}

/** A kind that has no message is refused by name later on. */
function readAs(
  kind: Kind,
  found: { readonly apiVersion: string; readonly kind: string },
  raw: Buffer,
): object {
  const [group, version] = splitApiVersion(found.apiVersion);
  const message = messageOfKind({ group, version, kind: found.kind });
  try {
    return message === undefined ? {} : readMessage(message, raw);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw cannotBeHandled(kind, found.kind, version, error.message);
  }
}

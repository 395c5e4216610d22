import { randomUUID } from "node:crypto";
import type { Kind } from "../kinds.ts";
import { badRequest } from "../status.ts";
import { formatTime } from "../time.ts";
import type { AnyObject, KubeObject } from "../types.ts";
import { generateName } from "./names.ts";

/** Where an object is written to: the namespace and the name of the URL. */
export interface Place {
  readonly namespace?: string;
  /** Absent for a POST to the collection. */
  readonly name?: string;
}

/**
 * Body and URL must agree on namespace and name. A namespace that the body leaves out is taken from the URL; one of an
 * object that has no place in namespaces is dropped.
 * @throws ApiError 400
 */
export function admitNames(kind: Kind, object: AnyObject, place: Place): void {
  object.metadata ??= { name: "" };
  const { metadata } = object;
  const { namespace = "" } = metadata;
  if (kind.namespaced) {
    if (namespace === "") metadata.namespace = place.namespace ?? "";
    else if (namespace !== place.namespace) {
      throw badRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    }
  } else delete metadata.namespace;
  const { name } = place;
  if (name === undefined) return;
  if (!metadata.name) {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
}

/** What only the server knows of a new object. */
export interface SystemFields {
  readonly now: Date;
  /** A random one unless given. */
  readonly uid?: string;
  readonly random?: () => number;
}

/** Gives a new object its uid, creation time and, with a generateName, its name. */
export function fillSystemMetadata(object: KubeObject, { now, uid, random }: SystemFields): void {
  const { metadata } = object;
  metadata.uid = uid ?? randomUUID();
  metadata.creationTimestamp = formatTime(now);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName, random);
}

import { type FieldError, invalid, notSupported } from "../../objects/field-errors.ts";
import { DELETE_OPTIONS } from "../../objects/kinds.ts";
import { badRequest, invalidObject } from "../../objects/status.ts";
import type { Call } from "../http/call.ts";
import { isTrue } from "../http/paths.ts";
import { readPlain } from "./body.ts";
import { dryRunErrors } from "./options.ts";

/** What becomes of the dependents of an object that is deleted. */
export type Propagation = "Foreground" | "Background" | "Orphan";

/** `meta.k8s.io` DeleteOptions, from the body or else from the query. */
export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: Propagation | undefined;
  readonly dryRun: boolean;
  /** Whether dependents are to go too by the old parameter `orphanDependents=false`. */
  readonly cascades?: boolean;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Reads the options of a deletion. @throws ApiError 400 when malformed, 422 when a value is not known */
export async function readDeleteOptions(call: Call): Promise<DeleteOptions> {
  const body = await readPlain(call, DELETE_OPTIONS);
  return optionsOf(body === undefined ? fromQuery(call.query) : asOptions(body));
}

type Raw = Record<string, unknown>;

function asOptions(value: unknown): Raw {
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw badRequest("couldn't get version/kind; json parse error: DeleteOptions must be an object");
  }
  return value as Raw;
}

function fromQuery(query: URLSearchParams): Raw {
  const grace = query.get("gracePeriodSeconds");
  return {
    ...(grace === null || grace === "" ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(query.get("propagationPolicy") ? { propagationPolicy: query.get("propagationPolicy") } : {}),
    ...(query.has("orphanDependents") ? { orphanDependents: isTrue(query.get("orphanDependents")) } : {}),
    ...(query.has("dryRun") ? { dryRun: query.getAll("dryRun") } : {}),
  };
}

/** Checks options that were parsed. @throws ApiError 400, 422 */
export function optionsOf(raw: Raw): DeleteOptions {
  const {
    gracePeriodSeconds: grace,
    propagationPolicy: policy,
    orphanDependents: orphan,
    preconditions,
  } = raw;
  if (grace !== undefined && grace !== null && !Number.isSafeInteger(grace))
    throw malformed("gracePeriodSeconds");
  if (policy !== undefined && policy !== null && typeof policy !== "string")
    throw malformed("propagationPolicy");
  if (raw["dryRun"] !== undefined && raw["dryRun"] !== null && !Array.isArray(raw["dryRun"]))
    throw malformed("dryRun");
  const dryRun = (raw["dryRun"] ?? []) as string[];
  const errors = [...policyErrors(policy as string | undefined, orphan), ...dryRunErrors(dryRun)];
  if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind: "DeleteOptions" }, "", errors);
  const orphaned = orphan === true ? "Orphan" : orphan === false ? "Background" : undefined;
  return {
    gracePeriodSeconds: (grace ?? undefined) as number | undefined,
    propagation: ((policy as Propagation | null | undefined) ?? orphaned) as Propagation | undefined,
    dryRun: dryRun.length > 0,
    cascades: orphan === false,
    preconditions: preconditionsOf(preconditions),
  };
}

function policyErrors(policy: string | undefined | null, orphan: unknown): FieldError[] {
  if (policy === undefined || policy === null) return [];
  if (orphan !== undefined && orphan !== null) {
    const text = "orphanDependents and deletionPropagation cannot be both set";
    return [invalid("propagationPolicy", policy, text)];
  }
  const known = ["Foreground", "Background", "Orphan"];
  return known.includes(policy) ? [] : [notSupported("propagationPolicy", policy, [...known, "nil"])];
}

function preconditionsOf(value: unknown): { uid?: string; resourceVersion?: string } {
  if (value === undefined || value === null) return {};
  const { uid, resourceVersion } = value as Raw;
  if (
    typeof value !== "object" ||
    ![uid, resourceVersion].every((part) => part == null || typeof part === "string")
  ) {
    throw malformed("preconditions");
  }
  return {
    ...(uid == null ? {} : { uid: uid as string }),
    ...(resourceVersion == null ? {} : { resourceVersion: resourceVersion as string }),
  };
}

function malformed(field: string): Error {
  return badRequest(
    `DeleteOptions in version "v1" cannot be handled as a DeleteOptions: bad value of ${field}`,
  );
}

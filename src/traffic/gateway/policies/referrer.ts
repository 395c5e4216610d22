/** A policy as that which refers to backends. */
import { newNeeds, type RouteContext } from "../routes/context.ts";
import type { RecordingReferences } from "../routes/types.ts";
import type { PolicyObject } from "./types.ts";

/** What references of a policy are resolved with; what it needs and what is wrong with them is gathered there. */
export function referrer({ metadata }: PolicyObject, references: RecordingReferences): RouteContext {
  const { name, namespace = "" } = metadata;
  return {
    kind: "HTTPRoute",
    namespace,
    name,
    key: `${namespace}/${name}`,
    createdAt: "",
    references,
    needs: newNeeds(),
    badReferences: [],
    notes: [],
    backendTlsPolicies: new Set(),
  };
}

import { badRequest } from "../../objects/status.ts";

/** The revision of a continuation in whatever state is the newest: for lists whose own is no longer known. */
export const NEWEST = -1;

/** Where a paged list goes on: behind a key, in the state of a revision. */
export interface Continuation {
  readonly revision: number;
  readonly after: string;
}

/** The token of a continuation: unpadded base64url of JSON, as the real one; clients do not look inside. */
export function encodeContinue({ revision, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: after })).toString(
    "base64url",
  );
}

/** Reads a token. Its key must lie under the prefix of the list. @throws ApiError 400 */
export function decodeContinue(token: string, prefix: string): Continuation {
  const bad = token.search(/[^A-Za-z0-9_-]/);
  if (bad >= 0 || token.length % 4 === 1) {
    throw invalidToken(`illegal base64 data at input byte ${bad >= 0 ? bad : token.length - 1}`);
  }
  let parsed: { v?: unknown; rv?: unknown; start?: unknown } | null;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    throw invalidToken("it is not JSON");
  }
  const { v, rv, start } = parsed ?? {};
  if (v !== "meta.k8s.io/v1") {
    throw invalidToken(`server does not recognize this encoded version ${v ?? ""}`.trimEnd());
  }
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0 || rv < NEWEST) {
    throw invalidToken("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  }
  if (start === undefined || start === "") {
    throw invalidToken("encoded start key empty (version meta.k8s.io/v1)");
  }
  if (typeof start !== "string" || !start.startsWith(prefix))
    throw invalidToken("it belongs to another list");
  return { revision: rv, after: start };
}

function invalidToken(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

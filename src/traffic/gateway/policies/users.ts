/** Who may come in by name and password: the users of a Secret, put into the policy that names it. Pure. */
import type { Secret } from "../../../objects/types.ts";
import type { CompiledPolicy } from "./compile.ts";
import type { References } from "../routes/types.ts";
import type { PolicyObject } from "./types.ts";

/** The key that Secrets with users have, here as in Envoy Gateway. */
export const USERS_KEY = ".htpasswd";

/** A policy with what its Secret holds. */
export interface WithUsers {
  readonly compiled: CompiledPolicy;
  /** Differs whenever what the Secret holds may; empty where none is named. */
  readonly id: string;
}

/** The policy with the users of its Secret in it; what is wrong with the Secret is a problem of the policy. */
export function withUsers(
  policy: PolicyObject,
  compiled: CompiledPolicy,
  references: Pick<References, "secret">,
): WithUsers {
  if (compiled.usersFrom === undefined) return { compiled, id: "" };
  const key = `${policy.metadata.namespace ?? ""}/${compiled.usersFrom}`;
  const secret = references.secret(key);
  const { users, problem } = secret === undefined ? NONE : usersOf(secret);
  const id = ` ${key}@${secret === undefined ? "" : versionOf(secret)}`;
  if (users !== undefined)
    return { compiled: { ...compiled, route: { ...compiled.route, basicUsers: users } }, id };
  return { compiled: { problems: [`spec.basicAuth.users: Secret ${key}: ${problem}`], notes: [] }, id };
}

/** Lines of htpasswd, or what is wrong with them. */
interface Users {
  readonly users?: string;
  readonly problem?: string;
}

const NONE: Users = { problem: "it does not exist" };

function versionOf({ metadata, data }: Secret): string {
  const { uid, resourceVersion } = metadata;
  return resourceVersion === undefined ? JSON.stringify(data) : `${uid}/${resourceVersion}`;
}

const known = new WeakMap<Secret, Users>();

/** Objects never change, so each is read once. */
function usersOf(secret: Secret): Users {
  const result = known.get(secret) ?? readUsers(secret.data?.[USERS_KEY]);
  known.set(secret, result);
  return result;
}

/** Lines are not quoted in what is said of them: they are secrets. */
function readUsers(data: string | undefined): Users {
  if (data === undefined) return { problem: `it has no key ${USERS_KEY}` };
  const lines = Buffer.from(data, "base64")
    .toString("utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0) return { problem: `${USERS_KEY} has no user` };
  const names = new Set<string>();
  for (const [index, line] of lines.entries()) {
    const problem = problemOf(line, names);
    if (problem !== undefined) return { problem: `${USERS_KEY}, user ${index + 1}: ${problem}` };
  }
  return { users: `${lines.join("\n")}\n` };
}

/** What Envoy would refuse (envoy.extensions.filters.http.basic_auth.v3: SHA-1 alone, 20 bytes in base64). */
function problemOf(line: string, names: Set<string>): string | undefined {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  if (name === "") return "not NAME:{SHA}HASH";
  if (names.has(name)) return "the name is there before";
  names.add(name);
  if (!/^\{SHA\}[A-Za-z0-9+/]{27}=$/.test(line.slice(colon + 1)))
    return "the hash is not of SHA-1 as htpasswd -s makes it";
  return undefined;
}

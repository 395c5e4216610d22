import type { IncomingMessage } from "node:http";
import { badRequest } from "../../objects/status.ts";
import type { ResourceAttributes } from "./attributes.ts";
import type { Authorizer } from "./authorizer.ts";
import { forbidden } from "./forbidden.ts";
import { ANONYMOUS, AUTHENTICATED, accountGroups, accountOf, UNAUTHENTICATED, type User } from "./user.ts";

const EXTRA_PREFIX = "impersonate-extra-";

/** What the headers Impersonate-User, -Group, -Uid and -Extra-… ask for. */
interface Wish {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/**
 * The user that a request is to be answered as: another one where its headers say so, and its own user may impersonate
 * all that they name (apiserver's filters/impersonation).
 * @throws ApiError 403, or 400 when the headers name no user
 */
export function impersonate(request: IncomingMessage, user: User, authorizer: Authorizer): User {
  const wish = wishOf(request);
  if (wish === undefined) return user;
  for (const wanted of attributesOf(wish)) {
    const { allowed, reason } = authorizer.decide(user, wanted);
    if (!allowed) throw forbidden(user, wanted, reason);
  }
  const { uid, extra } = wish;
  return {
    name: wish.user,
    groups: groupsOf(wish),
    ...(uid === "" ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function wishOf(request: IncomingMessage): Wish | undefined {
  if (!Object.keys(request.headers).some((name) => name.startsWith("impersonate-"))) return undefined;
  const { headersDistinct } = request;
  const extra: Record<string, readonly string[]> = {};
  for (const [name, values] of Object.entries(headersDistinct)) {
    if (name.startsWith(EXTRA_PREFIX)) extra[keyOf(name.slice(EXTRA_PREFIX.length))] = values ?? [];
  }
  const user = headersDistinct["impersonate-user"]?.[0] ?? "";
  const uid = headersDistinct["impersonate-uid"]?.[0] ?? "";
  const groups = headersDistinct["impersonate-group"] ?? [];
  if (user !== "") return { user, uid, groups, extra };
  if (uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  throw badRequest("requested to impersonate a group, uid or extra without impersonating a user name");
}

/** Keys may be percent-encoded, because headers cannot carry all characters. */
function keyOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function attributesOf({ user, uid, groups, extra }: Wish): ResourceAttributes[] {
  const nothing = { verb: "impersonate", group: "", subresource: "", namespace: "" };
  const account = accountOf(user);
  const authentication = { ...nothing, group: "authentication.k8s.io" };
  return [
    account === undefined
      ? { ...nothing, resource: "users", name: user }
      : { ...nothing, resource: "serviceaccounts", ...account },
    ...groups.map((name) => ({ ...nothing, resource: "groups", name })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((name) => ({ ...authentication, resource: "userextras", subresource, name })),
    ),
    ...(uid === "" ? [] : [{ ...authentication, resource: "uids", name: uid }]),
  ];
}

/** Groups that are named count as they are; otherwise they follow from the user. */
function groupsOf({ user, groups }: Wish): string[] {
  const account = accountOf(user);
  const known = groups.length === 0 && account !== undefined ? accountGroups(account.namespace) : [...groups];
  if (known.includes(AUTHENTICATED) || known.includes(UNAUTHENTICATED)) return known;
  return [...known, user === ANONYMOUS.name ? UNAUTHENTICATED : AUTHENTICATED];
}

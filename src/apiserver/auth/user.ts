/** Who a request comes from. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  /** What else is known, by names such as `authentication.kubernetes.io/pod-name`. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The group that may do everything, whatever the roles say. */
export const MASTERS = "system:masters";
/** The group of all that showed who they are. */
export const AUTHENTICATED = "system:authenticated";
/** The group of those that showed nothing. */
export const UNAUTHENTICATED = "system:unauthenticated";

/** Whoever shows nothing. */
export const ANONYMOUS: User = { name: "system:anonymous", groups: [UNAUTHENTICATED] };

const ACCOUNT = "system:serviceaccount:";

/** The name of a ServiceAccount as a user. */
export function accountUserName(namespace: string, name: string): string {
  return `${ACCOUNT}${namespace}:${name}`;
}

/** The groups of a namespace's ServiceAccounts. */
export function accountGroups(namespace: string): string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

/** The ServiceAccount that a user's name stands for; undefined when it stands for none. */
export function accountOf(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(ACCOUNT)) return undefined;
  const [namespace = "", name = "", ...more] = userName.slice(ACCOUNT.length).split(":");
  return namespace === "" || name === "" || more.length > 0 ? undefined : { namespace, name };
}

/** Who a request comes from. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

/** Whoever shows nothing. */
export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** Whether a user showed who they are. */
export function isAuthenticated(user: User): boolean {
  return user.groups.includes("system:authenticated");
}

import type { ObjectMeta } from "../../../objects/types.ts";
import { accountUserName } from "../user.ts";

/** Who issues the tokens, and whom they are for unless they say otherwise (--service-account-issuer). */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

/** An object that a token is bound to: it is void once that is gone. */
export interface BoundRef {
  readonly name: string;
  readonly uid?: string;
}

/** The claims of a ServiceAccount's token, as the real server writes them (pkg/serviceaccount/claims.go). */
export interface AccountClaims {
  readonly aud: readonly string[];
  /** Seconds since 1970, as the other times here. */
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly node?: BoundRef;
    readonly pod?: BoundRef;
    readonly secret?: BoundRef;
    readonly serviceaccount: BoundRef;
    readonly warnafter?: number;
  };
  readonly nbf: number;
  readonly sub: string;
}

/** What a new token is to say. */
export interface TokenTerms {
  readonly account: ObjectMeta;
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly bound: { readonly pod?: BoundRef; readonly secret?: BoundRef; readonly node?: BoundRef };
  /** Seconds after which its use is old-fashioned, though it still holds. */
  readonly warnAfter?: number;
}

/** The claims of a new token. `id` must be one of its own. */
export function claimsOf(terms: TokenTerms, now: Date, id: string): AccountClaims {
  const { account, audiences, seconds, bound, warnAfter } = terms;
  const at = Math.floor(now.getTime() / 1000);
  const namespace = account.namespace ?? "";
  const { node, pod, secret } = bound;
  return {
    aud: audiences,
    exp: at + seconds,
    iat: at,
    iss: ISSUER,
    jti: id,
    "kubernetes.io": {
      namespace,
      ...(node === undefined ? {} : { node }),
      ...(pod === undefined ? {} : { pod }),
      ...(secret === undefined ? {} : { secret }),
      serviceaccount: { name: account.name, ...(account.uid === undefined ? {} : { uid: account.uid }) },
      ...(warnAfter === undefined ? {} : { warnafter: at + warnAfter }),
    },
    nbf: at,
    sub: accountUserName(namespace, account.name),
  };
}

/** Whether verified claims have the form above; what another program signed with the key may not. */
export function isAccountClaims(value: unknown): value is AccountClaims {
  if (typeof value !== "object" || value === null) return false;
  const claims = value as Partial<AccountClaims>;
  const own = claims["kubernetes.io"];
  return (
    typeof claims.exp === "number" &&
    Array.isArray(claims.aud) &&
    typeof own?.namespace === "string" &&
    typeof own.serviceaccount?.name === "string" &&
    claims.sub === accountUserName(own.namespace, own.serviceaccount.name)
  );
}

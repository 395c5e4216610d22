import type { IncomingMessage } from "node:http";
import type { Store } from "../../store/contract.ts";
import { Authenticator } from "./authenticate.ts";
import { Authorizer } from "./authorizer.ts";
import { impersonate } from "./impersonate.ts";
import { Policy } from "./rbac/policy.ts";
import { AccountTokens } from "./tokens/account-tokens.ts";
import type { SigningKey } from "./tokens/key.ts";
import type { StaticTokens } from "./tokens/static-tokens.ts";
import type { User } from "./user.ts";

/** Who requests come from, and what they may do. */
export interface Access {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly accountTokens: AccountTokens;
  readonly signingKey: SigningKey;
  /** The user that a request is answered as. @throws ApiError 401, 403 */
  identify(request: IncomingMessage): User;
  /** Stops following the store. */
  close(): void;
}

/** What access is decided from. */
export interface AccessOptions {
  readonly store: Store<string>;
  readonly staticTokens: StaticTokens;
  readonly signingKey: SigningKey;
  readonly now: () => Date;
}

/** Puts authentication and authorization together over a store. */
export function createAccess({ store, staticTokens, signingKey, now }: AccessOptions): Access {
  const policy = new Policy(store);
  const accountTokens = new AccountTokens(store, signingKey, now);
  const authenticator = new Authenticator(staticTokens, accountTokens);
  const authorizer = new Authorizer(policy);
  return {
    authenticator,
    authorizer,
    accountTokens,
    signingKey,
    identify: (request) => impersonate(request, authenticator.authenticate(request), authorizer),
    close: () => policy.close(),
  };
}

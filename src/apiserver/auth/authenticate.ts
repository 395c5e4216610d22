import type { IncomingMessage } from "node:http";
import { ApiError } from "../../objects/status.ts";
import { userOfConnection } from "./certificate.ts";
import type { AccountTokens } from "./tokens/account-tokens.ts";
import { ISSUER } from "./tokens/claims.ts";
import type { StaticTokens } from "./tokens/static-tokens.ts";
import { ANONYMOUS, type User } from "./user.ts";

/** Finds out who a request comes from. */
export class Authenticator {
  readonly #static: StaticTokens;
  readonly #accounts: AccountTokens;

  constructor(staticTokens: StaticTokens, accounts: AccountTokens) {
    this.#static = staticTokens;
    this.#accounts = accounts;
  }

  /**
   * The user of a request: by a client certificate of the cluster's CA (CN is the name, O the groups), or by a bearer
   * token, else anonymous.
   * @throws ApiError 401 for a certificate or a token that nobody has
   */
  authenticate(request: IncomingMessage): User {
    const certified = userOfConnection(request.socket);
    if (typeof certified === "object") return certified;
    const token = bearerOf(request);
    if (token !== undefined) {
      const verdict = this.checkToken(token);
      if ("user" in verdict) return verdict.user;
      throw unauthorized();
    }
    if (certified === "invalid") throw unauthorized();
    return ANONYMOUS;
  }

  /** Checks a token for some audiences, or for this API server. */
  checkToken(
    token: string,
    audiences: readonly string[] = [ISSUER],
  ): { user: User; audiences: readonly string[] } | { error: string } {
    const user = audiences.includes(ISSUER) ? this.#static.find(token) : undefined;
    if (user !== undefined) return { user, audiences: [ISSUER] };
    const verdict = this.#accounts.check(token, audiences);
    if (verdict === undefined) return { error: "invalid bearer token" };
    return "error" in verdict ? { error: `[invalid bearer token, ${verdict.error}]` } : verdict;
  }
}

/** In `Authorization: Bearer …`, or for browsers' WebSockets, which cannot set it, among their protocols. */
function bearerOf({ headers }: IncomingMessage): string | undefined {
  const token = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  if (token !== undefined) return token;
  const protocols = headers["sec-websocket-protocol"] ?? "";
  const encoded = /(?:^|,)\s*base64url\.bearer\.authorization\.k8s\.io\.([\w-]+)\s*(?:,|$)/.exec(
    protocols,
  )?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64url").toString("utf8");
}

/** 401, as the real server words it. */
function unauthorized(): ApiError {
  return new ApiError({ message: "Unauthorized", reason: "Unauthorized", code: 401 });
}

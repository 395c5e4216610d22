import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { ApiError } from "../../objects/status.ts";
import { ANONYMOUS, type User } from "./user.ts";

/** The users of bearer tokens. Tokens are kept as digests, so that comparing them tells nothing by its time. */
export class TokenUsers {
  readonly #users: { readonly digest: Buffer; readonly user: User }[] = [];

  add(token: string, user: User): void {
    this.#users.push({ digest: digestOf(token), user });
  }

  find(token: string): User | undefined {
    const digest = digestOf(token);
    return this.#users.find((entry) => timingSafeEqual(entry.digest, digest))?.user;
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/**
 * The user of a request: by its bearer token, or by a client certificate of the cluster's CA (CN is the name, O the
 * groups), else anonymous.
 * @throws ApiError 401 for a token that nobody has
 */
export function authenticate(request: IncomingMessage, tokens: TokenUsers): User {
  const header = request.headers.authorization;
  const token = header === undefined ? undefined : /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (token !== undefined) {
    const user = tokens.find(token);
    if (user === undefined) throw unauthorized();
    return user;
  }
  return userOfCertificate(request.socket as TLSSocket) ?? ANONYMOUS;
}

function userOfCertificate(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  if (typeof subject?.CN !== "string") return undefined;
  const organizations: readonly string[] = subject.O === undefined ? [] : [subject.O].flat();
  return { name: subject.CN, groups: [...organizations, "system:authenticated"] };
}

/** 401, as the real server words it. */
export function unauthorized(): ApiError {
  return new ApiError({ message: "Unauthorized", reason: "Unauthorized", code: 401 });
}

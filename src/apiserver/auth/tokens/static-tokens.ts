import { createHash } from "node:crypto";
import type { User } from "../user.ts";

/** Bearer tokens that a file or the server itself gives to users. Kept as digests, so that looking one up tells nothing. */
export class StaticTokens {
  readonly #users = new Map<string, User>();

  add(token: string, user: User): void {
    this.#users.set(digestOf(token), user);
  }

  find(token: string): User | undefined {
    return this.#users.get(digestOf(token));
  }
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

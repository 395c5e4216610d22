import { createHash, randomUUID } from "node:crypto";
import { KINDS, type Kind } from "../../../objects/kinds.ts";
import type { KubeObject } from "../../../objects/types.ts";
import type { Store } from "../../../store/contract.ts";
import { keyOf } from "../../registry/keys.ts";
import { AUTHENTICATED, accountGroups, type User } from "../user.ts";
import {
  type AccountClaims,
  type BoundRef,
  claimsOf,
  ISSUER,
  isAccountClaims,
  type TokenTerms,
} from "./claims.ts";
import { signJwt, verifyJwt } from "./jwt.ts";
import type { SigningKey } from "./key.ts";

/** What a token says of whoever shows it: the user and the audiences that it holds for, or why it does not hold. */
export type TokenVerdict =
  | { readonly user: User; readonly audiences: readonly string[] }
  | { readonly error: string };

/** Tokens remembered as verified; beyond that, the oldest are forgotten and verified anew when they come again. */
const MAX_REMEMBERED = 1000;
/** How long after its deletion an account's or a pod's token still holds; clocks differ that much. */
const LEEWAY_MS = 60_000;

/** Issues the tokens of ServiceAccounts and checks them against the accounts and pods that are stored now. */
export class AccountTokens {
  readonly #store: Store<string>;
  readonly #key: SigningKey;
  readonly #now: () => Date;
  readonly #verified = new Map<string, AccountClaims>();

  constructor(store: Store<string>, key: SigningKey, now: () => Date) {
    this.#store = store;
    this.#key = key;
    this.#now = now;
  }

  /** Issues a token. */
  issue(terms: TokenTerms): string {
    return signJwt(this.#key, claimsOf(terms, this.#now(), randomUUID()));
  }

  /** Checks a token; undefined when it is none of this cluster's at all. */
  check(token: string, audiences: readonly string[] = [ISSUER]): TokenVerdict | undefined {
    const claims = this.#claimsOf(token);
    if (claims === undefined) return undefined;
    const now = this.#now();
    const common = audiences.filter((audience) => claims.aud.includes(audience));
    if (common.length === 0) {
      const [own, target] = [claims.aud, audiences].map((list) => `[${list!.map(quote).join(" ")}]`);
      return { error: `token audiences ${own} is invalid for the target audiences ${target}` };
    }
    if (now.getTime() >= claims.exp * 1000 + LEEWAY_MS) return { error: "service account token has expired" };
    const error = this.#whyVoid(claims, now);
    return error === undefined ? { user: userOf(claims), audiences: common } : { error };
  }

  /** Verified claims; a signature is checked once per token. */
  #claimsOf(token: string): AccountClaims | undefined {
    const digest = createHash("sha256").update(token).digest("base64");
    const known = this.#verified.get(digest);
    if (known !== undefined) return known;
    const claims = verifyJwt(this.#key, token);
    if (!isAccountClaims(claims) || claims.iss !== ISSUER) return undefined;
    if (this.#verified.size >= MAX_REMEMBERED) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(digest, claims);
    return claims;
  }

  #whyVoid(claims: AccountClaims, now: Date): string | undefined {
    const { namespace, serviceaccount, pod, secret, node } = claims["kubernetes.io"];
    const account = this.#read(KINDS.ServiceAccount, namespace, serviceaccount.name);
    const { name } = serviceaccount;
    if (account === undefined) return `serviceaccounts ${quote(name)} not found`;
    if (isGone(account, now)) return `service account ${namespace}/${name} has been deleted`;
    const { uid } = account.metadata;
    if (uid !== serviceaccount.uid) {
      return `service account UID (${uid}) does not match claim (${serviceaccount.uid})`;
    }
    if (pod !== undefined) return this.#whyUnbound(KINDS.Pod, namespace, pod, now);
    if (secret !== undefined) return this.#whyUnbound(KINDS.Secret, namespace, secret, now);
    return node === undefined ? undefined : this.#whyUnbound(KINDS.Node, undefined, node, now);
  }

  #whyUnbound(kind: Kind, namespace: string | undefined, ref: BoundRef, now: Date): string | undefined {
    const object = this.#read(kind, namespace, ref.name);
    if (object === undefined || isGone(object, now)) return "service account token has been invalidated";
    if (object.metadata.uid === ref.uid) return undefined;
    const what = `service account ${kind.singular} ref claim`;
    return `${kind.singular} UID (${object.metadata.uid}) does not match ${what} (${ref.uid})`;
  }

  #read(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined {
    const entry = this.#store.get(keyOf(kind, namespace, name));
    return entry && (JSON.parse(entry.value) as KubeObject);
  }
}

function isGone({ metadata }: KubeObject, now: Date): boolean {
  const { deletionTimestamp } = metadata;
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < now.getTime() - LEEWAY_MS;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

const EXTRA = "authentication.kubernetes.io/";

function userOf(claims: AccountClaims): User {
  const { namespace, serviceaccount, pod, node } = claims["kubernetes.io"];
  const extra: Record<string, string[]> = { [`${EXTRA}credential-id`]: [`JTI=${claims.jti}`] };
  if (node !== undefined) extra[`${EXTRA}node-name`] = [node.name];
  if (node?.uid !== undefined) extra[`${EXTRA}node-uid`] = [node.uid];
  if (pod !== undefined) extra[`${EXTRA}pod-name`] = [pod.name];
  if (pod?.uid !== undefined) extra[`${EXTRA}pod-uid`] = [pod.uid];
  return {
    name: claims.sub,
    ...(serviceaccount.uid === undefined ? {} : { uid: serviceaccount.uid }),
    groups: [...accountGroups(namespace), AUTHENTICATED],
    extra,
  };
}

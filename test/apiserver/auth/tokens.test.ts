import assert from "node:assert/strict";
import { createSign, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { AccountTokens } from "../../../src/apiserver/auth/tokens/account-tokens.ts";
import { ISSUER } from "../../../src/apiserver/auth/tokens/claims.ts";
import { signJwt, verifyJwt } from "../../../src/apiserver/auth/tokens/jwt.ts";
import { ensureSigningKey } from "../../../src/apiserver/auth/tokens/key.ts";
import { keyOf } from "../../../src/apiserver/registry/keys.ts";
import { type Kind, KINDS } from "../../../src/objects/kinds.ts";
import type { Store } from "../../../src/store/contract.ts";
import { createMemoryStore } from "../../../src/store/memory.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-tokens-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const key = ensureSigningKey(join(folder, "sa.key"));

test("the key is made once, for its owner alone, and says what is wrong with it", () => {
  assert.equal(statSync(join(folder, "sa.key")).mode & 0o077, 0);
  assert.equal(ensureSigningKey(join(folder, "sa.key")).id, key.id);
  const bad = join(folder, "bad.key");
  writeFileSync(bad, "no key");
  assert.throws(() => ensureSigningKey(bad), /cannot read the key for ServiceAccounts' tokens/);
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(bad, privateKey.export({ type: "pkcs8", format: "pem" }));
  assert.throws(() => ensureSigningKey(bad), /neither an RSA key nor an EC key/);
});

test("an RSA key of another installation signs RS256 that others can check", () => {
  const path = join(folder, "rsa.key");
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }));
  const rsa = ensureSigningKey(path);
  const token = signJwt(rsa, { a: 1 });
  assert.deepEqual(verifyJwt(rsa, token), { a: 1 });
  assert.deepEqual(JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString()), {
    alg: "RS256",
    kid: rsa.id,
  });
  assert.ok(publicKey);
});

test("only what the key signed, by its own algorithm, is believed", () => {
  const token = signJwt(key, { sub: "a" });
  const [head, body, signature] = token.split(".") as [string, string, string];
  assert.deepEqual(verifyJwt(key, token), { sub: "a" });
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const forged = [
    `${encode({ alg: "none" })}.${body}.`,
    `${head}.${encode({ sub: "b" })}.${signature}`,
    `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`,
    `${head}.${body}`,
    `${token}.x`,
    "",
    "a.b.c",
    `${encode({ alg: "HS256" })}.${body}.${signature}`,
    signJwt({ ...key, algorithm: "RS256" }, { sub: "a" }),
  ];
  for (const text of forged) assert.equal(verifyJwt(key, text), undefined, text);
  // a signature in DER, as openssl writes it, is no JWS signature
  const der = createSign("sha256").update(`${head}.${body}`).sign(key.privateKey).toString("base64url");
  assert.equal(verifyJwt(key, `${head}.${body}.${der}`), undefined);
  assert.equal(readFileSync(join(folder, "sa.key"), "utf8").includes("PRIVATE KEY"), true);
});

function put(store: Store<string>, kind: Kind, name: string, metadata: object = {}): Promise<void> {
  const own = { name, namespace: "n", uid: `${name}-1`, ...metadata };
  return store.transact((tx) => tx.put(keyOf(kind, "n", name), JSON.stringify({ metadata: own })));
}

interface Setting {
  readonly store: Store<string>;
  readonly tokens: AccountTokens;
  readonly pass: (seconds: number) => void;
}

async function setUp(): Promise<Setting> {
  const store = createMemoryStore();
  let now = Date.parse("2026-01-01T00:00:00Z");
  const tokens = new AccountTokens(store, key, () => new Date(now));
  await put(store, KINDS.ServiceAccount, "bot");
  await put(store, KINDS.Pod, "web");
  const pass = (seconds: number): void => {
    now += seconds * 1000;
  };
  return { store, tokens, pass };
}

const account = { name: "bot", namespace: "n", uid: "bot-1" };

test("a token names its account and groups, and lapses", async () => {
  const { tokens, pass, store } = await setUp();
  const token = tokens.issue({ account, audiences: [ISSUER], seconds: 600, bound: {} });
  const verdict = tokens.check(token);
  assert.ok(verdict !== undefined && "user" in verdict);
  assert.equal(verdict.user.name, "system:serviceaccount:n:bot");
  assert.equal(verdict.user.uid, "bot-1");
  assert.deepEqual(verdict.user.groups, [
    "system:serviceaccounts",
    "system:serviceaccounts:n",
    "system:authenticated",
  ]);
  assert.match(verdict.user.extra!["authentication.kubernetes.io/credential-id"]![0]!, /^JTI=[-0-9a-f]{36}$/);
  pass(661);
  assert.deepEqual(tokens.check(token), { error: "service account token has expired" });
  await store.close();
});

test("a token is void without its account, or with another one of the same name", async () => {
  const { tokens, store } = await setUp();
  const token = tokens.issue({ account, audiences: [ISSUER], seconds: 600, bound: {} });
  await put(store, KINDS.ServiceAccount, "bot", { uid: "bot-2" });
  assert.deepEqual(tokens.check(token), {
    error: "service account UID (bot-2) does not match claim (bot-1)",
  });
  await store.transact((tx) => tx.delete(keyOf(KINDS.ServiceAccount, "n", "bot")));
  assert.deepEqual(tokens.check(token), { error: 'serviceaccounts "bot" not found' });
  await store.close();
});

test("a pod's token names the pod and its node, and goes with it", async () => {
  const { tokens, store, pass } = await setUp();
  const pod = { name: "web", uid: "web-1" };
  const bound = { pod, node: { name: "node-1", uid: "node-1-1" } };
  const token = tokens.issue({ account, audiences: [ISSUER], seconds: 3600, bound });
  const verdict = tokens.check(token);
  assert.ok(verdict !== undefined && "user" in verdict);
  assert.deepEqual(verdict.user.extra!["authentication.kubernetes.io/pod-name"], ["web"]);
  assert.deepEqual(verdict.user.extra!["authentication.kubernetes.io/node-name"], ["node-1"]);
  await put(store, KINDS.Pod, "web", { deletionTimestamp: "2026-01-01T00:00:30Z" });
  assert.ok("user" in tokens.check(token)!);
  pass(120);
  assert.deepEqual(tokens.check(token), { error: "service account token has been invalidated" });
  await put(store, KINDS.Pod, "web", { uid: "web-2" });
  assert.match(JSON.stringify(tokens.check(token)), /pod UID \(web-2\) does not match/);
  await store.close();
});

test("a token is for its audiences only", async () => {
  const { tokens, store } = await setUp();
  const token = tokens.issue({ account, audiences: ["vault", "x"], seconds: 600, bound: {} });
  const verdict = tokens.check(token, ["x", "y"]);
  assert.deepEqual(verdict && "user" in verdict ? verdict.audiences : verdict, ["x"]);
  assert.deepEqual(tokens.check(token), {
    error: `token audiences ["vault" "x"] is invalid for the target audiences ["${ISSUER}"]`,
  });
  await store.close();
});

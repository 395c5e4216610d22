/** Tokens and keys that a SecurityPolicy asks for (`jwt`, `apiKeyAuth`): found, refused with what is wrong, followed. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { test } from "node:test";
import type { KubeObject } from "../../src/objects/types.ts";
import { emptyModel, isReport, objectsOf, take } from "./gateway/text.ts";
import { policy as anyPolicy, goodPolicy, ONE_ROUTE, schemaErrors } from "./gateway-policies-fixtures.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const RSA: JsonWebKey = { ...publicKey.export({ format: "jwk" }), kid: "a" };
const KEY_SET = JSON.stringify({ keys: [RSA] });
const base64 = (text: string) => Buffer.from(text).toString("base64");

function modelWith(spec: string, ...objects: KubeObject[]) {
  const model = emptyModel();
  for (const object of objectsOf(ONE_ROUTE)) if (!isReport(object)) take(model, object);
  const policy = goodPolicy("SecurityPolicy", "p", "Gateway g", spec);
  policy.metadata.namespace = "default";
  take(model, policy);
  for (const object of objects) take(model, object);
  const seen = () => {
    const { proxies, statuses } = model.flush();
    const proxy = proxies.get("default/g");
    const status = statuses.get("SecurityPolicy/default/p")?.status;
    const [ancestor] = status !== undefined && "ancestors" in status ? status.ancestors : [];
    const rule = proxy?.routeTables.get("http-80")?.hosts[0]?.rules[0];
    return { proxy, rule, accepted: ancestor?.conditions[0] };
  };
  return { model, seen, policy };
}

function holder(kind: "ConfigMap" | "Secret", name: string, data: Record<string, string>): KubeObject {
  const metadata = { name, namespace: "default", uid: name, resourceVersion: JSON.stringify(data) };
  const all = Object.entries(data).map(([key, text]) => [key, kind === "Secret" ? base64(text) : text]);
  return { apiVersion: "v1", kind, metadata, data: Object.fromEntries(all) } as KubeObject;
}

const configMap = (data: Record<string, string>) => holder("ConfigMap", "keys", data);
const BY_REF = "localJWKS: {type: ValueRef, valueRef: {kind: ConfigMap, name: keys}}";
const jwt = (rest: string) => `jwt: {providers: [{name: p, ${rest}}]}`;

test("a route asks for tokens by the keys that a ConfigMap has now, and lets nobody in without one", () => {
  const { model, seen } = modelWith(jwt(`issuer: me, audiences: [a], ${BY_REF}`));
  const states = () => {
    const { rule, proxy, accepted } = seen();
    const [asked] = proxy?.tokens?.values() ?? [];
    return [rule?.action.kind, rule?.policy?.tokens, asked?.providers[0]?.keys, accepted?.status];
  };
  assert.deepEqual(states(), ["answer", undefined, undefined, "False"]);
  take(model, configMap({ jwks: KEY_SET }));
  assert.deepEqual(states(), ["forward", "default/p", { inline: KEY_SET }, "True"]);
  const rule = seen().rule;
  const other = JSON.stringify({ keys: [{ ...RSA, kid: "b" }] });
  take(model, configMap({ jwks: other }), "updated");
  assert.deepEqual(states().slice(0, 3), ["forward", "default/p", { inline: other }]);
  assert.deepEqual(seen().rule, rule, "the route says the same");
  take(model, configMap({ jwks: "{}" }), "updated");
  assert.deepEqual(states().slice(0, 3), ["answer", undefined, undefined]);
  take(model, configMap({ a: KEY_SET, z: "no key set" }), "updated");
  assert.deepEqual(states()[3], "True", "without the key jwks the first counts, as in Envoy Gateway");
});

test("a URI's host is a destination of its own; its certificate is checked by its name", () => {
  const uri = (text: string) => `remoteJWKS: {uri: '${text}', cacheDuration: 1m}`;
  const { seen } = modelWith(jwt(uri("https://Login.example/keys?a=b")));
  const { proxy, accepted } = seen();
  assert.equal(accepted?.status, "True");
  const key = "jwks/default/p/https/login.example/443";
  const keys = { uri: "https://login.example/keys?a=b", destination: key, cachedFor: 60_000 };
  assert.deepEqual(proxy?.tokens?.get("default/p")?.providers[0]?.keys, keys);
  assert.deepEqual(proxy?.destinations.get(key), {
    key,
    target: { kind: "hosts", hosts: [{ hostname: "login.example", port: 443 }] },
    protocol: "http1",
    tls: { serverName: "login.example", trust: "system" },
    origins: [{ kind: "SecurityPolicy", key: "default/p" }],
  });
  assert.ok(proxy?.trust.has("system"));
  const plain = modelWith(jwt(uri("http://[2001:db8::1]:8080/")))
    .seen()
    .proxy?.destinations.get("jwks/default/p/http/2001:db8::1/8080");
  assert.deepEqual(plain?.target, { kind: "hosts", hosts: [{ addresses: ["2001:db8::1"], port: 8080 }] });
});

test("a Service may be asked instead of the URI's host", () => {
  const spec = jwt("remoteJWKS: {uri: 'https://login.example/', backendRefs: [{name: login, port: 80}]}");
  const { model, seen } = modelWith(spec);
  assert.equal(
    seen().accepted?.message,
    "spec.jwt.providers[0].remoteJWKS.backendRefs[0]: Service default/login does not exist",
  );
  const service = "{kind: Service, metadata: {name: login}, spec: {ports: [{port: 80, protocol: TCP}]}}";
  const login = objectsOf(service).find((object) => !isReport(object) && object.metadata.name === "login");
  assert.ok(login && !isReport(login));
  take(model, login);
  const { proxy, accepted } = seen();
  assert.ok(proxy?.destinations.has("service/default/login/80"));
  assert.match(accepted?.message ?? "", /is spoken to without TLS though the uri is of https/);
});

const RULE = (jwtPrincipal: string) =>
  `authorization: {rules: [{action: Allow, principal: {jwt: {${jwtPrincipal}}}}]}`;
const INLINE = (keys: unknown) => jwt(`localJWKS: {inline: '${JSON.stringify({ keys })}'}`);
const FIRST = "spec.jwt.providers[0]";

for (const [what, spec, message] of [
  ["no keys at all", jwt("issuer: a"), `${FIRST}: needs remoteJWKS`],
  [
    "no key set",
    jwt("localJWKS: {inline: '-----BEGIN'}"),
    `${FIRST}.localJWKS.inline: is no key set (RFC 7517)`,
  ],
  ["an empty set", INLINE([]), `${FIRST}.localJWKS.inline: has no key`],
  [
    "keys of other types and broken ones",
    INLINE([
      { kty: "EC", crv: "secp256k1" },
      { ...RSA, n: 5 },
      { ...RSA, alg: "ES256" },
      { kty: "oct", k: "?" },
    ]),
    `${FIRST}.localJWKS.inline: has no key that can be used: key 1 is of a type that is not known (EC secp256k1), ` +
      "key 2 is cut off or garbled, key 3 has an alg that RSA keys cannot have, key 4 has no k in base64url",
  ],
  ["no object", jwt(BY_REF), `${FIRST}.localJWKS.valueRef: ConfigMap default/keys: it does not exist`],
  [
    "another object",
    jwt("localJWKS: {type: ValueRef, valueRef: {kind: Pod, name: a}}"),
    `${FIRST}.localJWKS.valueRef: Pod is neither ConfigMap nor Secret`,
  ],
  [
    "half a union",
    jwt("localJWKS: {type: ValueRef, inline: a}"),
    `${FIRST}.localJWKS: type Inline has inline`,
  ],
  ["no host", jwt("remoteJWKS: {uri: 'https://'}"), `${FIRST}.remoteJWKS.uri: "https://" is no URI`],
  [
    "a password",
    jwt("remoteJWKS: {uri: 'https://a:b@c'}"),
    `${FIRST}.remoteJWKS.uri: "https://a:b@c" is no URI`,
  ],
  [
    "the proxy itself",
    jwt("remoteJWKS: {uri: 'http://127.0.0.1:19000/'}"),
    `${FIRST}.remoteJWKS.uri: 127.0.0.1 is`,
  ],
  [
    "the proxy by name",
    jwt("remoteJWKS: {uri: 'http://x.localhost/'}"),
    `${FIRST}.remoteJWKS.uri: x.localhost is`,
  ],
  [
    "mapped",
    jwt("remoteJWKS: {uri: 'http://[::ffff:127.0.0.1]/'}"),
    `${FIRST}.remoteJWKS.uri: ::ffff:7f00:1 is`,
  ],
  [
    "a certificate of an address",
    jwt("remoteJWKS: {uri: 'https://192.0.2.1/'}"),
    `${FIRST}.remoteJWKS.uri: of 192.0.2.1 no certificate can be checked by its name; name the host`,
  ],
  [
    "no time",
    jwt("remoteJWKS: {uri: 'https://a/', cacheDuration: 0s}"),
    `${FIRST}.remoteJWKS.cacheDuration: must be`,
  ],
  [
    "a name twice",
    `jwt: {providers: [{name: p, remoteJWKS: {uri: 'https://a/'}}, {name: p, remoteJWKS: {uri: 'https://a/'}}]}`,
    "spec.jwt.providers[1].name: p is there before",
  ],
  [
    "both ways to let in",
    "jwt: {optional: true, failOpen: true, providers: [{name: p, remoteJWKS: {uri: 'https://a/'}}]}",
    "spec.jwt.optional: failOpen lets in without a token as well",
  ],
  [
    "nothing to choose by",
    jwt("remoteJWKS: {uri: 'https://a/'}, recomputeRoute: true"),
    `${FIRST}.recomputeRoute: needs claimToHeaders`,
  ],
  [
    "another provider",
    `${jwt("remoteJWKS: {uri: 'https://a/'}")}, ${RULE("provider: q, scopes: [a]")}`,
    "spec.authorization.rules[0].principal.jwt.provider: q is none of spec.jwt.providers (p)",
  ],
  [
    "no provider",
    RULE("provider: q, scopes: [a]"),
    "spec.authorization.rules[0].principal.jwt.provider: q is none of spec.jwt.providers (there are none)",
  ],
  [
    "nothing of a token",
    `${jwt("remoteJWKS: {uri: 'https://a/'}")}, ${RULE("provider: p")}`,
    "spec.authorization.rules[0].principal.jwt: needs claims or scopes",
  ],
  [
    "no clients",
    "apiKeyAuth: {credentialRefs: [{name: none}], extractFrom: [{headers: [a]}]}",
    "spec.apiKeyAuth.credentialRefs[0]: Secret default/none: it does not exist",
  ],
  [
    "clients elsewhere",
    "apiKeyAuth: {credentialRefs: [{name: none, namespace: other}], extractFrom: [{headers: [a]}]}",
    "spec.apiKeyAuth.credentialRefs[0]: Secret other/none: it is in another namespace, where no ReferenceGrant",
  ],
  [
    "no Secret",
    "apiKeyAuth: {credentialRefs: [{kind: Pod, name: none}], extractFrom: [{headers: [a]}]}",
    "spec.apiKeyAuth.credentialRefs[0]: Pod is no Secret",
  ],
] as const)
  test(`a policy that cannot be kept is not valid, and closes: ${what}`, () => {
    const model = emptyModel();
    for (const object of objectsOf(ONE_ROUTE)) if (!isReport(object)) take(model, object);
    const policy = anyPolicy("SecurityPolicy", "p", "Gateway g", spec);
    policy.metadata.namespace = "default";
    take(model, policy);
    const { proxies, statuses } = model.flush();
    const status = statuses.get("SecurityPolicy/default/p")?.status;
    const [ancestor] = status !== undefined && "ancestors" in status ? status.ancestors : [];
    assert.equal(ancestor?.conditions[0]?.status, "False");
    const text = ancestor?.conditions[0]?.message ?? "";
    assert.equal(text.slice(0, message.length), message);
    const rule = proxies.get("default/g")?.routeTables.get("http-80")?.hosts[0]?.rules[0];
    assert.deepEqual(rule?.action, { kind: "answer", status: 500 });
    assert.equal(proxies.get("default/g")?.tokens, undefined);
  });

test("a private key in a set is a key as any other; only one must be good", () => {
  const keys = [{ kty: "EC", crv: "secp256k1" }, { ...privateKey.export({ format: "jwk" }) }];
  assert.equal(modelWith(INLINE(keys)).seen().accepted?.status, "True");
});

test("an address of a family that the cluster lacks cannot be asked", () => {
  const model = emptyModel({ clusterFamilies: ["IPv4"] });
  for (const object of objectsOf(ONE_ROUTE)) if (!isReport(object)) take(model, object);
  const policy = goodPolicy(
    "SecurityPolicy",
    "p",
    "Gateway g",
    jwt("remoteJWKS: {uri: 'http://[2001:db8::1]/'}"),
  );
  policy.metadata.namespace = "default";
  take(model, policy);
  const status = model.flush().statuses.get("SecurityPolicy/default/p")?.status;
  const [ancestor] = status !== undefined && "ancestors" in status ? status.ancestors : [];
  assert.match(
    ancestor?.conditions[0]?.message ?? "",
    /2001:db8::1 cannot be reached: the cluster has only IPv4/,
  );
});

const CLIENTS =
  "apiKeyAuth: {credentialRefs: [{name: one}, {name: two}], sanitize: true, extractFrom: [{headers: [X-Key, X-Other]}, {cookies: [k]}]}";

test("clients are those of all Secrets, of one name those of the first; keys are trimmed", () => {
  const { seen, model } = modelWith(CLIENTS, holder("Secret", "one", { bob: "b\n", ann: "a" }));
  assert.match(seen().accepted?.message ?? "", /credentialRefs\[1\]: Secret default\/two: it does not exist/);
  take(model, holder("Secret", "two", { ann: "c", eve: "e" }));
  const { rule } = seen();
  assert.deepEqual(rule?.policy?.apiKeys, {
    from: [
      { in: "header", name: "X-Key" },
      { in: "header", name: "X-Other" },
      { in: "cookie", name: "k" },
    ],
    hidden: true,
    clients: [
      { name: "ann", key: "a" },
      { name: "bob", key: "b" },
      { name: "eve", key: "e" },
    ],
  });
  take(model, holder("Secret", "two", { eve: "a" }), "updated");
  const { accepted, rule: closed } = seen();
  assert.match(accepted?.message ?? "", /Secret default\/two: eve: ann has the same key/);
  assert.equal(closed?.action.kind, "answer");
});

test("a Secret of another type holds no clients", () => {
  const certificate = { ...holder("Secret", "one", { "tls.key": "a" }), type: "kubernetes.io/tls" };
  assert.match(
    modelWith(CLIENTS, certificate).seen().accepted?.message ?? "",
    /Secret default\/one: it is of type kubernetes.io\/tls; clients are in Secrets of type Opaque/,
  );
});

for (const [data, why] of [
  [{}, "it has no client"],
  [{ ann: "" }, "ann: the key is empty"],
  [{ ann: "a b" }, "ann: the key has blanks or other characters that requests do not carry"],
] as const)
  test(`a Secret that holds no keys: ${why}`, () => {
    const { seen } = modelWith(CLIENTS.replace(", {name: two}", ""), holder("Secret", "one", data));
    const message = `spec.apiKeyAuth.credentialRefs[0]: Secret default/one: ${why}`;
    assert.deepEqual(seen().accepted?.message, message);
  });

test("rules with tokens keep their order; those without are lists of networks as before", () => {
  const provider = jwt("remoteJWKS: {uri: 'https://a/'}");
  const rules = `authorization: {defaultAction: Allow, rules: [
    {action: Allow, principal: {clientCIDRs: ['::1/128', 127.0.0.1]}},
    {action: Deny, principal: {jwt: {provider: p, claims: [{name: a.b, valueType: StringArray, values: [x, y]}], scopes: [s]}}}]}`;
  assert.deepEqual(modelWith(`${provider}, ${rules}`).seen().rule?.policy?.access, {
    rules: [
      { action: "allow", sources: ["::1/128", "127.0.0.1/32"] },
      {
        action: "deny",
        token: {
          provider: "default/p/p",
          claims: [{ path: ["a", "b"], list: true, values: ["x", "y"] }],
          scopes: ["s"],
        },
      },
    ],
    otherwise: "allow",
  });
});

for (const [spec, error] of [
  ["authorization: {rules: [{action: Allow, principal: {}}]}", "needs clientCIDRs or jwt"],
  [jwt("issuer: a"), "one of remoteJWKS and localJWKS tells the keys"],
  [
    "apiKeyAuth: {credentialRefs: [{name: a}], extractFrom: [{headers: [a], params: [b]}]}",
    "has one of headers, params and cookies",
  ],
] as const)
  test(`the API server refuses ${spec}`, () => {
    const errors = schemaErrors(anyPolicy("SecurityPolicy", "p", "Gateway g", spec));
    assert.equal(errors.length, 1);
    assert.ok(errors[0]?.includes(error), errors[0]);
  });

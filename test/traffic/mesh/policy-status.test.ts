import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorOf } from "../../../src/traffic/mesh/telemetry.ts";
import type { MeshStatus } from "../../../src/traffic/mesh/index.ts";
import { emptyModels, type Models, objectsOf, take } from "./text.ts";

/** A policy made on a day of January. */
function policy(kind: string, name: string, day: number, spec: string, namespace = "demo"): string {
  return `
kind: ${kind}
apiVersion: tandem.dev/v1alpha1
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-0${day}T00:00:00Z" }
spec: { ${spec} }
---`;
}

const POD = `
kind: Pod
metadata: { name: cart, namespace: demo, labels: { app: cart } }
spec:
  nodeName: node-1
  initContainers: [{ name: tandem-proxy }]
  containers: [{ name: main, ports: [{ containerPort: 80 }] }]
status: { phase: Running, podIPs: [{ ip: 10.244.0.5 }, { ip: "fd00:10:244::5" }] }
---`;

function modelsOf(text: string): Models {
  const models = emptyModels();
  for (const object of objectsOf(text)) take(models, object);
  return models;
}

/** Conditions as lines, by policy. */
function said(statuses: ReadonlyMap<string, MeshStatus>): Record<string, string[]> {
  return Object.fromEntries(
    [...statuses].map(([id, { status }]) => [
      id,
      ("conditions" in status ? (status.conditions ?? []) : []).map(({ type, status: is, reason, message }) =>
        `${type}=${is} ${reason} ${message}`.trim(),
      ),
    ]),
  );
}

test("of MeshPolicies that contradict each other the oldest counts, and both statuses name the other", () => {
  const models = modelsOf(
    POD +
      policy("MeshPolicy", "b-late", 2, "mutualTls: Permissive, ports: [{ port: 80, mutualTls: Disabled }]") +
      policy("MeshPolicy", "c-early", 1, "mutualTls: Strict, unknownOutbound: Blocked") +
      policy("MeshPolicy", "pods", 3, "mutualTls: Permissive, selector: { matchLabels: { app: other } }"),
  );
  const changes = models.mesh.flush();
  assert.equal(changes.sidecars.get("demo/cart")?.mutualTls, "strict");
  assert.deepEqual(said(changes.statuses), {
    "MeshPolicy/demo/b-late": [
      "Accepted=True Accepted",
      "Conflicted=True Contradicts mutualTls: Permissive does not count for pods that demo/c-early is about as well, " +
        "which says Strict",
    ],
    "MeshPolicy/demo/c-early": [
      "Accepted=True Accepted",
      "Conflicted=True Contradicts mutualTls: Strict counts, and not what demo/b-late says for the same pods (Permissive)",
    ],
    "MeshPolicy/demo/pods": [
      "Accepted=True Accepted it is about no pod: none with a sidecar has the label app=other",
    ],
  });
});

test("of equal age the first by name counts; the contradiction ends with one of them", () => {
  const [one = "", other = ""] = ["a", "b"].map((name) =>
    policy("MeshPolicy", name, 1, `mutualTls: ${name === "a" ? "Disabled" : "Strict"}`),
  );
  const models = modelsOf(POD + other + one);
  assert.equal(models.mesh.flush().sidecars.get("demo/cart")?.mutualTls, "disabled");
  for (const object of objectsOf(one)) take(models, object, "deleted");
  const changes = models.mesh.flush();
  assert.equal(changes.sidecars.get("demo/cart")?.mutualTls, "strict");
  assert.deepEqual(said(changes.statuses), { "MeshPolicy/demo/b": ["Accepted=True Accepted"] });
});

test("selectors that no pod can match both do not contradict; those that one can, do", () => {
  const choose = (labels: string, mode: string) =>
    `mutualTls: ${mode}, selector: { matchLabels: { ${labels} } }`;
  const models = modelsOf(
    policy("MeshPolicy", "cart", 1, choose("app: cart", "Strict")) +
      policy("MeshPolicy", "shop", 2, choose("app: shop", "Disabled")) +
      policy("MeshPolicy", "blue", 3, choose("color: blue", "Strict, unknownOutbound: Blocked")),
  );
  const texts = said(models.mesh.flush().statuses);
  assert.match(
    texts["MeshPolicy/demo/shop"]?.[1] ?? "",
    /mutualTls: Disabled counts, and not what demo\/blue/,
  );
  assert.match(texts["MeshPolicy/demo/blue"]?.[1] ?? "", /mutualTls: Strict does not count .* demo\/shop/);
  assert.equal(texts["MeshPolicy/demo/cart"]?.length, 1);
});

test("a rule that allows what another policy denies never counts", () => {
  const rule = "rules: [{ from: [{ namespaces: [shop] }], to: [{ methods: [GET] }] }]";
  const models = modelsOf(
    policy("AuthorizationPolicy", "let", 1, `action: Allow, ${rule}`) +
      policy("AuthorizationPolicy", "keep-out", 2, `action: Deny, ${rule}`) +
      policy("AuthorizationPolicy", "else", 3, "action: Allow, rules: [{ from: [{ namespaces: [ops] }] }]"),
  );
  assert.deepEqual(said(models.mesh.flush().statuses), {
    "AuthorizationPolicy/demo/else": ["Accepted=True Accepted"],
    "AuthorizationPolicy/demo/keep-out": [
      "Accepted=True Accepted",
      "Conflicted=True Contradicts rules[0]: Deny counts, and not what demo/let says for the same pods (Allow in rules[0])",
    ],
    "AuthorizationPolicy/demo/let": [
      "Accepted=True Accepted",
      "Conflicted=True Contradicts rules[0]: Allow does not count for pods that demo/keep-out is about as well, " +
        "which says Deny in rules[0]",
    ],
  });
});

test("what cannot be read is named with where it is", () => {
  const models = modelsOf(
    policy(
      "AuthorizationPolicy",
      "ranges",
      1,
      'rules: [{ from: [{ cidrs: ["10.0.0.0/8", "1.2.3.999"] }] }]',
    ) + policy("MeshPolicy", "seen", 1, 'telemetry: { tracing: { endpoint: "otel:99999" } }'),
  );
  const texts = said(models.mesh.flush().statuses);
  assert.match(
    texts["AuthorizationPolicy/demo/ranges"]?.[0] ?? "",
    /^Accepted=False Invalid spec\.rules\[0\]\.from\[0\]\.cidrs: "1\.2\.3\.999" is no address/,
  );
  assert.match(
    texts["MeshPolicy/demo/seen"]?.[0] ?? "",
    /^Accepted=False Invalid spec\.telemetry\.tracing\.endpoint "otel:99999" is not host:port.*; no spans are sent/,
  );
});

/** The only sidecar's rules, and what its policy's status says, under one policy. */
function accessOf(spec: string): { rules: unknown; accepted: string } {
  const changes = modelsOf(POD + policy("AuthorizationPolicy", "who", 1, spec)).mesh.flush();
  return {
    rules: changes.sidecars.get("demo/cart")?.authorization.map(({ from }) => from),
    accepted: said(changes.statuses)["AuthorizationPolicy/demo/who"]?.[0] ?? "",
  };
}

test("a range that cannot be read lets nobody in who was not let in without it", () => {
  const everybody = [[{}]];
  const nobody = [[{ notCidrs: ["0.0.0.0/0", "::/0"] }]];
  const cases = [
    [
      "rules: [{ from: [{ cidrs: [10.0.0.0/8, 300.1.1.1] }] }]",
      [[{ cidrs: ["10.0.0.0/8"] }]],
      /it is left out/,
    ],
    ["rules: [{ from: [{ cidrs: [300.1.1.1] }] }]", nobody, /it is left out/],
    ["rules: [{ from: [{ notCidrs: [300.1.1.1] }] }]", nobody, /nobody is allowed by this/],
    [
      "action: Deny, rules: [{ from: [{ cidrs: [10.0.0.0/8, 300.1.1.1] }] }]",
      everybody,
      /callers of all addr/,
    ],
    ["action: Deny, rules: [{ from: [{ notCidrs: [300.1.1.1] }] }]", everybody, /it is left out/],
  ] as const;
  for (const [spec, rules, message] of cases) {
    const found = accessOf(spec);
    assert.deepEqual(found.rules, rules, spec);
    assert.match(found.accepted, /^Accepted=False Invalid/);
    assert.match(found.accepted, message);
  }
});

test("ranges of IPv4-mapped addresses are those of IPv4", () => {
  const { rules, accepted } = accessOf(
    'rules: [{ from: [{ cidrs: ["::ffff:10.1.2.3/104", "::ffff:1.2.3.4"] }] }]',
  );
  assert.deepEqual(rules, [[{ cidrs: ["10.0.0.0/8", "1.2.3.4/32"] }]]);
  assert.match(accepted, /^Accepted=True Accepted .*cidrs has no network of IPv6/);
  assert.match(
    accessOf('rules: [{ from: [{ cidrs: ["::ffff:10.0.0.0/24"] }] }]').accepted,
    /^Accepted=False/,
  );
});

test("what no caller and no request can be is said", () => {
  const problems = {
    "from: [{ identities: [c1/friend] }]": /from\[0\]\.identities: "c1\/friend" is the identity of nobody/,
    'from: [{ identities: ["system:serviceaccount:demo:shop"] }]': /identity of nobody/,
    'from: [{ identities: ["cluster.local/ns/*/sa/shop"] }]': /identity of nobody/,
    'from: [{ identities: ["demo/sa/*"] }]': /identity of nobody/,
    "from: [{ namespaces: [Shop] }]": /namespaces: "Shop" is no name of a namespace/,
    "to: [{ methods: [get] }]": /methods: "get" is compared as it stands/,
    "to: [{ paths: [cart] }]": /paths: "cart" does not begin with \//,
    'to: [{ paths: ["/a/*/b"] }]': /paths: "\/a\/\*\/b" has a \* that is neither first nor last/,
    'to: [{ paths: ["*x*"] }]': /neither first nor last/,
    'to: [{ paths: ["/a?b=c"] }]': /compared without/,
    'to: [{ hosts: ["http://a.example"] }]': /is no host/,
  };
  for (const [rule, message] of Object.entries(problems)) {
    const { accepted } = accessOf(`action: Deny, rules: [{ ${rule} }]`);
    assert.match(accepted, /^Accepted=False Invalid spec\.rules\[0\]/, rule);
    assert.match(accepted, message);
  }
  for (const rule of [
    'from: [{ identities: ["*", "*/sa/shop", "cluster.local/ns/demo/*", "cluster.local/ns/demo/sa/s*", "cluster*"] }]',
    'from: [{ identities: [cluster.local/ns/demo/sa/shop], namespaces: ["*", "sh*", a-1] }]',
    'to: [{ methods: [GET, "*"], paths: ["/", "*", "/a*", "*.key"], hosts: ["*", "a.*", "*.b", "a:80", "[fd00::1]"] }]',
  ])
    assert.equal(accessOf(`rules: [{ ${rule} }]`).accepted, "Accepted=True Accepted", rule);
});

test("a policy that chooses no pod says so, until there is one", () => {
  const choose = "selector: { matchLabels: { app: cart, tier: web } }";
  const policies =
    policy("MeshPolicy", "own", 1, choose) +
    policy("AuthorizationPolicy", "all", 1, choose, "tandem-system") +
    policy("AuthorizationPolicy", "elsewhere", 1, choose, "other");
  const models = modelsOf(POD + policies);
  const nobody = (label: string) => `it is about no pod: none with a sidecar has the label ${label}`;
  const all = {
    "MeshPolicy/demo/own": [`Accepted=True Accepted ${nobody("tier=web")}`],
    "AuthorizationPolicy/tandem-system/all": [
      `Accepted=True Accepted ${nobody("tier=web")}; without rules it allows nothing`,
    ],
  };
  assert.deepEqual(said(models.mesh.flush().statuses), {
    ...all,
    "AuthorizationPolicy/other/elsewhere": [
      `Accepted=True Accepted ${nobody("app=cart")}; ${nobody("tier=web")}; without rules it allows nothing`,
    ],
  });
  const [labelled] = objectsOf(POD.replace("app: cart", "app: cart, tier: web"));
  assert.ok(labelled);
  take(models, labelled, "updated");
  assert.deepEqual(said(models.mesh.flush().statuses), {
    "MeshPolicy/demo/own": ["Accepted=True Accepted"],
    "AuthorizationPolicy/tandem-system/all": ["Accepted=True Accepted without rules it allows nothing"],
  });
  for (const object of objectsOf(POD)) take(models, object, "updated");
  assert.deepEqual(said(models.mesh.flush().statuses), all);
});

test("what is valid and may surprise is said", () => {
  assert.equal(accessOf("action: Deny").accepted, "Accepted=True Accepted without rules it denies nothing");
  assert.equal(accessOf("").accepted, "Accepted=True Accepted without rules it allows nothing");
  assert.equal(
    accessOf("action: Deny, rules: [{ from: [{ cidrs: [0.0.0.0/0] }] }]").accepted,
    "Accepted=True Accepted spec.rules[0].from[0].cidrs has no network of IPv6: it holds for no caller that comes over " +
      "that family",
  );
});

test("where spans go may be said as OpenTelemetry's own settings say it", () => {
  const place = (endpoint: string, protocol: "GRPC" | "HTTP") => {
    const found = collectorOf(endpoint, protocol);
    return "problem" in found ? found.problem : `${found.host} ${found.port}`;
  };
  for (const [endpoint, said] of [
    ["otel.demo:4317", "otel.demo 4317"],
    ["[2001:db8::1]:4317", "2001:db8::1 4317"],
    ["http://otel.demo:80", "otel.demo 80"],
    ["HTTP://192.0.2.1:4318/", "192.0.2.1 4318"],
    ["http://[2001:db8::1]:4318/v1/traces", "2001:db8::1 4318"],
  ] as const)
    assert.equal(place(endpoint, "HTTP"), said);
  assert.equal(place("http://otel.demo:4317", "GRPC"), "otel.demo 4317");
  for (const [endpoint, problem] of [
    ["https://otel.demo:4318/v1/traces", /^asks for TLS/],
    ["grpc://otel.demo:4317", /^begins with grpc:\/\//],
    ["http://otel.demo:4318/otlp", /^ends with \/otlp/],
    ["http://otel.demo:4318?x=1", /^ends with \?x=1/],
    ["otel.demo:4318/v1/traces", /^ends with \/v1\/traces/],
    ["http://otel.demo", /^is not host:port/],
    ["http://me:secret@otel.demo:4318", /^is not host:port/],
    ["http://[192.0.2.1]:4318", /^is not host:port/],
    ["otel.demo:0", /^is not host:port/],
    ["", /^is not host:port/],
  ] as const)
    assert.match(place(endpoint, "HTTP"), problem);
  assert.match(
    place("http://otel.demo:4318/v1/traces", "GRPC"),
    /while protocol is GRPC; say protocol: HTTP/,
  );
});

test("what a sidecar refuses is in the status of the policy that it comes from, for as long as it does", () => {
  const models = modelsOf(POD + policy("MeshPolicy", "strict", 1, "mutualTls: Strict"));
  const first = models.mesh.flush();
  assert.deepEqual(first.sidecars.get("demo/cart")?.policies, ["demo/strict"]);
  let told = 0;
  models.mesh.onDirty(() => told++);
  models.mesh.setRefused("demo/cart", new Map([["MeshPolicy/demo/strict", "no such filter"]]));
  assert.equal(told, 1);
  assert.deepEqual(said(models.mesh.flush().statuses)["MeshPolicy/demo/strict"], [
    "Accepted=True Accepted",
    "Programmed=False Refused the sidecar of demo/cart refuses it: no such filter",
  ]);
  models.mesh.setRefused("demo/cart", new Map());
  assert.deepEqual(said(models.mesh.flush().statuses)["MeshPolicy/demo/strict"], ["Accepted=True Accepted"]);
});

test("a sidecar is in the zone of its node, whichever of the two comes first", () => {
  const node = (zone: string) => `
kind: Node
metadata: { name: node-1, labels: { topology.kubernetes.io/zone: ${zone} } }
---`;
  for (const text of [POD + node("here"), node("here") + POD]) {
    const models = modelsOf(text);
    assert.equal(models.mesh.flush().sidecars.get("demo/cart")?.zone, "here");
    for (const object of objectsOf(node("there"))) take(models, object, "updated");
    assert.equal(models.mesh.flush().sidecars.get("demo/cart")?.zone, "there");
  }
});

test("a policy that is made anew has its status anew, without what sidecars refused of the one before", () => {
  const text = policy("MeshPolicy", "all", 1, "mutualTls: Strict");
  const models = modelsOf(POD + text);
  const first = said(models.mesh.flush().statuses);
  assert.match(String(first["MeshPolicy/demo/all"]), /Accepted=True/);
  models.mesh.setRefused("demo/cart", new Map([["MeshPolicy/demo/all", "no such field"]]));
  assert.match(String(said(models.mesh.flush().statuses)["MeshPolicy/demo/all"]), /no such field/);
  const [object] = objectsOf(text);
  take(models, object!, "updated");
  assert.deepEqual(said(models.mesh.flush().statuses), {}, "a change of a policy forgets nothing");
  take(models, object!, "deleted");
  assert.deepEqual(said(models.mesh.flush().statuses), {});
  take(models, object!);
  assert.deepEqual(said(models.mesh.flush().statuses), first);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse, stringify } from "yaml";
import { decideInjection } from "../../src/controllers/mesh/injection-decision.ts";
import { injectionRegistration } from "../../src/controllers/mesh/injection-registration.ts";
import { injectionHandler, reviewInjection } from "../../src/controllers/mesh/injection-webhook.ts";
import { type InjectionSettings, injectionPatch } from "../../src/controllers/mesh/injection.ts";
import {
  applyJsonPatch,
  beforeCreate,
  decodeValue,
  defaultObject,
  KINDS,
  matchesLabelSelector,
} from "../../src/objects/index.ts";
import type { AnyObject, LabelSelector, Pod } from "../../src/objects/types.ts";

const GOLDEN = join(import.meta.dirname, "golden");
const SETTINGS: InjectionSettings = {
  initImage: "tandem",
  proxyImage: "docker.io/envoyproxy/envoy:v1.40.0",
  proxy: ({ namespace, serviceAccount }) => ({
    args: [
      "--config-yaml",
      `{"node":{"id":"sidecar~${namespace}/$(POD_NAME)","cluster":"${serviceAccount}"}}`,
    ],
  }),
  identitySecret: (account) => `tandem-mesh-${account}`,
  proxyMark: 1337,
};

function podOf(change: { labels?: object; annotations?: object; spec?: object } = {}): Pod {
  const { labels, annotations, spec } = change;
  const metadata = {
    name: "web",
    namespace: "shop",
    ...(labels && { labels }),
    ...(annotations && { annotations }),
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { containers: [{ name: "web", image: "x" }], ...spec },
  } as Pod;
}

describe("the patch", () => {
  for (const file of readdirSync(GOLDEN).filter((name) => /^inject-.*\.in\.yaml$/.test(name))) {
    test(`makes of ${file} what its pair says`, () => {
      const pod = parse(readFileSync(join(GOLDEN, file), "utf8")) as Pod;
      const before = structuredClone(pod);
      const patched = applyJsonPatch(pod, injectionPatch(pod, "shop", SETTINGS)) as AnyObject;
      assert.deepEqual(pod, before);
      const out = join(GOLDEN, file.replace(".in.", ".out."));
      if (process.env["UPDATE_GOLDEN"])
        writeFileSync(out, stringify(patched, { aliasDuplicateObjects: false }));
      assert.deepEqual(patched, parse(readFileSync(out, "utf8")));
      const { object, warnings } = decodeValue(KINDS.Pod, patched, "Warn");
      assert.deepEqual(warnings, []);
      defaultObject(KINDS.Pod, object);
      object.metadata.name ||= "web-1";
      assert.deepEqual(beforeCreate(KINDS.Pod, object), []);
    });
  }

  test("leaves declared ports to a kubelet that asks them, where no readiness probe does", () => {
    const ports = [{ containerPort: 8080 }, { containerPort: 53, protocol: "UDP" }];
    const readinessProbe = { tcpSocket: { port: 9000 } };
    const probedPorts = (container: object, settings: InjectionSettings) => {
      const pod = podOf({ spec: { containers: [{ name: "web", image: "x", ports, ...container }] } });
      const { spec } = applyJsonPatch(pod, injectionPatch(pod, "shop", settings)) as Pod;
      return (spec.initContainers?.[0]?.args ?? []).filter((arg) => arg.startsWith("--probe-ports"));
    };
    assert.deepEqual(probedPorts({}, { ...SETTINGS, probesDeclaredPorts: true }), ["--probe-ports=8080"]);
    assert.deepEqual(probedPorts({}, SETTINGS), []);
    const probed = probedPorts({ readinessProbe }, { ...SETTINGS, probesDeclaredPorts: true });
    assert.deepEqual(probed, ["--probe-ports=9000"]);
  });

  test("tells capture by which hop limit it knows probes, where there are any", () => {
    const argsOf = (container: object): string[] => {
      const pod = podOf({ spec: { containers: [{ name: "web", image: "x", ...container }] } });
      const patch = injectionPatch(pod, "shop", { ...SETTINGS, probeHopLimit: 255 });
      return (applyJsonPatch(pod, patch) as Pod).spec.initContainers?.[0]?.args?.slice(2) ?? [];
    };
    assert.deepEqual(argsOf({}), ["--proxy-mark=1337"]);
    assert.deepEqual(argsOf({ livenessProbe: { tcpSocket: { port: 9000 } } }), [
      "--probe-ports=9000",
      "--probe-hop-limit=255",
      "--proxy-mark=1337",
    ]);
  });

  test("puts capture and sidecar before the pod's own init containers", () => {
    const pod = podOf({ spec: { initContainers: [{ name: "own", image: "x" }] } });
    const patched = applyJsonPatch(pod, injectionPatch(pod, "shop", SETTINGS)) as Pod;
    assert.deepEqual(
      patched.spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [
        ["tandem-init", undefined],
        ["tandem-proxy", "Always"],
        ["own", undefined],
      ],
    );
  });

  test("grants the sidecar what annotations say, ours before Istio's, and refuses what is no quantity", () => {
    const resourcesOf = (annotations: object, settings = SETTINGS) => {
      const pod = podOf({ annotations });
      const { spec } = applyJsonPatch(pod, injectionPatch(pod, "shop", settings)) as Pod;
      const [init, proxy] = spec.initContainers ?? [];
      assert.deepEqual(init?.resources, proxy?.resources);
      return proxy?.resources;
    };
    assert.equal(resourcesOf({}), undefined);
    const ours = { "tandem.dev/proxyCPU": "50m", "tandem.dev/proxyMemoryLimit": "256Mi" };
    assert.deepEqual(resourcesOf({ ...ours, "sidecar.istio.io/proxyCPU": "1" }), {
      requests: { cpu: "50m" },
      limits: { memory: "256Mi" },
    });
    const usual = { requests: { cpu: "10m" } };
    assert.deepEqual(resourcesOf({}, { ...SETTINGS, resources: usual }), usual);
    for (const bad of ["much", "-1", "0"])
      assert.throws(
        () => resourcesOf({ "sidecar.istio.io/proxyMemory": bad }),
        /proxyMemory: ".*" is no quantity/,
      );
  });

  test("knows the sidecar by user and group unless there is a mark", () => {
    const { proxyMark: _mark, ...unmarked } = SETTINGS;
    const argsOf = (settings: InjectionSettings): string[] => {
      const pod = podOf();
      const { spec } = applyJsonPatch(pod, injectionPatch(pod, "shop", settings)) as Pod;
      return spec.initContainers?.[0]?.args ?? [];
    };
    assert.deepEqual(argsOf(unmarked), ["internal", "capture"]);
    assert.deepEqual(argsOf({ ...unmarked, proxyUser: 5 }).slice(2), ["--proxy-users=5", "--proxy-groups=5"]);
    assert.deepEqual(argsOf(SETTINGS).slice(2), ["--proxy-mark=1337"]);
  });
});

describe("the decision", () => {
  const ours = (word: string) => ({ labels: { "tandem.dev/inject": word } });
  const cases: [string, Pod, boolean | "grpc"][] = [
    ["the namespace asks", podOf(), true],
    ["the pod asks", podOf(ours("True")), true],
    ["the pod asks as Istio's do", podOf({ labels: { "sidecar.istio.io/inject": "true" } }), true],
    ["the pod wants none", podOf({ labels: { "sidecar.istio.io/inject": "false" } }), false],
    ["an annotation is as good", podOf({ annotations: { "sidecar.istio.io/inject": "false" } }), false],
    ["it speaks xDS itself", podOf(ours("grpc")), "grpc"],
    ["it says so in an annotation", podOf({ annotations: { "tandem.dev/inject": "grpc" } }), "grpc"],
    ["only ours knows of that", podOf({ labels: { "sidecar.istio.io/inject": "grpc" } }), true],
    ["the node's network", podOf({ spec: { hostNetwork: true } }), false],
    ["it has one", podOf({ spec: { initContainers: [{ name: "tandem-proxy" }] } }), false],
    ["it has one of Istio's", podOf({ spec: { initContainers: [{ name: "istio-proxy" }] } }), false],
    ["a Gateway's own proxy", podOf({ labels: { "tandem.dev/proxy": "gw-tandem" } }), false],
    ["Windows", podOf({ spec: { os: { name: "windows" } } }), false],
    ["a static pod", podOf({ annotations: { "kubernetes.io/config.mirror": "x" } }), false],
  ];
  for (const [why, pod, expected] of cases) {
    test(why, () => {
      const decision = decideInjection(pod, "shop", "asked");
      assert.equal(decision.inject && (decision.mode === "grpc" ? "grpc" : true), expected);
    });
  }

  test("namespaces that the mesh needs have none", () => {
    for (const name of ["kube-system", "tandem-system"])
      assert.equal(decideInjection(podOf(ours("true")), name, "asked").inject, false);
  });
});

describe("the registration", () => {
  const { webhooks } = injectionRegistration("tandem", "PEM", { url: "https://10.0.0.1:15017" });
  type Selecting = {
    clientConfig: { url: string };
    namespaceSelector: LabelSelector;
    objectSelector: LabelSelector;
  };
  const matching = (namespace: object, pod: object): Selecting[] =>
    (webhooks as Selecting[]).filter(
      ({ namespaceSelector, objectSelector }) =>
        matchesLabelSelector(namespaceSelector, { "kubernetes.io/metadata.name": "shop", ...namespace }) &&
        matchesLabelSelector(objectSelector, { ...pod }),
    );
  const chosen = (namespace: object, pod: object): number => matching(namespace, pod).length;

  test("is what the API takes", () => {
    const kind = KINDS.MutatingWebhookConfiguration;
    const registration = injectionRegistration("tandem", "PEM", {
      service: { namespace: "a", name: "b", port: 443 },
    });
    const { object, warnings } = decodeValue(kind, registration, "Warn");
    assert.deepEqual(warnings, []);
    defaultObject(kind, object);
    assert.deepEqual(beforeCreate(kind, object), []);
  });

  test("asks once about pods that may get a sidecar, and never about others", () => {
    const ours = { "tandem.dev/inject": "true" };
    assert.equal(chosen({}, {}), 0);
    assert.equal(chosen(ours, {}), 1);
    assert.equal(chosen({ "istio-injection": "enabled" }, {}), 1);
    assert.equal(chosen({ ...ours, "istio-injection": "enabled" }, ours), 1);
    assert.equal(chosen({}, ours), 1);
    assert.equal(chosen({}, { "sidecar.istio.io/inject": "true" }), 1);
    assert.equal(chosen({}, { ...ours, "sidecar.istio.io/inject": "true" }), 1);
    assert.equal(chosen(ours, { "tandem.dev/inject": "false" }), 0);
    assert.equal(chosen({ ...ours, "kubernetes.io/metadata.name": "kube-system" }, ours), 0);
  });

  /** What becomes of a pod: the selectors' part and the webhook's together. */
  function outcome(namespace: Record<string, string>, labels: Record<string, string>): string {
    const [webhook, ...more] = matching(namespace, labels);
    assert.equal(more.length, 0, JSON.stringify({ namespace, labels }));
    if (webhook === undefined) return "none";
    const review = {
      request: {
        uid: "u",
        operation: "CREATE",
        namespace: "shop",
        resource: { resource: "pods" },
        object: podOf({ labels }),
      },
    };
    const path = new URL(webhook.clientConfig.url).pathname;
    const { response } = reviewInjection(review, { settings: SETTINGS }, path);
    return response.allowed ? (response.patch === undefined ? "none" : "sidecar") : "refused";
  }

  test("has the pod's own word count before its namespace's, and ours before Istio's, whatever all of them say", () => {
    const words = [undefined, "true", "Enabled", "false", "maybe"];
    const meaning = (word?: string) =>
      ({ true: "sidecar", enabled: "sidecar", false: "none" })[`${word}`.toLowerCase()];
    for (const [namespaceOurs, namespaceIstio, podOurs, podIstio] of words.flatMap((a) =>
      words.flatMap((b) => words.flatMap((c) => words.map((d) => [a, b, c, d] as const))),
    )) {
      const labels = (ours?: string, name?: string, istio?: string) => ({
        ...(ours !== undefined && { "tandem.dev/inject": ours }),
        ...(istio !== undefined && { [`${name}`]: istio }),
      });
      const expected = (): string => {
        const own = podOurs === undefined ? meaning(podIstio) : (meaning(podOurs) ?? "refused");
        const asked = namespaceOurs ?? namespaceIstio;
        const isBad = namespaceOurs === "maybe";
        const there = isBad ? "refused" : (meaning(asked) ?? "none");
        return own ?? there;
      };
      const namespace = labels(namespaceOurs, "istio-injection", namespaceIstio);
      const pod = labels(podOurs, "sidecar.istio.io/inject", podIstio);
      assert.equal(outcome(namespace, pod), expected(), JSON.stringify({ namespace, pod }));
    }
  });
});

describe("the webhook", () => {
  const options = { settings: SETTINGS };
  const review = (pod: unknown, more: object = {}): object => ({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u1",
      operation: "CREATE",
      namespace: "shop",
      resource: { resource: "pods" },
      object: pod,
      ...more,
    },
  });

  test("answers with a patch, and says whose certificate is needed", () => {
    const needed: unknown[] = [];
    const { response } = reviewInjection(review(podOf({ spec: { serviceAccountName: "s" } })), {
      ...options,
      onInject: (workload) => needed.push(workload),
    });
    assert.deepEqual([response.uid, response.allowed, response.patchType], ["u1", true, "JSONPatch"]);
    const patch = JSON.parse(Buffer.from(response.patch ?? "", "base64").toString());
    assert.deepEqual(patch, injectionPatch(podOf({ spec: { serviceAccountName: "s" } }), "shop", SETTINGS));
    assert.deepEqual(needed, [{ namespace: "shop", serviceAccount: "s" }]);
  });

  test("makes nothing for a pod that is only tried", () => {
    const needed: unknown[] = [];
    const onInject = (workload: unknown) => needed.push(workload);
    const { response } = reviewInjection(review(podOf(), { dryRun: true }), { ...options, onInject });
    assert.equal(response.patchType, "JSONPatch");
    assert.deepEqual(needed, []);
  });

  test("leaves everything else as it is", () => {
    for (const [pod, more] of [
      [podOf(), { operation: "UPDATE" }],
      [podOf(), { resource: { resource: "services" } }],
      [podOf(), { subResource: "binding" }],
      [null, {}],
      [podOf({ spec: { hostNetwork: true } }), {}],
    ] as const) {
      assert.deepEqual(reviewInjection(review(pod, more), options).response, { uid: "u1", allowed: true });
    }
  });

  test("refuses a pod whose annotations cannot be followed", () => {
    for (const [name, value, expected] of [
      [
        "tandem.dev/excludeInboundPorts",
        "80,http",
        '"http" is no port: numbers from 0 to 65535 are expected, with commas between',
      ],
      [
        "traffic.sidecar.istio.io/excludeOutboundIPRanges",
        "10.0.0.0/40",
        '"10.0.0.0/40" is no address or range of IPv4 or IPv6, such as 10.0.0.0/8 or fd00::/8',
      ],
      ["tandem.dev/excludeInterfaces", 'a"}', '"a\\"}" is no name of an interface'],
    ] as const) {
      const { response } = reviewInjection(review(podOf({ annotations: { [name]: value } })), options);
      const message = `pod shop/web: annotation ${name}: ${expected}`;
      assert.deepEqual([response.allowed, response.status?.message], [false, message]);
    }
  });

  test("refuses a pod with an annotation whose name is nearly a known one, and no other", () => {
    const messageOf = (name: string) =>
      reviewInjection(review(podOf({ annotations: { [name]: "80" } })), options).response.status?.message;
    assert.equal(
      messageOf("tandem.dev/excludeInboundPort"),
      "pod shop/web: annotation tandem.dev/excludeInboundPort is not known: excludeInboundPorts may be meant",
    );
    assert.match(
      messageOf("tandem.dev/excludeOutboundIpRanges") ?? "",
      /excludeOutboundIPRanges may be meant/,
    );
    assert.match(
      messageOf("traffic.sidecar.istio.io/kubevirtInterfaces") ?? "",
      /is not known: known are include/,
    );
    for (const name of [
      "tandem.dev/ip-families",
      "example.com/excludeInboundPort",
      "tandem.dev/includeInboundPorts",
    ])
      assert.equal(messageOf(name), undefined, name);
  });

  test("refuses a pod whose application would pass for the sidecar", () => {
    const messageOf = (spec: object) =>
      reviewInjection(review(podOf({ spec })), options).response.status?.message;
    const container = (securityContext: object) => ({
      containers: [{ name: "web", image: "x", securityContext }],
    });
    const user =
      "pod shop/web: container web runs as user 1337, which is the sidecar's own: take another one";
    assert.equal(messageOf(container({ runAsUser: 1337 })), user);
    assert.equal(messageOf({ securityContext: { runAsUser: 1337 } }), user);
    assert.match(messageOf(container({ runAsGroup: 1337 })) ?? "", /runs as group 1337/);
    assert.equal(
      messageOf({ ...container({ runAsUser: 1 }), securityContext: { runAsUser: 1337 } }),
      undefined,
    );
  });

  test("says who asks in vain, and what of Istio's has no effect", () => {
    const warningsOf = (change: object) => reviewInjection(review(podOf(change)), options).response.warnings;
    const labels = { "tandem.dev/inject": "true" };
    assert.deepEqual(warningsOf({ labels, spec: { hostNetwork: true } }), [
      "no sidecar, as the pod uses its node's network",
    ]);
    const grpc = { labels: { "tandem.dev/inject": "grpc" }, spec: { hostNetwork: true } };
    assert.equal(warningsOf(grpc)?.length, 1);
    const annotations = { "sidecar.istio.io/interceptionMode": "TPROXY", "a.io/b": "" };
    assert.deepEqual(warningsOf({ annotations }), [
      "annotation sidecar.istio.io/interceptionMode has no effect on a sidecar of Tandem's",
    ]);
    assert.equal(warningsOf({ annotations: { "sidecar.istio.io/proxyCPU": "1" } }), undefined);
    assert.equal(warningsOf({}), undefined);
  });

  test("is served by HTTP; what is no review is refused", async () => {
    const server = createServer(injectionHandler(options));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const post = (path: string, body: string): Promise<Response> =>
      fetch(root + path, { method: "POST", body });
    try {
      const good = await post("/inject?timeout=10s", JSON.stringify(review(podOf())));
      assert.equal(good.status, 200);
      assert.equal(((await good.json()) as AnyObject)["response"].patchType, "JSONPatch");
      assert.equal((await post("/inject", "hello")).status, 400);
      assert.equal((await post("/inject", "{}")).status, 400);
      const unreadable = await post("/inject/unreadable-namespace", JSON.stringify(review(podOf())));
      assert.equal(((await unreadable.json()) as AnyObject)["response"].allowed, false);
      assert.equal((await post("/other", "{}")).status, 404);
      assert.equal((await fetch(`${root}/inject`)).status, 405);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

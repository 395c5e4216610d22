import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AnyObject,
  applyJsonPatch,
  applyMergePatch,
  applyPatch,
  applyStrategicMergePatch,
  KINDS,
  type Kind,
  typeOfKind,
} from "../../src/objects/index.ts";
import { ApiError } from "../../src/objects/status.ts";

const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d", finalizers: ["x.io/a", "x.io/b"] },
  spec: {
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } },
    template: {
      spec: {
        containers: [
          {
            name: "a",
            image: "a:1",
            ports: [{ containerPort: 80, protocol: "TCP" }],
            env: [{ name: "A", value: "1" }],
          },
          { name: "b", image: "b:1" },
        ],
        volumes: [{ name: "v", emptyDir: {} }],
        tolerations: [{ key: "x" }],
      },
    },
  },
} as const;

// biome-ignore lint/suspicious/noExplicitAny: results are compared piece by piece
function strategic(patch: object, kind: Kind = KINDS.Deployment, object: object = DEPLOYMENT): any {
  const before = structuredClone(object);
  const result = applyStrategicMergePatch(typeOfKind(kind), object as never, patch as never);
  assert.deepEqual(object, before, "the patched object must stay as it is");
  return result;
}

function containers(...list: object[]): object {
  return { spec: { template: { spec: { containers: list } } } };
}

function names(object: { spec: { template: { spec: { containers: { name: string }[] } } } }): string {
  return object.spec.template.spec.containers.map((container) => container.name).join();
}

test("lists with a merge key merge by it; new items come first, as on the server", () => {
  const patched = strategic(containers({ name: "b", image: "b:2" }, { name: "c", image: "c:1" }));
  assert.equal(names(patched), "a,b,c");
  assert.equal(patched.spec.template.spec.containers[1].image, "b:2");
  assert.equal(names(strategic(containers({ name: "c", image: "c:1" }))), "c,a,b");
});

test("nested lists merge by their own keys; ports of containers by containerPort alone", () => {
  const patched = strategic(containers({ name: "a", ports: [{ containerPort: 80, name: "web" }] }));
  assert.deepEqual(patched.spec.template.spec.containers[0].ports, [
    { containerPort: 80, protocol: "TCP", name: "web" },
  ]);
});

test("$patch deletes an item, or replaces the list", () => {
  assert.equal(names(strategic(containers({ $patch: "delete", name: "a" }))), "b");
  assert.equal(names(strategic(containers({ $patch: "replace" }, { name: "z", image: "z" }))), "z");
});

test("$patch replaces or empties an object", () => {
  assert.deepEqual(strategic({ spec: { strategy: { $patch: "replace", type: "Recreate" } } }).spec.strategy, {
    type: "Recreate",
  });
  assert.deepEqual(strategic({ spec: { strategy: { $patch: "delete" } } }).spec.strategy, {});
});

test("$retainKeys drops the keys that it does not name", () => {
  const patched = strategic({ spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } });
  assert.deepEqual(patched.spec.strategy, { type: "Recreate" });
  assert.throws(() => strategic({ spec: { strategy: { $retainKeys: ["type"], rollingUpdate: {} } } }), {
    message: "invalid patch format of retainKeys",
  });
});

test("$setElementOrder puts merged lists in order", () => {
  const order = { "$setElementOrder/containers": [{ name: "b" }, { name: "n" }, { name: "a" }] };
  const patched = strategic({
    spec: { template: { spec: { ...order, containers: [{ name: "n", image: "n" }] } } },
  });
  assert.equal(names(patched), "b,n,a");
  const wrong = { "$setElementOrder/containers": [{ name: "a" }] };
  assert.throws(
    () => strategic({ spec: { template: { spec: { ...wrong, containers: [{ name: "n" }] } } } }),
    {
      message:
        /^The order in patch list:\n\[map\[name:n\]\]\n doesn't match \$setElementOrder list:\n\[map\[name:a\]\]/,
    },
  );
});

test("lists of plain values merge without repeats; $deleteFromPrimitiveList takes from them", () => {
  assert.deepEqual(strategic({ metadata: { finalizers: ["x.io/b", "x.io/c"] } }).metadata.finalizers, [
    "x.io/a",
    "x.io/b",
    "x.io/c",
  ]);
  const deletion = { "$deleteFromPrimitiveList/finalizers": ["x.io/a"] };
  assert.deepEqual(strategic({ metadata: deletion }).metadata.finalizers, ["x.io/b"]);
});

test("lists without a merge key are replaced; null deletes", () => {
  const spec = { tolerations: [{ key: "y" }], volumes: null };
  const patched = strategic({ spec: { template: { spec } } });
  assert.deepEqual(patched.spec.template.spec.tolerations, [{ key: "y" }]);
  assert.equal("volumes" in patched.spec.template.spec, false);
});

test("ports of Services merge by port, whatever their protocol", () => {
  const service = { spec: { ports: [{ port: 53, protocol: "UDP" }, { port: 80 }] } };
  const patched = strategic({ spec: { ports: [{ port: 53, name: "dns" }] } }, KINDS.Service, service);
  assert.deepEqual(patched.spec.ports, [{ port: 53, protocol: "UDP", name: "dns" }, { port: 80 }]);
});

test("an item without its merge key is an error of the server's", () => {
  assert.equal(
    errorOf("strategic", containers({ image: "x" })),
    "500 map: map[image:x] does not contain declared merge key: name",
  );
});

/** Patches of a Deployment's containers that strategicpatch v0.35.4 refuses, and why. */
const REFUSED: readonly (readonly [string, object, string])[] = [
  [
    "an item without its key, although all are replaced",
    containers({ $patch: "replace" }, { image: "x" }),
    "500 map: map[image:x] does not contain declared merge key: name",
  ],
  [
    "an order with an item without its key",
    { spec: { template: { spec: { "$setElementOrder/containers": [{ name: "b" }, {}] } } } },
    "500 map: map[] does not contain declared merge key: name",
  ],
  [
    "a directive after the last item that is ordered",
    {
      spec: {
        template: {
          spec: {
            "$setElementOrder/containers": [{ name: "b" }],
            containers: [{ name: "b" }, { $patch: "replace" }],
          },
        },
      },
    },
    "500 The order in patch list:\n[map[name:b] map[$patch:replace]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
  ],
  [
    "a list among items",
    containers({ name: "b" }, [] as object),
    "500 list element types are not identical: ",
  ],
];

for (const [name, patch, wanted] of REFUSED) {
  test(`a strategic patch is refused for ${name}`, () => {
    assert.equal(errorOf("strategic", patch).slice(0, wanted.length), wanted);
  });
}

test("a merge patch follows RFC 7386", () => {
  const document = { a: "b", c: { d: "e", f: "g" } };
  assert.deepEqual(applyMergePatch(document, { a: "z", c: { f: null } }), { a: "z", c: { d: "e" } });
  assert.deepEqual(applyMergePatch({ a: [1] }, { a: { b: null, c: { d: null } } }), { a: { c: {} } });
  assert.deepEqual(document, { a: "b", c: { d: "e", f: "g" } });
});

/** The same with ordinary prototypes, which generated objects do not all have. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test("merging what differs leads from any document to any other without nulls", () => {
  const json = fc.dictionary(
    fc.string(),
    fc.oneof(fc.string(), fc.nat(), fc.dictionary(fc.string(), fc.nat())),
  );
  fc.assert(
    fc.property(json, json, (from, to) => {
      const removals = Object.fromEntries(Object.keys(from).map((key) => [key, null]));
      const emptied = applyMergePatch(from, removals);
      assert.deepEqual(plain(applyMergePatch(emptied, to)), plain(to));
    }),
  );
});

test("a JSON patch adds, removes, replaces, moves, copies and tests (RFC 6902)", () => {
  const document = { list: [1, 2], "a/b": { "~": 1 } };
  const result = applyJsonPatch(document, [
    { op: "add", path: "/list/-", value: 3 },
    { op: "add", path: "/list/0", value: 0 },
    { op: "test", path: "/list/1", value: 1 },
    { op: "move", from: "/a~1b/~0", path: "/moved" },
    { op: "copy", from: "/list", path: "/copied" },
    { op: "replace", path: "/list/-1", value: 9 },
    { op: "remove", path: "/list/0" },
  ]);
  assert.deepEqual(result, { list: [1, 2, 9], "a/b": {}, moved: 1, copied: [0, 1, 2, 3] });
  assert.deepEqual(document, { list: [1, 2], "a/b": { "~": 1 } });
});

/** Operations that RFC 6902 would refuse, and evanphx/json-patch v4 carries out; what they leave of {a: 1, l: [1]}. */
const LENIENT = [
  [
    { op: "replace", path: "/b", value: 2 },
    { a: 1, l: [1], b: 2 },
  ],
  [
    { op: "copy", from: "/nope", path: "/b" },
    { a: 1, l: [1], b: null },
  ],
  [
    { op: "test", path: "/nope", value: null },
    { a: 1, l: [1] },
  ],
  [{ op: "replace", path: "", value: { c: 3 } }, { c: 3 }],
  [
    { op: "test", path: "", value: { l: [1], a: 1 } },
    { a: 1, l: [1] },
  ],
] as const;

for (const [operation, wanted] of LENIENT) {
  test(`the operation ${JSON.stringify(operation)} is carried out, as the server's library does`, () => {
    assert.deepEqual(applyJsonPatch({ a: 1, l: [1] }, [operation]), wanted);
  });
}

for (const operation of [
  { op: "remove", path: "/nope" },
  { op: "replace", path: "/metadata/finalizers/9", value: 1 },
  { op: "replace", path: "", value: 1 },
  { op: "move", from: "/nope", path: "/metadata/labels" },
  { op: "copy", from: "/spec/nope/x", path: "/metadata/labels" },
  { op: "add", path: "/spec/nope/x", value: 1 },
  { op: "test", path: "/metadata/name", value: "other" },
  { op: "add", path: "", value: {} },
  { op: "frob", path: "/spec" },
]) {
  test(`the operation ${JSON.stringify(operation)} cannot be applied`, () => {
    assert.equal(
      errorOf("json", [operation]),
      "422 the server rejected our request due to an error in our request",
    );
  });
}

function errorOf(type: "json" | "merge" | "strategic", patch: unknown): string {
  const text = typeof patch === "string" ? patch : JSON.stringify(patch);
  try {
    applyPatch(KINDS.Deployment, DEPLOYMENT as unknown as AnyObject, { type, text, mode: "Strict" });
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

for (const [type, text, expected] of [
  ["merge", "x", "400 error decoding patch: invalid character 'x' looking for beginning of value"],
  [
    "merge",
    "[]",
    "400 error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
  ],
  [
    "json",
    "{}",
    "400 error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
  ],
  [
    "json",
    '[{"op":1,"path":"/a"}]',
    "400 error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
  ],
  ["strategic", "{", "400 unexpected end of JSON input"],
] as const) {
  test(`the ${type} patch ${text} is refused`, () => {
    assert.equal(errorOf(type, text), expected);
  });
}

test("strict patches may not name unknown fields", () => {
  assert.match(errorOf("merge", { spec: { nope: 1 } }), /strict decoding error: unknown field "spec.nope"$/);
  assert.match(
    errorOf("strategic", { spec: { nope: 1 } }),
    /strict decoding error: unknown field "spec.nope"$/,
  );
  assert.match(errorOf("merge", '{"spec":{"paused":true,"paused":true}}'), /duplicate field "spec.paused"$/);
});

test("no patch of any shape makes anything but an answer", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const keyed = fc.dictionary(
    fc.constantFrom(
      "spec",
      "metadata",
      "$patch",
      "$retainKeys",
      "$setElementOrder/finalizers",
      "finalizers",
      "template",
      "containers",
      "name",
    ),
    fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        value,
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("name", "$patch", "spec", "containers", "image"), tie("node")),
      ),
    })).node,
  );
  fc.assert(
    fc.property(fc.constantFrom("json", "merge", "strategic"), fc.oneof(value, keyed), (type, patch) => {
      assert.match(errorOf(type as "json", patch), /^(no error|4\d\d .|500 .)/);
    }),
    { numRuns: 500 },
  );
});

/** The object that the error of a patch quotes. */
function quotedBy(type: "json" | "merge", patch: unknown, stored: object = DEPLOYMENT): string {
  try {
    applyPatch(KINDS.Deployment, stored as never, { type, text: JSON.stringify(patch), mode: "Ignore" });
  } catch (error) {
    assert.ok(error instanceof ApiError);
    const { message = "" } = error.status.details?.causes?.[0] ?? {};
    return JSON.parse(message.slice("Invalid value: ".length, message.indexOf(": json: "))) as string;
  }
  assert.fail("the patch was taken");
}

test("an error quotes what a patch left: in Go's order, sorted where the patch reached", () => {
  const stored = {
    ...{ metadata: { labels: { b: "1", a: "2" }, name: "d" }, kind: "Deployment", apiVersion: "apps/v1" },
    spec: { template: { spec: { containers: [{ image: "i", name: "c" }] } }, replicas: 1 },
  };
  const metadata = '"metadata":{"name":"d","labels":{"a":"2","b":"1"}}';
  const template = '"template":{"spec":{"containers":[{"name":"c","image":"i"}]}}';
  const spec = `"spec":{"replicas":"many",${template}}`;
  assert.equal(
    quotedBy("merge", { spec: { replicas: "many" } }, stored),
    `{"apiVersion":"apps/v1","kind":"Deployment",${metadata},${spec}}`,
  );
  const operations = [
    { op: "replace", path: "/spec/replicas", value: "many" },
    { op: "replace", path: "/spec/template/spec/containers/0/image", value: "j" },
  ];
  assert.equal(
    quotedBy("json", operations, stored),
    `{"apiVersion":"apps/v1","kind":"Deployment",${metadata},"spec":{"replicas":"many",` +
      `"template":{"spec":{"containers":[{"image":"j","name":"c"}]}}}}`,
  );
  const added = {
    spec: { replicas: "many", template: { spec: { volumes: [{ z: null, name: "v", a: 1 }] } } },
  };
  assert.match(quotedBy("merge", added, stored), /"volumes":\[\{"a":1,"name":"v"\}\]/);
});

test("a merge patch takes nulls from objects in lists that come anew", () => {
  assert.deepEqual(applyMergePatch({ a: [1] }, { a: [{ b: null, c: 1 }, null] }), { a: [{ c: 1 }, null] });
  assert.deepEqual(applyMergePatch({ a: {} }, { a: [{ b: null }] }), { a: [{ b: null }] });
});

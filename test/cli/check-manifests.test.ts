import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const TANDEM = fileURLToPath(new URL("../../bin/tandem", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tandem-manifests-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function check(args: readonly string[], input = "") {
  const env = { ...process.env, FORCE_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(TANDEM, ["check", ...args], {
    encoding: "utf8",
    cwd: folder,
    input,
    env,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr };
}

const podText = (name: string, args: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers:
  - name: c
    args: ${args}
`;
const trap = podText("trap", '["--host=0.0.0.0"]');
const fine = podText("fine", '["--host=::"]');
const podJson = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "c", args: ["--host=0.0.0.0"] }] },
});

describe("tandem check -f manifests", () => {
  it("says what, where with its line, why and what next; a warning is 79, notes are 0", () => {
    const { status, stdout, stderr } = check(["-f", file("a.yaml", `${fine}---\n${trap}`)]);
    assert.deepEqual([status, stderr], [79, ""]);
    assert.deepEqual(stdout.split("\n"), [
      "warning: Pod trap: spec.containers[0].args[0]: --host=0.0.0.0 hears IPv4 alone: clients over IPv6 are refused (a Go or Java program would hear both)",
      "  where: a.yaml:15 [listens-one-family]",
      "  next: bind [::], or leave the host out where that means both",
      "1 warning; 2 objects judged for IPv4 and IPv6",
      "",
    ]);
    assert.equal(check(["manifests", "a.yaml", "--ignore", "listens-one-family"]).status, 0);
    assert.equal(check(["a.yaml", "--ip-families=IPv4"]).status, 0);
    const service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n";
    assert.equal(check(["-f", "-"], service).status, 0);
    const wrong = check(["-f", "-"], service.replace("ports", 'ipFamilies: ["IPv4", "IPv6"], ports'));
    assert.equal(wrong.status, 65);
    assert.match(wrong.stdout, /^error: Service s: spec\.ipFamilyPolicy: .*must be 'RequireDualStack'/);
    assert.match(wrong.stdout, /where: stdin:4 \[service-refused\]/);
  });

  it("counts lines inside of a ConfigMap's file", () => {
    const map = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  a.conf: |\n    server {\n      listen 80;\n    }\n`;
    assert.match(check(["-f", file("map.yaml", map)]).stdout, /where: map\.yaml:7 /);
  });

  it("reads files from Windows, lists, merge keys, JSON and JSON by lines", () => {
    const windows = `\uFEFF${trap.replaceAll("\n", "\r\n")}`;
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${JSON.stringify(podJson("a"))}\n- null\n`;
    const typed = JSON.stringify({
      apiVersion: "v1",
      kind: "PodList",
      items: [{ ...podJson("a"), kind: undefined }],
    });
    const merged = `x: &x {args: ["--host=0.0.0.0"]}\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - <<: *x\n    name: c\n`;
    const lines = `${JSON.stringify(podJson("a"))}\n${JSON.stringify(podJson("b"))}\n`;
    const found = [windows, list, typed, merged, lines].map((text) => {
      const { status, stdout, stderr } = check(["-f", "-", "-o", "json"], text);
      assert.deepEqual([status, stderr], [79, ""], text);
      return (JSON.parse(stdout) as { line: number }[]).map(({ line }) => line);
    });
    assert.deepEqual(found, [[7], [4], [1], [7], [1, 2]]);
  });

  it("reads a large answer of kubectl in JSON, where lines are not known", () => {
    const items = Array.from({ length: 5000 }, (_, index) => podJson(`pod-${index}`));
    const text = JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 1);
    const { status, stdout } = check(["-f", file("large.json", text)]);
    assert.equal(status, 79);
    assert.match(stdout, /^ {2}where: large\.json \[/m);
    assert.match(stdout, /5000 warnings; 5000 objects judged/);
  });

  it("names what cannot be read, judges the rest, and ends with 65", () => {
    mkdirSync(join(folder, "dir"));
    file("dir/a.yaml", `kind: [\n---\n${trap}`);
    file("dir/b.yaml", "replicas: 3\n");
    file("dir/c.yaml", "metadata:\n  labels:\n    {{- include x . | nindent 4 }}\n");
    const { status, stdout, stderr } = check(["-f", "dir"]);
    assert.equal(status, 65);
    assert.match(
      stderr,
      /it is not YAML: [\s\S]*where: dir\/a\.yaml:[12]\n[\s\S]*where: dir\/c\.yaml:3\n {2}next: .*helm template/,
    );
    assert.match(stdout, /where: dir\/a\.yaml:9 /);
    assert.match(
      stdout,
      /1 object judged.*; 1 document passed over: no Kubernetes objects; 2 documents could not be read/,
    );
  });

  it("says clearly what is no manifest at all", () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ["", 65, /there is nothing in it\n {2}where: standard input/],
      ["replicas: 3\n", 65, /none has apiVersion and kind/],
      ["a\0b", 65, /it is binary, not a text/],
      ["a: *nope\n", 65, /Unresolved alias/],
      ["a: {\x1b[31m\n", 65, /it is not YAML/],
    ];
    for (const [input, code, message] of cases) {
      const { status, stderr } = check(["-f", "-"], input);
      assert.equal(status, code, input);
      assert.match(stderr, message);
      assert.ok(!stderr.includes("\x1b"), "escapes of a file reach no terminal");
    }
    assert.match(
      check(["-f", "nowhere.yaml"]).stderr,
      /there is no such file or directory\n {2}where: nowhere\.yaml/,
    );
    const code = check(["a.yaml", "--ignore=listen-one-family"]);
    assert.equal(code.status, 64);
    assert.match(code.stderr, /did you mean listens-one-family\?/);
  });

  it("sums up Services that say nothing of families, and names them all with -o wide", () => {
    const names = ["a", "b", "c", "d"];
    const text = names
      .map((name) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{port: 1}]}\n`)
      .join("---\n");
    const short = check(["-f", file("services.yaml", text)]).stdout;
    assert.match(short, /^note: 4 Services: /);
    assert.match(short, /4 notes; 4 objects/);
    const wide = check(["-f", "services.yaml", "-o", "wide"]).stdout;
    assert.equal(wide.match(/^note: Service /gm)?.length, 4);
  });

  it("judges other objects for the families of the Shoot beside them", () => {
    const shoot = (families: string) => `apiVersion: core.gardener.cloud/v1beta1
kind: Shoot
metadata: {name: s}
spec: {networking: {ipFamilies: [${families}]}, provider: {type: other}}
---
`;
    assert.equal(check(["-f", "-"], shoot("IPv4") + trap).status, 0);
    const { status, stdout } = check(["-f", "-"], shoot("IPv4, IPv6") + trap);
    assert.equal(status, 79);
    assert.match(stdout, /^note: Shoot s: spec\.provider\.type: .*\n {2}where: stdin:1$/m);
  });

  it("ends quietly where its reader goes away", async () => {
    const child = spawn(TANDEM, ["check", "-f", "large.json", "-o", "json"], { cwd: folder });
    child.stdout.once("data", () => child.stdout.destroy());
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    assert.deepEqual([code, stderr], [79, ""]);
  });
});

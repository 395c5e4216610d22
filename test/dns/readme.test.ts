import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { answer } from "../../src/dns/answer.ts";
import { RCODE, type RecordData, TYPE } from "../../src/dns/codec/message.ts";
import { followModel } from "../../src/dns/desired.ts";
import type { EndpointSlice, Service } from "../../src/objects/types.ts";
import { createTrafficModel } from "../../src/traffic/index.ts";
import { put } from "./cluster.ts";

const page = readFileSync(new URL("../../src/dns/README.md", import.meta.url), "utf8");

function fence(language: string): string {
  return new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)![1]!;
}

function textOf(data: RecordData): string {
  if (data.kind === "address") return data.address;
  if (data.kind === "srv") return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
  return data.kind === "name" ? data.target : data.kind;
}

test("the worked example of dns/README.md holds", () => {
  const model = createTrafficModel();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
  model.onNamespace({ type: "added", object: namespace });
  for (const document of parseAllDocuments(fence("yaml")))
    put(model, document.toJS() as Service | EndpointSlice);
  const index = followModel(model).current();
  const lines = fence("text").trim().split("\n");
  assert.ok(lines.length > 5);
  for (const line of lines) {
    const [, name = "", type = "", rcode = "", data = ""] = /^(\S+) (\w+) +(\w+) *(.*)$/.exec(line)!;
    const question = { name, type: TYPE[type as keyof typeof TYPE], class: 1 };
    const found = answer(index, question, { domain: "cluster.local." })!;
    assert.equal(found.rcode, RCODE[rcode as keyof typeof RCODE], line);
    assert.equal(found.answers.map((record) => textOf(record.data)).join(" "), data, line);
  }
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type Answer, answer } from "../../src/dns/answer.ts";
import { RCODE, type ResourceRecord, TYPE } from "../../src/dns/codec/message.ts";
import { followModel } from "../../src/dns/desired.ts";
import type { EndpointSlice, KubeObject, Service } from "../../src/objects/types.ts";
import { createTrafficModel } from "../../src/traffic/index.ts";

interface Recorded {
  name: string;
  type: keyof typeof TYPE;
  rcode: string;
  aa: boolean;
  answers: string[];
  additional?: string[];
}

const file = new URL("../oracle/dns.json", import.meta.url);
const recording = JSON.parse(readFileSync(file, "utf8")) as { objects: KubeObject[]; answers: Recorded[] };

function liveIndex() {
  const model = createTrafficModel();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "dns-a" } };
  model.onNamespace({ type: "added", object: namespace });
  for (const object of recording.objects) {
    if (object.kind === "Service") model.onService({ type: "added", object: object as Service });
    else model.onSlice({ type: "added", object: object as EndpointSlice });
  }
  return followModel(model);
}

/** A record as the recording has it: lower-case names, and IPv6 with all its groups. */
function show({ name, type, data }: ResourceRecord): string {
  const typeName = Object.entries(TYPE).find(([, number]) => number === type)![0];
  return `${name.toLowerCase()} ${typeName} ${showData(data)}`;
}

function showData(data: ResourceRecord["data"]): string {
  switch (data.kind) {
    case "address":
      return data.address.includes(":") ? allGroups(data.address) : data.address;
    case "name":
      return data.target.toLowerCase();
    case "srv":
      return `${data.priority} ${data.weight} ${data.port} ${data.target.toLowerCase()}`;
    case "txt":
      return Buffer.from(data.texts[0]!).toString();
    default:
      return data.kind;
  }
}

function allGroups(address: string): string {
  const [head = "", tail = ""] = address.split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = tail.split(":").filter((group) => group !== "");
  return [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after].join(":");
}

function shown(question: Recorded, found: Answer): Recorded {
  const { name, type } = question;
  const rcode = Object.entries(RCODE).find(([, number]) => number === found.rcode)![0];
  const answers = found.answers.map(show).sort();
  const additional = found.additional.map(show).sort();
  const services = found.answers.some((record) => record.type === TYPE.SRV);
  return { name, type, rcode, aa: true, answers, ...(services && { additional }) };
}

describe("answers, as CoreDNS recorded them", () => {
  const index = liveIndex();
  for (const recorded of recording.answers) {
    it(`${recorded.name} ${recorded.type}`, () => {
      const question = { name: `${recorded.name}.`, type: TYPE[recorded.type], class: 1 };
      const found = answer(index.current(), question, { domain: "cluster.local." });
      assert.ok(found, "answered here");
      assert.deepEqual(shown(recorded, found), recorded);
      assert.equal(found.authority.length, found.answers.length === 0 ? 1 : 0);
    });
  }
});

import { parseAllDocuments } from "yaml";
import { Applied } from "../../src/kernel/ownership.ts";
import { loadScript } from "../../src/kernel/load.ts";
import type { NodeFacts } from "../../src/kernel/index.ts";
import type { EndpointSlice, Service } from "../../src/objects/types.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";

/** A model of the Services and EndpointSlices of a YAML text. */
export function modelOf(yaml: string): TrafficModel {
  const model = createTrafficModel();
  for (const document of parseAllDocuments(yaml)) {
    const object = document.toJS() as Service | EndpointSlice;
    if (object.kind === "Service") model.onService({ type: "added", object: object as Service });
    else model.onSlice({ type: "added", object: object as EndpointSlice });
  }
  return model;
}

/** What a load of a model adds to the tables that are always there: chains and elements, one element a line. */
export function rulesOf(model: TrafficModel, facts: NodeFacts): string {
  const fixed = new Set(linesOf(createTrafficModel(), facts));
  return `${linesOf(model, facts)
    .filter((line) => line !== "" && !fixed.has(line))
    .map((line) =>
      line.replace(/(?<=^add element .*) \{ (.*) \}$/, (_, elements: string) => ` {\n${indented(elements)}}`),
    )
    .join("\n")}\n`;
}

function linesOf(model: TrafficModel, facts: NodeFacts): string[] {
  const script = loadScript(model, facts, new Applied());
  return [...script.texts.values()].flatMap((text) => [...text].join("").split("\n"));
}

function indented(elements: string): string {
  return elements
    .split(", ")
    .map((element) => `  ${element}\n`)
    .join("");
}

/** What is in the tables of a namespace, and what a load of the same objects would put there. */
import { type Exec, type NodeFacts, Programmer, removeTables } from "../../src/kernel/index.ts";
import { readTables } from "../../src/kernel/current.ts";
import type { TrafficModel } from "../../src/traffic/index.ts";

/** Everything in the tables, an element or a chain with its rules a line, sorted. */
export async function stateOf(exec: Exec): Promise<string[]> {
  const lines: string[] = [];
  for (const [ip, { elements, rules }] of Object.entries(await readTables(exec))) {
    lines.push(`${ip} table`);
    for (const [map, inMap] of elements) {
      lines.push(`${ip} ${map}`);
      for (const [key, value] of inMap) lines.push(`${ip} ${map}: ${key}${value && ` : ${value}`}`);
    }
    for (const [chain, text] of rules) lines.push(`${ip} chain ${chain} ${text}`);
  }
  return lines.sort();
}

/** The state after a full load of a model into the empty kernel of another namespace. */
export async function freshLoad(scratch: Exec, model: TrafficModel, facts: NodeFacts): Promise<string[]> {
  await removeTables(scratch);
  await new Programmer(scratch, facts).sync(model);
  return stateOf(scratch);
}

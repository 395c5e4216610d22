/** Writes nftables' language: the pieces of one transaction. */
import { type ChainShape, chainRules, declarations, type FixedChain, fixedChains } from "./chains.ts";
import { type Dialect, type NodeFacts, TABLE } from "./facts.ts";

/** Elements per statement: enough to cost nothing, few enough for a line that a person can still look at. */
export const ELEMENTS_PER_STATEMENT = 256;

/** Declares the table and its maps; harmless where they exist with the same types. */
export function declareTable(dialect: Dialect): string {
  const lines = [`add table ${dialect.ip} ${TABLE}`];
  for (const [name, { kind, body }] of declarations(dialect)) {
    lines.push(`add ${kind} ${dialect.ip} ${TABLE} ${name} { ${body} }`);
  }
  return `${lines.join("\n")}\n`;
}

/** Writes the fixed chains anew; what was in them goes, in the same transaction. */
export function writeFixedChains(dialect: Dialect, facts: NodeFacts): string {
  const chains = fixedChains(dialect, facts);
  return (
    chains.map((chain) => declareChain(dialect, chain)).join("") +
    chains.map((chain) => fill(dialect, chain)).join("")
  );
}

/** Writes the chain of a shape anew. */
export function writeChain(dialect: Dialect, name: string, shape: ChainShape, facts: NodeFacts): string {
  const chain = { name, rules: chainRules(shape, dialect, facts) };
  return declareChain(dialect, chain) + fill(dialect, chain);
}

function declareChain({ ip }: Dialect, { name, hook }: FixedChain): string {
  const base = hook === undefined ? "" : ` { type nat hook ${hook}; policy accept; }`;
  return `add chain ${ip} ${TABLE} ${name}${base}\nflush chain ${ip} ${TABLE} ${name}\n`;
}

function fill({ ip }: Dialect, { name, rules }: FixedChain): string {
  return rules.map((rule) => `add rule ${ip} ${TABLE} ${name} ${rule}\n`).join("");
}

/** Takes chains (`ip name`) away; nothing but one another may go to them any more. */
export function removeChains(places: readonly string[]): string {
  const targets = places.map((place) => place.replace(" ", ` ${TABLE} `));
  return [
    ...targets.map((target) => `flush chain ${target}\n`),
    ...targets.map((target) => `delete chain ${target}\n`),
  ].join("");
}

/** Adds elements (`key : value`, or a key alone) to a map. */
export function addElements(ip: string, map: string, elements: readonly string[]): string {
  return elementStatements("add", ip, map, elements);
}

/** Deletes elements from a map by their keys. */
export function deleteElements(ip: string, map: string, keys: readonly string[]): string {
  return elementStatements("delete", ip, map, keys);
}

function elementStatements(verb: string, ip: string, map: string, elements: readonly string[]): string {
  let text = "";
  for (let start = 0; start < elements.length; start += ELEMENTS_PER_STATEMENT) {
    const some = elements.slice(start, start + ELEMENTS_PER_STATEMENT).join(", ");
    text += `${verb} element ${ip} ${TABLE} ${map} { ${some} }\n`;
  }
  return text;
}

/** The text of an element. */
export function elementText(key: string, value: string): string {
  return value === "" ? key : `${key} : ${value}`;
}

/** Forms of the Query protocol (`Tags.member.1.Key=x`) as trees, and trees as its XML. */

/** A text, a list, or fields by name. */
export type Tree = string | Tree[] | { [field: string]: Tree };

/** Reads a form: fields at dots, lists at numbers; the word `member` of lists is dropped. */
export function parseForm(body: string): { [field: string]: Tree } {
  const root: { [field: string]: Tree } = {};
  for (const [key, value] of new URLSearchParams(body)) {
    const path = key.split(".").filter((part) => part !== "member");
    let at = root;
    for (const part of path.slice(0, -1)) at = at[part] = (at[part] ?? {}) as { [field: string]: Tree };
    at[path.at(-1) ?? ""] = value;
  }
  return lists(root) as { [field: string]: Tree };
}

function lists(tree: Tree): Tree {
  if (typeof tree === "string" || Array.isArray(tree)) return tree;
  const entries = Object.entries(tree).map(([key, value]) => [key, lists(value)] as const);
  if (entries.length === 0 || !entries.every(([key]) => /^\d+$/.test(key)))
    return Object.fromEntries(entries);
  return entries.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
}

/** What answers are made of before they are XML; undefined leaves an element out. */
export type Answer =
  | string
  | number
  | boolean
  | undefined
  | readonly Answer[]
  | { readonly [element: string]: Answer };

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Writes XML; `item` names the elements of lists: `member` in ELB, `item` in EC2. */
export function toXml(answer: Answer, item: string): string {
  if (answer === undefined) return "";
  if (Array.isArray(answer))
    return answer.map((one: Answer) => `<${item}>${toXml(one, item)}</${item}>`).join("");
  if (typeof answer !== "object") return String(answer).replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
  return Object.entries(answer)
    .map(([name, value]) => (value === undefined ? "" : `<${name}>${toXml(value as Answer, item)}</${name}>`))
    .join("");
}

/** A request's fields with their types. */
export class Params {
  readonly #tree: { [field: string]: Tree };

  constructor(tree: Tree) {
    this.#tree = typeof tree === "object" && !Array.isArray(tree) ? tree : {};
  }

  text(name: string): string {
    return this.maybe(name) ?? "";
  }

  maybe(name: string): string | undefined {
    const value = this.#tree[name];
    return typeof value === "string" ? value : undefined;
  }

  number(name: string): number {
    return Number(this.maybe(name) ?? -1);
  }

  has(name: string): boolean {
    return this.#tree[name] !== undefined;
  }

  texts(name: string): string[] {
    const value = this.#tree[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  }

  many(name: string): Params[] {
    const value = this.#tree[name];
    return Array.isArray(value) ? value.map((one) => new Params(one)) : [];
  }

  one(name: string): Params {
    return new Params(this.#tree[name] ?? {});
  }

  /** `Key`/`Value` pairs, as tags and attributes are given. */
  pairs(name: string): Record<string, string> {
    return Object.fromEntries(this.many(name).map((it) => [it.text("Key"), it.text("Value")]));
  }
}

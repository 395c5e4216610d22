import type { HeaderModifier } from "../../../objects/gateway/index.ts";
import type { HeaderChanges } from "../model.ts";
import { type RuleContext, rejectRule } from "./context.ts";

/** The changes of a header modifier; rejects the rule where Envoy would refuse them. */
export function headerChanges(
  modifier: HeaderModifier | undefined,
  rule: RuleContext,
  field: string,
): HeaderChanges | undefined {
  const { set = [], add = [], remove = [] } = modifier ?? {};
  for (const [list, names] of Object.entries({
    set,
    add,
    remove: remove.map((name) => ({ name, value: "" })),
  }))
    for (const [index, { name, value }] of names.entries()) {
      const problem = headerProblem(name, value);
      if (problem !== undefined) rejectRule(rule, `${field}.${list}[${index}]`, problem);
    }
  if (set.length + add.length + remove.length === 0) return undefined;
  return {
    ...(set.length > 0 && { set: set.map(pair) }),
    ...(add.length > 0 && { add: add.map(pair) }),
    ...(remove.length > 0 && { remove }),
  };
}

function pair({ name, value }: { name: string; value: string }): { name: string; value: string } {
  return { name, value };
}

/** One bad header would have Envoy refuse the whole route table. */
function headerProblem(name: string, value: string): string | undefined {
  if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) return `${JSON.stringify(name)} is no header name`;
  if (name.toLowerCase() === "host") return "Host cannot be changed as a header; use a URLRewrite filter";
  return textProblem(value);
}

/** What in a text cannot stand in a header (RFC 9110 section 5.5); undefined: nothing. */
export function textProblem(text: string): string | undefined {
  return /[\0\r\n]/.test(text) ? `${JSON.stringify(text)} has a line break or NUL` : undefined;
}

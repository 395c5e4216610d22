import { labelValueProblems, qualifiedNameProblems } from "../service/formats.ts";
import type { LabelSelector } from "../types.ts";
import { EVERYTHING, type Labels, type Requirement, type Selector, SelectorSyntaxError } from "./selector.ts";

/** How one requirement judges a set of labels (apimachinery labels.Requirement). */
function matchesRequirement({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "in":
      return value !== undefined && values.includes(value);
    case "notin":
      return value === undefined || !values.includes(value);
    default:
      return value !== undefined && compare(operator, value, values[0] ?? "");
  }
}

const INTEGER = /^[+-]?\d+$/;

function compare(operator: ">" | "<", value: string, bound: string): boolean {
  if (!INTEGER.test(value)) return false;
  return operator === ">" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** Whether labels fulfil all requirements. */
function matchesRequirements(requirements: readonly Requirement[], labels: Labels): boolean {
  for (const requirement of requirements) if (!matchesRequirement(requirement, labels)) return false;
  return true;
}

/** Whether labels fulfil a `metav1.LabelSelector`. No selector selects nothing, an empty one everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const operators = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!" } as const;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = operators[operator as keyof typeof operators];
    if (known === undefined || !matchesRequirement({ key, operator: known, values }, labels)) return false;
  }
  return true;
}

/**
 * The text of a `metav1.LabelSelector`, as `kubectl get -o wide` shows it: `a=b,c in (d,e)`; `<none>` for an empty one.
 */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "<none>";
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => [key, `${key}=${value}`]);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    parts.push([key, formatExpression(key, operator, [...values].sort())]);
  }
  const texts = parts.sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, text]) => text);
  return texts.length === 0 ? "<none>" : texts.join(",");
}

function formatExpression(key: string, operator: string, values: readonly string[]): string {
  if (operator === "Exists") return key;
  return operator === "DoesNotExist" ? `!${key}` : `${key} ${operator.toLowerCase()} (${values.join(",")})`;
}

/**
 * Reads the text of a label selector: `a=b,c!=d,e in (f,g),h,!i,j>5`.
 * @throws SelectorSyntaxError with the server's text
 */
function parseLabelRequirements(text: string): Requirement[] {
  return new LabelParser(scan(text)).parse();
}

/** A selector over the labels of objects; an empty text selects everything. */
export function labelSelector(text: string): Selector {
  if (text.trim() === "") return EVERYTHING;
  const requirements = parseLabelRequirements(text);
  return { matches: (object) => matchesRequirements(requirements, object.metadata.labels ?? {}) };
}

interface Token {
  readonly kind: string;
  readonly text: string;
}

const SYMBOLS = new Set([")", ",", "!", "==", "=", ">", "<", "!=", "("]);

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  const shape = /\s*(?:([=!(),><]+)|([^=!(),><\s]+))/gy;
  for (let match = shape.exec(text); match !== null; match = shape.exec(text)) {
    if (match[1] !== undefined) tokens.push(...scanSymbols(match[1]));
    else if (match[2] !== undefined) tokens.push(word(match[2]));
  }
  tokens.push({ kind: "end", text: "" });
  return tokens;
}

function word(text: string): Token {
  return { kind: text === "in" || text === "notin" ? text : "identifier", text };
}

/** The longest symbols first, as long as they are symbols. */
function scanSymbols(run: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < run.length; ) {
    const two = run.slice(at, at + 2);
    const symbol = two.length === 2 && SYMBOLS.has(two) ? two : run.slice(at, at + 1);
    tokens.push({ kind: symbol, text: symbol });
    at += symbol.length;
  }
  return tokens;
}

const OPERATORS = "in, notin, =, ==, !=, gt, lt";

class LabelParser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const next = this.peek();
      if (next.kind === "end") return requirements;
      if (!startsRequirement(next)) throw this.unexpected(next, "!, identifier, or 'end of string'");
      requirements.push(this.guarded());
      const after = this.take();
      if (after.kind === "end") return requirements;
      if (after.kind !== ",") throw this.unexpected(after, "',' or 'end of string'");
      if (!startsRequirement(this.peek())) throw this.unexpected(this.peek(), "identifier after ','");
    }
  }

  private guarded(): Requirement {
    try {
      return this.requirement();
    } catch (error) {
      if (!(error instanceof SelectorSyntaxError)) throw error;
      throw new SelectorSyntaxError(`unable to parse requirement: ${error.message}`);
    }
  }

  private requirement(): Requirement {
    const negated = this.peek().kind === "!";
    if (negated) this.take();
    const key = this.take();
    if (!isWord(key)) throw this.unexpected(key, "identifier");
    checkKey(key.text);
    const ends = ["end", ","].includes(this.peek().kind);
    if (negated || ends) return { key: key.text, operator: negated ? "!" : "exists", values: [] };
    const operator = this.operator();
    const values = operator.kind === "in" || operator.kind === "notin" ? this.values() : [this.exactValue()];
    return checked({ key: key.text, operator: requirementOperator(operator.kind), values });
  }

  private operator(): Token {
    const token = this.take();
    if (["in", "notin", "=", "==", "!=", ">", "<"].includes(token.kind)) return token;
    throw this.unexpected(token, OPERATORS);
  }

  private exactValue(): string {
    if (["end", ","].includes(this.peek().kind)) return "";
    const token = this.take();
    if (isWord(token)) return token.text;
    throw this.unexpected(token, "identifier");
  }

  private values(): string[] {
    const open = this.take();
    if (open.kind !== "(") throw new SelectorSyntaxError(`found '${open.text}' expected: '('`);
    if (this.peek().kind === ")") {
      this.take();
      return [""];
    }
    if (!isWord(this.peek()) && this.peek().kind !== ",") {
      throw this.unexpected(this.peek(), "',', ')' or identifier");
    }
    const values = this.list();
    this.take();
    return [...values].sort();
  }

  private list(): Set<string> {
    const values = new Set<string>();
    for (;;) {
      const token = this.take();
      const next = this.peek();
      if (isWord(token)) {
        values.add(token.text);
        if (next.kind === ")") return values;
        if (next.kind !== ",") throw this.unexpected(next, "',' or ')'");
      } else if (token.kind === ",") {
        if (values.size === 0 || next.kind === ",") values.add("");
        if (next.kind === ")") return values.add("");
      } else throw this.unexpected(token, "',', or identifier");
    }
  }

  private peek(): Token {
    return this.tokens[Math.min(this.at, this.tokens.length - 1)] as Token;
  }

  private take(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  private unexpected(token: Token, expected: string): SelectorSyntaxError {
    return new SelectorSyntaxError(`found '${token.text}', expected: ${expected}`);
  }
}

function startsRequirement(token: Token): boolean {
  return isWord(token) || token.kind === "!";
}

/** Where a key or a value may stand, `in` and `notin` are names like others. */
function isWord(token: Token): boolean {
  return ["identifier", "in", "notin"].includes(token.kind);
}

function requirementOperator(kind: string): Requirement["operator"] {
  if (kind === "=" || kind === "==") return "in";
  return kind === "!=" ? "notin" : (kind as Requirement["operator"]);
}

function checkKey(key: string): void {
  const problems = qualifiedNameProblems(key);
  if (problems.length > 0) {
    throw new SelectorSyntaxError(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join("; ")}`);
  }
}

function checked(requirement: Requirement): Requirement {
  const errors: string[] = [];
  requirement.values.forEach((value, index) => {
    if ([">", "<"].includes(requirement.operator) && !INTEGER.test(value)) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      errors.push(`values[${index}]: Invalid value: ${JSON.stringify(value)}: ${detail}`);
    }
    const problems = labelValueProblems(value);
    if (problems.length > 0) {
      const field = `values[${index}][${requirement.key}]`;
      errors.push(`${field}: Invalid value: ${JSON.stringify(value)}: ${problems.join("; ")}`);
    }
  });
  if (errors.length > 0)
    throw new SelectorSyntaxError(errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`);
  return requirement;
}

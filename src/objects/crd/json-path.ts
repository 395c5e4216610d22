/**
 * The simple JSONPaths of printer columns, scale and selectable fields (client-go util/jsonpath): `.a.b`, `['a']`,
 * `[0]`, `[-1]`, `[*]`, `[?(@.type=="Ready")]`, and `\.` for a dot in a name.
 */
type Step = (value: unknown) => readonly unknown[];

const parsed = new Map<string, readonly Step[] | undefined>();

/** The values at a path, in order; none when something on the way is missing or the path cannot be read. */
export function valuesAt(value: unknown, path: string): readonly unknown[] {
  let steps = parsed.get(path);
  if (!parsed.has(path)) {
    steps = parsePath(path);
    parsed.set(path, steps);
  }
  if (steps === undefined) return [];
  return steps.reduce<readonly unknown[]>((found, step) => found.flatMap(step), [value]);
}

/** Whether a path can be read. */
export function isJsonPath(path: string): boolean {
  return parsePath(path) !== undefined;
}

const NAME = /^\.((?:\\.|[^.[\]\\'"(){}\s])+)/;
const KEY = /^\[\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*\]/;
const INDEX = /^\[\s*(-?\d+)\s*\]/;
const ALL = /^\[\s*\*\s*\]|^\.\*/;
const FILTER =
  /^\[\?\(\s*@((?:\.(?:\\.|[^\s=!<>)\\])+)+)\s*(?:(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[^\s)]+)\s*)?\)\]/;

function parsePath(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let rest = path.startsWith("$") ? path.slice(1) : path;
  if (rest === ".") return [];
  while (rest !== "") {
    const [step, length] = nextStep(rest) ?? [];
    if (step === undefined || length === undefined) return undefined;
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(rest: string): [Step, number] | undefined {
  const all = ALL.exec(rest);
  if (all !== null) return [everything, all[0].length];
  const name = NAME.exec(rest) ?? KEY.exec(rest);
  if (name !== null) return [field(unescaped(name[1] ?? name[2] ?? "")), name[0].length];
  const index = INDEX.exec(rest);
  if (index !== null) return [item(Number(index[1])), index[0].length];
  const filter = FILTER.exec(rest);
  if (filter === null) return undefined;
  const [whole, path = "", operator, operand] = filter;
  const inner = parsePath(path);
  return inner === undefined ? undefined : [matching(inner, operator, operand), whole.length];
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}

function field(name: string): Step {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    const found = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    return found === undefined ? [] : [found];
  };
}

function item(index: number): Step {
  return (value) => {
    const found = Array.isArray(value) ? value.at(index) : undefined;
    return found === undefined ? [] : [found];
  };
}

const everything: Step = (value) => {
  if (Array.isArray(value)) return value;
  return typeof value === "object" && value !== null ? Object.values(value) : [];
};

function matching(inner: readonly Step[], operator: string | undefined, operand: string | undefined): Step {
  const wanted = operand === undefined ? undefined : literal(operand);
  const fits = (each: unknown): boolean => {
    const [found] = inner.reduce<readonly unknown[]>((values, step) => values.flatMap(step), [each]);
    if (operator === undefined) return found !== undefined;
    return found !== undefined && compares(found, operator, wanted);
  };
  return (value) => (Array.isArray(value) ? value.filter(fits) : []);
}

function literal(text: string): unknown {
  if (/^['"]/.test(text)) return text.slice(1, -1);
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compares(found: unknown, operator: string, wanted: unknown): boolean {
  if (operator === "==") return found === wanted;
  if (operator === "!=") return found !== wanted;
  if (typeof found !== typeof wanted) return false;
  const [a, b] = [found as number, wanted as number];
  if (operator === "<") return a < b;
  if (operator === "<=") return a <= b;
  return operator === ">" ? a > b : a >= b;
}

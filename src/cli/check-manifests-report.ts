import type { Shoot } from "../diagnosis/gardener/index.ts";
import type { Family } from "../ip/family.ts";
import type { Finding } from "./check-manifests.ts";
import { type Output, printable, render } from "./output.ts";

interface Judged {
  /** How many objects were judged, and how many documents were no objects. */
  readonly manifests: number;
  readonly others: number;
  /** How many could not be read; each was named. */
  readonly broken: number;
  readonly families: readonly Family[];
  readonly shoots: readonly Shoot[];
}

/** So many Services without a word on families are named one by one; more are summed up. */
const NAMED = 3;

/** Prints findings, the worst first; sums up in the end, and what is said of many Services alike. */
export function printFindings(findings: readonly Finding[], judged: Judged, output: Output): void {
  const order = ["error", "warning", "note"];
  const sorted = findings.toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
  console.log(render(sorted, output, (all, wide) => textOf(wide ? all : summedUp(all), findings, judged)));
}

function textOf(shown: readonly Finding[], all: readonly Finding[], judged: Judged): string {
  const { manifests, others, broken, families, shoots } = judged;
  if (manifests > 0 && broken === 0 && all.length === 0 && shoots.length === manifests)
    return shoots
      .map(
        ({ metadata }) =>
          `Shoot ${metadata.name}: dual-stack load balancers can be made, as far as can be seen`,
      )
      .join("\n");
  const passed = others === 0 ? "" : `; ${count(others, "document")} passed over: no Kubernetes objects`;
  const unread = broken === 0 ? "" : `; ${count(broken, "document")} could not be read`;
  const verdict = all.length === 0 ? "nothing found" : verdictOf(all);
  if (manifests === 0) return `nothing could be judged${unread}${passed}`;
  const summary = `${verdict}; ${count(manifests, "object")} judged for ${families.join(" and ")}${passed}${unread}`;
  return printable([...shown.map(linesOf), summary].join("\n"));
}

function verdictOf(findings: readonly Finding[]): string {
  return (["error", "warning", "note"] as const)
    .flatMap((level) => {
      const found = findings.filter((finding) => finding.level === level).length;
      return found === 0 ? [] : [count(found, level)];
    })
    .join(", ");
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

function summedUp(findings: readonly Finding[]): readonly Finding[] {
  const silent = findings.filter(({ code, field }) => code === "service-one-family" && field === "spec");
  const [first] = silent;
  if (first === undefined || silent.length <= NAMED) return findings;
  const names = silent.slice(0, NAMED).map(({ object, file, line }) => `${object} (${file}:${line})`);
  const one: Finding = {
    ...first,
    object: `${silent.length} Services`,
    message: "ipFamilyPolicy is missing: they get the cluster's first family alone",
    file: `${names.join(", ")}, …; -o wide names all`,
    line: undefined,
  };
  return [...findings.filter((finding) => !silent.includes(finding)), one];
}

function linesOf({ level, object, field, message, next, by, file, line, code }: Finding): string {
  const lines = [
    `${level}: ${object}: ${field}: ${message}${by === "gardener" ? " (refused by Gardener)" : ""}`,
  ];
  if (file !== undefined)
    lines.push(`  where: ${file}${line === undefined ? "" : `:${line}`}${code ? ` [${code}]` : ""}`);
  if (next !== undefined) lines.push(`  next: ${next}`);
  return lines.join("\n");
}

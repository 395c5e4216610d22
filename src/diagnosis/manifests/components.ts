/** Flags of Kubernetes' own components in static pods, judged as `tandem check flags` does. Pure. */
import { COMPONENTS, judgeCluster } from "../../allocation/flags/index.ts";
import type { Family } from "../../ip/family.ts";
import type { Path, Remark } from "./model.ts";
import type { Word } from "./words.ts";

/** Judges the component that a container runs, if it is one. */
export function judgeComponents(words: readonly Word[], path: Path, families: readonly Family[]): Remark[] {
  const names = words.map(({ text }) => (text.startsWith("-") ? "" : text.replace(/^.*\//, "")));
  const component = COMPONENTS.find((name) => names.includes(name));
  if (component === undefined) return [];
  const index = names.indexOf(component);
  const flags = words.slice(index + 1);
  const report = judgeCluster([{ component, args: flags.map(({ text }) => text), line: 1 }]);
  const refused = report.components.flatMap(({ verdict }) => (verdict.accepted ? [] : [verdict.error]));
  if (refused.length > 0)
    return refused.map((error) => ({
      code: "flags-refused",
      level: "error",
      path: words[index]?.path ?? path,
      message: `${component} (${report.kubernetes}) refuses its flags: ${error}`,
      next: `tandem check flags ${component} FLAGS says it of other flags`,
    }));
  if (families.length < 2) return [];
  return report.findings.map(({ flag, problem, next, example }) => ({
    code: "cluster-one-family",
    level: "note",
    path: flags.find(({ text }) => text.startsWith(flag))?.path ?? path,
    message: `${component}: ${flag}: ${problem}`,
    next: example === undefined ? next : `${next} (for example ${example})`,
  }));
}

import type { Command } from "commander";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { bringUp, checkMachine } from "../lab/index.ts";
import { parseShape } from "./cluster.ts";
import { ENVOY_FLAG, envoyOfLab } from "./lab-envoy.ts";
import { columns, parseOutput, render } from "./output.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import { type Finding, inPart, type Scenario, ScenarioRoom } from "./scenarios/scenario.ts";
import { createSteps, supportsUnicode } from "./steps.ts";
import { abortOnSignals } from "./wiring.ts";

interface RunFlags {
  name: string;
  envoy?: string;
  output: string;
}

/** A scenario's steps with what they found. */
interface ScenarioReport {
  readonly scenario: string;
  readonly holds: boolean;
  readonly steps: readonly ({ readonly title: string } & Finding)[];
}

/** Adds `run` to `tandem lab`. */
export function addRunCommand(lab: Command): void {
  lab
    .command("run [scenario]")
    .description(
      "Play a scenario in a cluster of its own, step by step with the evidence; without a name, list them.",
    )
    .option("--name <cluster>", "name of the cluster that is brought up for it", "scenario")
    .option(...ENVOY_FLAG)
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(play);
}

async function play(name: string | undefined, flags: RunFlags): Promise<void> {
  const output = parseOutput(flags.output);
  if (name === undefined) {
    const all = SCENARIOS.map(({ name, summary }) => ({ name, summary }));
    console.log(render(all, output, () => columns(all.map((item) => [item.name, item.summary]))));
    return;
  }
  const scenario = SCENARIOS.find((item) => item.name === name);
  if (scenario === undefined) throw unknown(name);
  const live = output === "table" || output === "wide";
  const report = await playIn(scenario, flags, (line) => live && console.log(line));
  if (!live) console.log(render(report, output, () => ""));
  process.exitCode = report.holds ? EXIT.ok : EXIT.findings;
}

function unknown(name: string): UserError {
  return new UserError({
    what: "cannot play the scenario",
    where: JSON.stringify(name),
    why: `the scenarios are ${SCENARIOS.map((item) => item.name).join(", ")}`,
    next: "tandem lab run",
    exitCode: EXIT.usage,
  });
}

/** The cluster ends with the play, whatever way that ends. */
async function playIn(
  scenario: Scenario,
  flags: RunFlags,
  print: (line: string) => void,
): Promise<ScenarioReport> {
  const { families, nodes } = scenario;
  const shape = parseShape({
    name: flags.name,
    nodes: String(nodes),
    ipFamilies: families.join(","),
    port: "0",
  });
  const steps = createSteps();
  const signal = abortOnSignals();
  checkMachine(shape);
  const cluster = await bringUp({
    ...shape,
    ...envoyOfLab(flags.envoy),
    once: true,
    signal,
    step: steps.run,
  });
  const room = await ScenarioRoom.of(cluster, signal);
  try {
    await steps.run(`Preparing ${scenario.name}`, () =>
      inPart(`scenario ${scenario.name}, before its first step`, () => scenario.prepare(room)),
    );
    return await tell(scenario, room, print);
  } finally {
    room.close();
    await cluster.stop();
  }
}

async function tell(
  scenario: Scenario,
  room: ScenarioRoom,
  print: (line: string) => void,
): Promise<ScenarioReport> {
  const marks = supportsUnicode() ? { holds: "✓", fails: "✗" } : { holds: "ok", fails: "FAILED" };
  const found: ({ title: string } & Finding)[] = [];
  for (const { title, look } of scenario.steps) {
    const place = `scenario ${scenario.name}, step ${found.length + 1} (${title})`;
    const finding = await inPart(place, () => look(room));
    found.push({ title, ...finding });
    print(`\n${found.length}. ${title}`);
    for (const line of finding.evidence) print(`     ${line}`);
    print(`   ${finding.holds ? marks.holds : marks.fails} ${finding.verdict}`);
  }
  return { scenario: scenario.name, holds: found.every(({ holds }) => holds), steps: found };
}

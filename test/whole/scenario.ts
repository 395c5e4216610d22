/** Plays a scenario of `tandem lab run` once, for the tests of one describe() to look at its steps. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { makeHome } from "./tandem.ts";

interface Step {
  title: string;
  evidence: string[];
  verdict: string;
  holds: boolean;
}

/** What a scenario said, and how it ended. */
export interface PlayedScenario {
  status(): number | null;
  /** The evidence of the step with this title, which has to hold. */
  seen(title: RegExp): string;
}

/** To be called in a describe(): the scenario is played before its tests. */
export function playScenario(name: string): PlayedScenario {
  const home = makeHome({ name: "whoever runs the tests" });
  let status: number | null = null;
  let steps: Step[] = [];
  before(() => {
    const run = home.run(["lab", "run", name, "-o", "json"]);
    status = run.status;
    assert.notEqual(run.stdout, "", run.stderr);
    steps = (JSON.parse(run.stdout) as { steps: Step[] }).steps;
  });
  after(home.remove);
  return {
    status: () => status,
    seen(title) {
      const step = steps.find((item) => title.test(item.title));
      assert.ok(step?.holds, JSON.stringify(step));
      return step.evidence.join("\n");
    },
  };
}

import { text } from "node:stream/consumers";
import { Command } from "commander";
import {
  type ClusterReport,
  COMPONENTS,
  type Component,
  findComponents,
  judge,
  judgeCluster,
  KUBERNETES_VERSION,
} from "../allocation/flags/index.ts";
import { closest } from "../errors/closest.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { printCluster } from "./check-report.ts";
import { type Output, parseOutput, render } from "./output.ts";

const HELP = `
<component> is ${COMPONENTS.join(", ")}. A refusal is printed to
standard error in the component's own words.

Exit codes: 0 accepted, or the listed cluster is dual-stack; 65 refused, or no component in the listing;
79 the listed cluster is not dual-stack, or its flags do not fit together.

Examples:
  tandem check flags kube-apiserver --service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112
  ps -ef | tandem check flags -`;

/** `tandem check flags`: a component's flags, or those of all components in a process listing (`-`). */
export function defineFlags(): Command {
  return new Command("flags")
    .description(`Say what Kubernetes' components (${KUBERNETES_VERSION}) would say to their flags.`)
    .argument("<component>", "whose flags follow, or - to read a process listing from standard input")
    .argument("[flags...]", "the component's flags, as on its command line")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .allowUnknownOption()
    .addHelpText("after", HELP)
    .action(async (subject: string, args: string[], options: { output: string }) => {
      const output = parseOutput(options.output);
      process.exitCode =
        subject === "-" ? await checkListing(args, output) : checkComponent(subject, args, output);
    });
}

function checkComponent(subject: string, args: readonly string[], output: Output): number {
  const component = componentOf(subject);
  const verdict = judge(component, args);
  if (output === "json" || output === "yaml") {
    const data = { component, kubernetes: KUBERNETES_VERSION, args, ...verdict };
    console.log(render(data, output, () => ""));
  } else if (verdict.accepted) {
    console.log(`${component} ${KUBERNETES_VERSION} accepts these flags`);
    for (const note of verdict.notes) console.log(`  note: ${note}`);
  } else console.error(verdict.error);
  return verdict.accepted ? EXIT.ok : EXIT.badInput;
}

function componentOf(subject: string): Component {
  const name = subject.slice(subject.lastIndexOf("/") + 1);
  const component = COMPONENTS.find((known) => known === name);
  if (component !== undefined) return component;
  const near = closest(name, COMPONENTS);
  throw new UserError({
    what: "cannot check flags",
    where: `component ${JSON.stringify(subject)}`,
    why: "its flags do not decide about families, or it is no component of Kubernetes",
    next: `${near === undefined ? "" : `did you mean ${near}? `}name one of ${COMPONENTS.join(", ")}, or - to read a process listing`,
    exitCode: EXIT.usage,
  });
}

async function checkListing(args: readonly string[], output: Output): Promise<number> {
  if (args.length > 0) {
    throw new UserError({
      what: "cannot check flags",
      where: `argument ${JSON.stringify(args[0])}`,
      why: "after - the flags are read from the listing on standard input",
      next: "ps -ef | tandem check flags -",
      exitCode: EXIT.usage,
    });
  }
  const listing = await text(process.stdin);
  const processes = findComponents(listing);
  if (processes.length === 0) throw nothingFound(listing);
  const report = judgeCluster(processes);
  console.log(render(report, output, printCluster));
  return exitCodeOf(report);
}

function exitCodeOf(report: ClusterReport): number {
  if (report.components.some((item) => !item.verdict.accepted)) return EXIT.badInput;
  return report.cluster === "dual-stack" ? EXIT.ok : EXIT.findings;
}

const ALL_IN_ONE = /\b(k3s|rke2|k0s|kubelite|microk8s)\b/;

function nothingFound(listing: string): UserError {
  const allInOne = ALL_IN_ONE.exec(listing)?.[0];
  return new UserError({
    what: "cannot judge the cluster",
    where: "the process listing on standard input",
    why:
      allInOne === undefined
        ? `it has no process of ${COMPONENTS.join(", ")}`
        : `${allInOne} runs the components inside its own process, where their flags do not show`,
    next:
      allInOne === undefined
        ? "run `ps -ef | tandem check flags -` on a node of the cluster"
        : `take the flags from ${allInOne}'s configuration and run \`tandem check flags kube-apiserver …\``,
    exitCode: EXIT.badInput,
  });
}

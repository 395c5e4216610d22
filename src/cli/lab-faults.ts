/** `tandem lab break`, `mend` and `faults`: faults on purpose, and their end. */
import { type Command, Option } from "commander";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { FAMILIES, type Family } from "../ip/family.ts";
import {
  askFaults,
  describeEffect,
  type Fault,
  type FaultEffect,
  type FaultTarget,
  nameOfTarget,
} from "../lab/index.ts";
import { DEFAULT_NAME, stateDirOfCluster } from "./cluster.ts";
import { OUTPUTS, parseOutput, render } from "./output.ts";

interface BreakFlags {
  name: string;
  namespace: string;
  family?: string;
  loss?: string;
  bind?: string;
  port?: string;
  freeze?: boolean;
  stop?: boolean;
}

interface TargetFlags {
  name: string;
  namespace: string;
}

/** Adds the commands to `tandem lab`. */
export function addFaultCommands(lab: Command): void {
  withTarget(lab.command("break <kind> <names...>"))
    .description("Break a pod, a node or the link between two nodes; without flags both families are gone.")
    .usage("pod NAMESPACE/NAME | node NAME | link NODE NODE  [options]")
    .option("--family <family>", "one family only: IPv4 or IPv6")
    .option("--loss <percent>", "lose this part of the packets, each way, instead of all: 30%")
    .option(
      "--bind <family>",
      "pod: answer as a server bound to this family alone (TCP, and UDP with --port)",
    )
    .option("--port <port>", "with --bind: this port only")
    .option("--freeze", "pod: let its processes stand still")
    .option("--stop", "node: as by a power cut; after 50 s it is NotReady")
    .action(breakIt);
  withTarget(lab.command("mend [kind] [names...]"))
    .description("Mend a pod, node or link, or faults by their numbers; without arguments everything.")
    .usage("[pod NAMESPACE/NAME | node NAME | link NODE NODE | NUMBER...]  [options]")
    .action(mend);
  lab
    .command("faults")
    .description("List the faults that are in force.")
    .option("--name <cluster>", "the cluster of `tandem up`", DEFAULT_NAME)
    .option("-o, --output <format>", `${OUTPUTS.join(", ")}`, "table")
    .action(list);
}

function withTarget(command: Command): Command {
  return command
    .option("--name <cluster>", "the cluster of `tandem up`", DEFAULT_NAME)
    .addOption(new Option("-n, --namespace <namespace>", "namespace of the pod").default("default"));
}

async function breakIt(kind: string, names: string[], flags: BreakFlags): Promise<void> {
  const spec = { target: targetOf(kind, names, flags.namespace), effect: effectOf(kind, flags) };
  const made = await askFaults(stateDirOfCluster(flags.name), { op: "break", spec });
  for (const fault of made)
    console.error(` ✓ ${sentence(fault)}; mend it with: ${mendCommand(fault, flags.name)}`);
}

async function mend(kind: string | undefined, names: string[], flags: TargetFlags): Promise<void> {
  const words = kind === undefined ? [] : [kind, ...names];
  const ids = words.every((word) => /^\d+$/.test(word)) ? words.map(Number) : undefined;
  const only =
    words.length === 0
      ? {}
      : ids !== undefined
        ? { ids }
        : { target: targetOf(kind as string, names, flags.namespace) };
  const mended = await askFaults(stateDirOfCluster(flags.name), { op: "mend", ...only });
  for (const fault of mended) console.error(` ✓ mended: ${sentence(fault)}`);
  if (mended.length === 0) console.error("nothing is broken");
}

async function list({ name, output }: { name: string; output: string }): Promise<void> {
  const format = parseOutput(output);
  const faults = await askFaults(stateDirOfCluster(name), { op: "list" });
  console.log(render(faults, format, faultTable));
}

function faultTable(faults: readonly Fault[]): string {
  if (faults.length === 0) return "no fault is in force";
  const rows = faults.map((fault) => [
    String(fault.id),
    nameOfTarget(fault.target),
    describeEffect(fault.effect),
    fault.since,
  ]);
  const all = [["ID", "TARGET", "FAULT", "SINCE"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] as string).length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

function sentence({ id, target, effect }: Fault): string {
  return `fault ${id}: ${nameOfTarget(target)}: ${describeEffect(effect)}`;
}

function mendCommand({ id }: Fault, name: string): string {
  return `tandem lab mend ${id}${name === DEFAULT_NAME ? "" : ` --name ${name}`}`;
}

function usage(where: string, why: string, next: string): UserError {
  return new UserError({ what: "cannot break it", where, why, next, exitCode: EXIT.usage });
}

function targetOf(kind: string, names: readonly string[], namespace: string): FaultTarget {
  const where = [kind, ...names].join(" ");
  const [first = "", second = ""] = names;
  if (kind === "pod" && names.length === 1) {
    const slash = first.indexOf("/");
    return slash < 0
      ? { kind, namespace, name: first }
      : { kind, namespace: first.slice(0, slash), name: first.slice(slash + 1) };
  }
  if (kind === "node" && names.length === 1) return { kind, name: first };
  if (kind === "link" && names.length === 2) return { kind, nodes: [first, second] };
  const why = ["pod", "node", "link"].includes(kind)
    ? `a ${kind} is given by ${kind === "link" ? "two names" : "one name"}`
    : `${JSON.stringify(kind)} is nothing that can be broken`;
  throw usage(where, why, "tandem lab break pod default/web, node node-2, or link node-1 node-2");
}

function effectOf(kind: string, flags: BreakFlags): FaultEffect {
  const chosen = (["bind", "freeze", "stop"] as const).filter((name) => flags[name] !== undefined);
  const loss = flags.family !== undefined || flags.loss !== undefined;
  if (chosen.length + (loss ? 1 : 0) > 1) {
    const why = "one fault at a time; several of one target add up";
    throw usage("flags --bind, --freeze, --stop, --family and --loss", why, "give one, then the next");
  }
  const [choice] = chosen;
  const home = { bind: "pod", freeze: "pod", stop: "node" } as const;
  if (choice !== undefined && home[choice] !== kind)
    throw usage(
      `flag --${choice}`,
      `it is for a ${home[choice]}, and this is a ${kind}`,
      "tandem lab break --help",
    );
  if (flags.port !== undefined && choice !== "bind")
    throw usage(
      "flag --port",
      "it goes with --bind",
      "tandem lab break pod default/web --bind IPv4 --port 8080",
    );
  if (choice === "freeze" || choice === "stop") return { kind: choice };
  if (flags.bind !== undefined) {
    const port = flags.port === undefined ? {} : { port: numberOf("--port", flags.port, 65_535) };
    return { kind: "bind", family: familyOf("--bind", flags.bind), ...port };
  }
  const percent = flags.loss === undefined ? 100 : numberOf("--loss", flags.loss.replace(/%$/, ""), 100);
  const family = flags.family === undefined ? {} : { family: familyOf("--family", flags.family) };
  return { kind: "loss", percent, ...family };
}

function familyOf(flag: string, text: string): Family {
  const family = FAMILIES.find((known) => known.toLowerCase() === text.toLowerCase());
  if (family !== undefined) return family;
  throw usage(`flag ${flag}, value ${JSON.stringify(text)}`, "it is not a family", `${flag} IPv6`);
}

function numberOf(flag: string, text: string, max: number): number {
  const number = Number(text);
  if (/^[0-9]+$/.test(text) && number >= 1 && number <= max) return number;
  const why = `it is not a whole number from 1 to ${max}`;
  throw usage(`flag ${flag}, value ${JSON.stringify(text)}`, why, `${flag} 30`);
}

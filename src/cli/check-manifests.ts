import { existsSync } from "node:fs";
import { Command } from "commander";
import { type LocatedObject, readLeniently } from "../client/index.ts";
import type { ShootFinding } from "../diagnosis/gardener/index.ts";
import { type Code, CODES, fieldOf, judgeBalancer, judgeManifest } from "../diagnosis/manifests/index.ts";
import { closest } from "../errors/closest.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { FAMILIES, type Family } from "../ip/family.ts";
import { printFindings } from "./check-manifests-report.ts";
import { isService, isShoot, judgeShoots, type ShootFlags, withShootFlags } from "./check-shoot.ts";
import { readFamilies } from "./cluster.ts";
import { collect } from "./flags.ts";
import { parseOutput, printable } from "./output.ts";
import { unknownCommand } from "./usage.ts";

const HELP = `
Reads manifests without a cluster, and says what of them one family of it does not reach: Services with one family, what
the API server refuses of their families, programs bound to 0.0.0.0, files of nginx, HAProxy, redis and others in
ConfigMaps, probes, policies, settings that switch IPv6 off, gateways, pools, clusters of kind and kubeadm, and Shoots of
Gardener's (the families are then the Shoot's). Files are YAML, JSON, lists, JSON by lines; other YAML is passed over.

Levels: error (refused by the API server, or by Gardener), warning (a family is dead), note (a choice that may be meant).
Exit codes: 0 nothing but notes; 64 wrong usage; 65 an error, or a file that cannot be read; 79 a warning.

Examples:
  tandem check -f deploy.yaml
  helm template web ./chart | tandem check -f -
  kubectl get svc,deploy,ds,sts,cm,netpol -A -o yaml | tandem check -f -
  tandem check --ip-families IPv6,IPv4 --ignore service-one-family manifests/*.yaml
  tandem check -f shoot.yaml -f service.yaml --vpc vpc.json`;

interface Flags extends ShootFlags {
  readonly filename: string[];
  readonly ipFamilies?: string;
  readonly ignore: string[];
  readonly output: string;
}

/** One finding, as `-o json` has it. */
export interface Finding extends Omit<ShootFinding, "next"> {
  /** Of Shoots and load balancers, undefined: their findings have no codes. */
  readonly code: Code | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly next: string | undefined;
}

/** `tandem check [manifests] -f F`: judges manifests of all kinds. */
export function defineManifests(): Command {
  const command = new Command("manifests")
    .description("Say what of manifests is served, heard or allowed over one family alone.")
    .argument("[files...]", "as with -f")
    .option("-f, --filename <path>", "manifests: file, directory or - (repeatable)", collect, [])
    .option(
      "--ip-families <list>",
      `the families of the cluster, primary first (default: ${FAMILIES.join(",")})`,
    )
    .option("--ignore <code>", "leave findings of this code out (repeatable)", collect, []);
  return withShootFlags(command)
    .option("-o, --output <format>", "table, wide (nothing summed up), json or yaml", "table")
    .addHelpText("after", HELP)
    .action(async (files: string[], flags: Flags, self: Command) => {
      const [first] = files;
      // a word that is neither a file nor like one was meant as a command
      if (first !== undefined && /^[a-z]+$/.test(first) && !existsSync(first) && self.parent !== null)
        throw unknownCommand(self.parent as Command, first);
      process.exitCode = await checkManifests([...flags.filename, ...files], flags);
    });
}

async function checkManifests(paths: readonly string[], flags: Flags): Promise<number> {
  const output = parseOutput(flags.output);
  const given = flags.ipFamilies === undefined ? undefined : readFamilies(flags.ipFamilies, "cannot check");
  if (paths.length === 0) throw usage("no manifest is given", "tandem check -f deploy.yaml");
  flags.ignore.forEach(refuseUnknownCode);
  const { manifests, broken, others } = await read(paths);
  if (manifests.length === 0 && broken === 0) throw nothingThere(paths, others);
  const shoots = manifests.map(({ object }) => object).filter(isShoot);
  const families = given ?? familiesOfShoot(shoots) ?? FAMILIES;
  const services = manifests.map(({ object }) => object).filter(isService);
  const ofShoots = shoots.length === 0 ? [] : await judgeShoots(shoots, services, flags);
  const findings = [
    ...ofShoots.map((finding) => placed(finding, manifests)),
    ...manifests.flatMap((manifest) => judge(manifest, families, shoots.length === 0)),
  ].filter(({ code }) => code === undefined || !flags.ignore.includes(code));
  printFindings(findings, { manifests: manifests.length, others, broken, families, shoots }, output);
  if (broken > 0 || findings.some(({ level }) => level === "error")) return EXIT.badInput;
  return findings.some(({ level }) => level === "warning") ? EXIT.findings : EXIT.ok;
}

/** What cannot be read is said at once, on stderr, and the rest is judged all the same. */
async function read(
  paths: readonly string[],
): Promise<{ manifests: readonly LocatedObject[]; broken: number; others: number }> {
  let broken = 0;
  let others = 0;
  const manifests = await readLeniently(paths, {
    broken: (error) => {
      broken++;
      console.error(`tandem: ${printable(error.message)}`);
    },
    other: () => {
      others++;
    },
  });
  return { manifests, broken, others };
}

/** A finding about a Shoot, or a Service in it, with the place of that object. */
function placed(finding: ShootFinding, manifests: readonly LocatedObject[]): Finding {
  const [kind, path = ""] = finding.object.split(" ");
  const found = manifests.find(({ object }) => {
    const { name, namespace } = object.metadata;
    return object.kind === kind && (path === name || path === `${namespace ?? "default"}/${name}`);
  });
  return { ...finding, code: undefined, file: found?.file, line: found?.line };
}

/** Load balancers are judged here where no Shoot decides what they can be. */
function judge(
  { object, file, lineAt }: LocatedObject,
  families: readonly Family[],
  balancers: boolean,
): Finding[] {
  const { kind, metadata } = object;
  const name = [metadata?.namespace, metadata?.name].filter((part) => typeof part === "string").join("/");
  const isBalancer = balancers && isService(object);
  const remarks = [
    ...judgeManifest(object, families as [Family]),
    ...(isBalancer ? judgeBalancer(object) : []),
  ];
  return remarks.map(({ code, level, path, textLine, message, next }) => ({
    level,
    code,
    object: `${kind} ${name}`.trim(),
    field: fieldOf(path),
    file,
    line: lineAt(path, textLine),
    message,
    next,
    by: "tandem" as const,
  }));
}

function familiesOfShoot(shoots: readonly object[]): readonly Family[] | undefined {
  const [shoot] = shoots as readonly { spec?: { networking?: { ipFamilies?: unknown } } }[];
  if (shoots.length !== 1) return undefined;
  const said = shoot?.spec?.networking?.ipFamilies;
  const families = Array.isArray(said)
    ? said.filter((one): one is Family => FAMILIES.includes(one as Family))
    : [];
  return families.length > 0 ? families : ["IPv4"];
}

function refuseUnknownCode(code: string): void {
  if (Object.hasOwn(CODES, code)) return;
  const near = closest(code, Object.keys(CODES));
  const list = `the codes are ${Object.keys(CODES).join(", ")}`;
  throw new UserError({
    what: "cannot check",
    where: `flag --ignore, value ${JSON.stringify(code)}`,
    why: "there is no such code",
    next: near === undefined ? list : `did you mean ${near}? ${list}`,
    exitCode: EXIT.usage,
  });
}

function nothingThere(paths: readonly string[], others: number): UserError {
  return new UserError({
    what: "cannot check",
    where: paths.map((path) => (path === "-" ? "standard input" : path)).join(", "),
    why:
      others === 0
        ? "there is nothing in it"
        : "there is no Kubernetes object in it: none has apiVersion and kind",
    next: "give manifests; values of a chart are rendered with: helm template NAME CHART | tandem check -f -",
    exitCode: EXIT.badInput,
  });
}

function usage(why: string, next: string): UserError {
  return new UserError({ what: "cannot check", where: "the command line", why, next, exitCode: EXIT.usage });
}

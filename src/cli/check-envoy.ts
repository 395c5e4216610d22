import { Command } from "commander";
import { countPorts, judgeListeners, type ListenerFinding } from "../diagnosis/envoy/index.ts";
import { envoysIn, type FoundEnvoy, parseDocuments } from "../diagnosis/envoy/sources.ts";
import { badInputFor } from "../errors/bad-input.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { FAMILIES } from "../ip/family.ts";
import { readFamilies } from "./cluster.ts";
import { collect } from "./flags.ts";
import { readInput } from "./input.ts";
import { parseOutput, render } from "./output.ts";

const badInput = badInputFor("cannot check");

const HELP = `
Finds ports of an Envoy that one family of a cluster does not reach, such as a health port on 0.0.0.0 in a cluster with
IPv6 first: its pods never get ready. Files are what an Envoy answers to /config_dump, what egctl and istioctl write of
it (JSON or YAML), an Envoy's own configuration file, and manifests with one (--config-yaml, ConfigMaps).

Exit codes: 0 nothing to say; 65 no Envoy in the files; 79 a finding.

Examples:
  kubectl -n NS port-forward POD 19000 & curl -s localhost:19000/config_dump | tandem check envoy -f -
  kubectl get deploy,ds,cm -A -o yaml | tandem check envoy -f -
  tandem check envoy -f bootstrap.yaml --ip-families IPv6`;

interface Flags {
  readonly filename: string[];
  readonly ipFamilies: string;
  readonly output: string;
}

/** `tandem check envoy -f F`: judges where Envoys listen. */
export function defineEnvoy(): Command {
  return new Command("envoy")
    .description("Find ports of Envoys that hear one family alone.")
    .option("-f, --filename <path>", "a dump, a configuration or manifests; - (repeatable)", collect, [])
    .option("--ip-families <list>", "the families of the cluster", FAMILIES.join(","))
    .option("-o, --output <format>", "table, json or yaml", "table")
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => {
      process.exitCode = await checkEnvoys(flags);
    });
}

async function checkEnvoys({ filename, ipFamilies, output: format }: Flags): Promise<number> {
  const output = parseOutput(format);
  const families = readFamilies(ipFamilies, "cannot check");
  if (filename.length === 0)
    throw new UserError({
      what: "cannot check",
      where: "the command line",
      why: "no file is given",
      next: "tandem check envoy -f dump.json",
      exitCode: EXIT.usage,
    });
  const found = (await Promise.all(filename.map(readEnvoys))).flat();
  const findings = found.flatMap(({ name, dump }) =>
    judgeListeners(dump, families).map((finding) => ({ envoy: name, ...finding })),
  );
  const names = found.map(({ name }) => name).join(", ");
  const ports = found.reduce((sum, { dump }) => sum + countPorts(dump), 0);
  const fine =
    ports === 0
      ? `no port of ${names} is bound in the network`
      : `all ports of ${names} (${ports}) hear ${families.join(" and ")}`;
  console.log(render(findings, output, (all) => (all.length === 0 ? fine : all.map(lines).join("\n"))));
  return findings.length > 0 ? EXIT.findings : EXIT.ok;
}

function lines({ envoy, level, object, message, next }: ListenerFinding & { envoy: string }): string {
  return `${level}: ${envoy}: ${object}: ${message}\n  next: ${next}`;
}

async function readEnvoys(path: string): Promise<readonly FoundEnvoy[]> {
  const found = documentsOf(await readInput(path, about(path)), path)
    .flatMap(envoysIn)
    .map(({ name, dump }) => ({ name: name === "" ? path : name, dump }));
  if (found.length > 0) return found;
  throw badInput(
    path,
    "there is no configuration of an Envoy in it",
    "make one with: curl 'http://127.0.0.1:19000/config_dump'; in manifests it is looked for in --config-yaml and ConfigMaps",
  );
}

function about(path: string): { what: string; where: string; next: string } {
  return { what: "cannot check", where: path, next: "give a file, or - for standard input" };
}

function documentsOf(content: string, path: string): ReturnType<typeof parseDocuments> {
  try {
    return parseDocuments(content);
  } catch (cause) {
    const why = `it is neither JSON nor YAML: ${(cause as Error).message.trimEnd()}`;
    throw badInput(
      path,
      why,
      "give what Envoy answers to /config_dump, its configuration, or manifests",
      cause,
    );
  }
}

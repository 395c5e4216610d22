import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { readManifests } from "../client/index.ts";
import { judgeShoot, type KnownVpc, type Shoot, type ShootFinding } from "../diagnosis/gardener/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { parseCidr } from "../ip/cidr.ts";
import type { Service } from "../objects/types.ts";
import { type Output, parseOutput, render } from "./output.ts";
import { collect } from "./flags.ts";
import { badInputFor } from "../errors/bad-input.ts";

const badInput = badInputFor("cannot check");

const HELP = `
Judges Gardener's Shoots on AWS, and Services beside them: whether dual-stack load balancers can be made, in Gardener's words where Gardener refuses. What only the AWS account knows is a note; give what is known
of an existing VPC with --vpc-ipv6-cidr, or with --vpc the answer of \`aws ec2 describe-vpcs\`.

Exit codes: 0 nothing to say but notes; 65 an error; 79 a warning.

Examples:
  tandem check -f shoot.yaml
  tandem check -f shoot.yaml -f service.yaml --vpc vpc.json
  tandem check -f shoot.yaml --old shoot-before.yaml`;

interface Flags {
  readonly filename: string[];
  readonly old?: string;
  readonly vpc?: string;
  readonly vpcIpv6Cidr?: string;
  readonly output: string;
}

/** `tandem check [shoot] -f F`: judges Shoots, and Services beside them, from manifests. */
export function defineShoot(): Command {
  return new Command("shoot")
    .description("Say whether Gardener's Shoots can have dual-stack load balancers.")
    .option("-f, --filename <path>", "manifests: file, directory or - (repeatable)", collect, [])
    .option("--old <file>", "the Shoot as it was, to judge the change")
    .option("--vpc <file>", "what `aws ec2 describe-vpcs` says of the existing VPC (JSON)")
    .option("--vpc-ipv6-cidr <cidr>", "the IPv6 range of the existing VPC, or none")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => {
      process.exitCode = await checkShoots(flags);
    });
}

async function checkShoots(flags: Flags): Promise<number> {
  const output = parseOutput(flags.output);
  if (flags.filename.length === 0) throw usage("no manifest is given", "tandem check -f shoot.yaml");
  const { shoots, services } = await readShoots(flags.filename);
  if (shoots.length === 0)
    throw badInput(flags.filename.join(", "), "there is no Shoot in it", "give a manifest of kind Shoot");
  const old = flags.old === undefined ? [] : (await readShoots([flags.old])).shoots;
  const vpc = await knownVpc(flags);
  const only = shoots.length === 1;
  const findings = shoots.flatMap((shoot) =>
    judgeShoot(shoot, { old: versionOf(shoot, old), vpc, services: only ? services : [] }),
  );
  print(findings, shoots, output);
  if (!only && services.length > 0)
    console.error(
      `${services.length} Services are not judged: there are ${shoots.length} Shoots, and it is not said whose they are`,
    );
  if (findings.some(({ level }) => level === "error")) return EXIT.badInput;
  return findings.some(({ level }) => level === "warning") ? EXIT.findings : EXIT.ok;
}

async function readShoots(paths: readonly string[]): Promise<{ shoots: Shoot[]; services: Service[] }> {
  const objects = (await readManifests(paths)).map(({ object }) => object);
  return {
    shoots: objects.filter(
      ({ apiVersion, kind }) => kind === "Shoot" && apiVersion.startsWith("core.gardener.cloud/"),
    ) as Shoot[],
    services: objects.filter(
      ({ apiVersion, kind }) => kind === "Service" && apiVersion === "v1",
    ) as Service[],
  };
}

function versionOf({ metadata }: Shoot, old: readonly Shoot[]): Shoot | undefined {
  return old.find(
    (shoot) => shoot.metadata.name === metadata.name && shoot.metadata.namespace === metadata.namespace,
  );
}

async function knownVpc({ vpc, vpcIpv6Cidr }: Flags): Promise<KnownVpc | undefined> {
  if (vpcIpv6Cidr !== undefined) {
    if (vpcIpv6Cidr === "none") return { id: undefined, ipv6Cidrs: [] };
    if (parseCidr(vpcIpv6Cidr)?.family === "IPv6") return { id: undefined, ipv6Cidrs: [vpcIpv6Cidr] };
    throw usage(
      `--vpc-ipv6-cidr ${vpcIpv6Cidr} is no IPv6 CIDR`,
      "--vpc-ipv6-cidr=2001:db8:1200::/56, or none",
    );
  }
  return vpc === undefined ? undefined : readVpc(vpc);
}

/** The answer of describe-vpcs; ranges that are not (or no longer) associated do not count. */
async function readVpc(file: string): Promise<KnownVpc> {
  const next = "aws ec2 describe-vpcs --vpc-ids vpc-… > vpc.json";
  let answer: unknown;
  try {
    answer = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw badInput(file, (error as Error).message, next);
  }
  const vpcs = (answer as { Vpcs?: unknown } | null)?.Vpcs;
  if (!Array.isArray(vpcs) || vpcs.length !== 1)
    throw badInput(file, "it is not the answer of describe-vpcs for one VPC", next);
  const [vpc] = vpcs as [{ VpcId?: string; Ipv6CidrBlockAssociationSet?: readonly Association[] }];
  const associated = (vpc.Ipv6CidrBlockAssociationSet ?? []).filter(
    ({ Ipv6CidrBlockState: state }) => state?.State === undefined || state.State === "associated",
  );
  return { id: vpc.VpcId, ipv6Cidrs: associated.flatMap(({ Ipv6CidrBlock: cidr }) => cidr ?? []) };
}

interface Association {
  readonly Ipv6CidrBlock?: string;
  readonly Ipv6CidrBlockState?: { readonly State?: string };
}

function print(findings: readonly ShootFinding[], shoots: readonly Shoot[], output: Output): void {
  if (findings.length > 0 || output === "json" || output === "yaml")
    console.log(render(findings, output, (all) => all.map(lines).join("\n")));
  else
    for (const { metadata } of shoots)
      console.log(`Shoot ${metadata.name}: dual-stack load balancers can be made, as far as can be seen`);
}

function lines({ level, object, field, message, next, by }: ShootFinding): string {
  const head = `${level}: ${object}: ${field}: ${message}${by === "gardener" ? " (refused by Gardener)" : ""}`;
  return next === undefined ? head : `${head}\n  next: ${next}`;
}

function usage(why: string, next: string): UserError {
  return new UserError({ what: "cannot check", where: "the command line", why, next, exitCode: EXIT.usage });
}

import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { readManifests } from "../client/index.ts";
import { judgeShoot, type KnownVpc, type Shoot, type ShootFinding } from "../diagnosis/gardener/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { parseCidr } from "../ip/cidr.ts";
import type { AnyObject, Service } from "../objects/types.ts";
import { type Output, parseOutput, render } from "./output.ts";
import { collect } from "./flags.ts";
import { badInputFor } from "../errors/bad-input.ts";

const badInput = badInputFor("cannot check");

const HELP = `
Judges Gardener's Shoots on AWS, and Services beside them: whether dual-stack load balancers can be made, in Gardener's
words where Gardener refuses. What only the AWS account knows is a note; give what is known of an existing VPC with
--vpc-ipv6-cidr, or with --vpc the answer of \`aws ec2 describe-vpcs\`.

Exit codes: 0 nothing to say but notes; 65 an error; 79 a warning.

Examples:
  tandem check shoot -f shoot.yaml
  tandem check shoot -f shoot.yaml -f service.yaml --vpc vpc.json
  tandem check shoot -f shoot.yaml --old shoot-before.yaml`;

/** What is known beside a Shoot: how it was, and its VPC. */
export interface ShootFlags {
  readonly old?: string;
  readonly vpc?: string;
  readonly vpcIpv6Cidr?: string;
}

interface Flags extends ShootFlags {
  readonly filename: string[];
  readonly output: string;
}

/** `tandem check shoot -f F`: judges Shoots, and Services beside them, from manifests. */
export function defineShoot(): Command {
  return withShootFlags(new Command("shoot"))
    .description("Say whether Gardener's Shoots can have dual-stack load balancers.")
    .option("-f, --filename <path>", "manifests: file, directory or - (repeatable)", collect, [])
    .option("-o, --output <format>", "table, json or yaml", "table")
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => {
      process.exitCode = await checkShoots(flags);
    });
}

/** Adds the flags of what is known beside a Shoot. */
export function withShootFlags(command: Command): Command {
  return command
    .option("--old <file>", "the Shoot as it was, to judge the change")
    .option("--vpc <file>", "what `aws ec2 describe-vpcs` says of the existing VPC (JSON)")
    .option("--vpc-ipv6-cidr <cidr>", "the IPv6 range of the existing VPC, or none");
}

async function checkShoots(flags: Flags): Promise<number> {
  const output = parseOutput(flags.output);
  if (flags.filename.length === 0) throw usage("no manifest is given", "tandem check shoot -f shoot.yaml");
  const objects = (await readManifests(flags.filename)).map(({ object }) => object);
  const shoots = objects.filter(isShoot);
  if (shoots.length === 0)
    throw badInput(flags.filename.join(", "), "there is no Shoot in it", "give a manifest of kind Shoot");
  const findings = await judgeShoots(shoots, objects.filter(isService), flags);
  print(findings, shoots, output);
  if (findings.some(({ level }) => level === "error")) return EXIT.badInput;
  return findings.some(({ level }) => level === "warning") ? EXIT.findings : EXIT.ok;
}

/** Judges Shoots, and Services where it is clear whose they are; says so on stderr where it is not. */
export async function judgeShoots(
  shoots: readonly Shoot[],
  services: readonly Service[],
  flags: ShootFlags,
): Promise<readonly ShootFinding[]> {
  const old = flags.old === undefined ? [] : await readShoots(flags.old);
  const vpc = await knownVpc(flags);
  const only = shoots.length === 1;
  if (!only && services.length > 0)
    console.error(
      `${services.length} Services are not judged: there are ${shoots.length} Shoots, and it is not said whose they are`,
    );
  return shoots.flatMap((shoot) =>
    judgeShoot(shoot, { old: versionOf(shoot, old), vpc, services: only ? services : [] }),
  );
}

async function readShoots(path: string): Promise<Shoot[]> {
  return (await readManifests([path])).map(({ object }) => object).filter(isShoot);
}

/** Whether an object is a Shoot of Gardener's. */
export function isShoot(object: AnyObject): object is AnyObject & Shoot {
  return object.kind === "Shoot" && object.apiVersion.startsWith("core.gardener.cloud/");
}

/** Whether an object is a Service. */
export function isService(object: AnyObject): object is AnyObject & Service {
  return object.kind === "Service" && object.apiVersion === "v1";
}

function versionOf({ metadata }: Shoot, old: readonly Shoot[]): Shoot | undefined {
  return old.find(
    (shoot) => shoot.metadata.name === metadata.name && shoot.metadata.namespace === metadata.namespace,
  );
}

async function knownVpc({ vpc, vpcIpv6Cidr }: ShootFlags): Promise<KnownVpc | undefined> {
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

/**
 * What is said about policies by themselves: what of them cannot be read or can never be true of any caller or request,
 * and what may surprise.
 */
import { FAMILIES } from "../../ip/family.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../objects/mesh/index.ts";
import { readCidr } from "../text.ts";
import { cidrTextOf, identityOf } from "./policies.ts";
import { collectorOf } from "./telemetry.ts";

/** Each with its field. `problems` make a policy invalid, though the rest of it counts. */
export interface Findings {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** Of a MeshPolicy. */
export function findingsOfMesh({ spec }: MeshPolicy): Findings {
  const { endpoint, protocol } = spec.telemetry?.tracing ?? {};
  const collector = endpoint === undefined ? undefined : collectorOf(endpoint, protocol);
  if (collector === undefined || !("problem" in collector)) return { problems: [], notes: [] };
  const field = `spec.telemetry.tracing.endpoint ${JSON.stringify(endpoint)}`;
  return { problems: [`${field} ${collector.problem}; no spans are sent`], notes: [] };
}

/** Of an AuthorizationPolicy. */
export function findingsOfAccess({ spec }: AuthorizationPolicy): Findings {
  const { action = "Allow", rules = [] } = spec;
  const problems = rules.flatMap(({ from = [], to = [] }, rule) => [
    ...from.flatMap((caller, at) => callerProblems(caller, `spec.rules[${rule}].from[${at}]`, action)),
    ...to.flatMap((match, at) => requestProblems(match, `spec.rules[${rule}].to[${at}]`)),
  ]);
  const notes = rules.flatMap(({ from = [] }, rule) =>
    from.flatMap(({ cidrs = [] }, at) => missingFamily(cidrs, `spec.rules[${rule}].from[${at}].cidrs`)),
  );
  const nothing = action === "Deny" ? "denies nothing" : "allows nothing";
  return { problems, notes: rules.length === 0 ? [`without rules it ${nothing}`] : notes };
}

type Rule = NonNullable<AuthorizationPolicy["spec"]["rules"]>[number];
type From = NonNullable<Rule["from"]>[number];
type To = NonNullable<Rule["to"]>[number];

function callerProblems(caller: From, where: string, action: "Allow" | "Deny"): string[] {
  const { identities, namespaces, cidrs, notCidrs } = caller;
  const denies = action === "Deny";
  const range = (effect: string) => (text: string) =>
    cidrTextOf(text).length === 0 ? `is no address and no range of either family; ${effect}` : undefined;
  const open = denies
    ? "until it is mended, the rule is about callers of all addresses"
    : "until it is mended, nobody is allowed by this";
  const leftOut = "it is left out";
  return [
    ...judged(`${where}.identities`, identities, identityProblem),
    ...judged(`${where}.namespaces`, namespaces, (text) =>
      NAMESPACE.test(text) ? undefined : "is no name of a namespace, and nobody comes from there",
    ),
    ...judged(`${where}.cidrs`, cidrs, range(denies ? open : leftOut)),
    ...judged(`${where}.notCidrs`, notCidrs, range(denies ? leftOut : open)),
  ];
}

function requestProblems({ methods, paths, hosts }: To, where: string): string[] {
  return [
    ...judged(`${where}.methods`, methods, (text) =>
      /^[^a-z]+$/.test(text) ? undefined : `is compared as it stands, and methods are in capitals`,
    ),
    ...judged(`${where}.paths`, paths, pathProblem),
    ...judged(`${where}.hosts`, hosts, hostProblem),
  ];
}

function judged(
  where: string,
  texts: readonly string[] = [],
  problemOf: (text: string) => string | undefined,
): string[] {
  return texts.flatMap((text) => {
    const problem = problemOf(text);
    return problem === undefined ? [] : [`${where}: ${JSON.stringify(text)} ${problem}`];
  });
}

const NAMESPACE = /^[a-z0-9*][-a-z0-9*]*$/;
const INNER_STAR = "has a * that is neither first nor last, and stands for itself there";

/** Parts of `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`: whole, those that a prefix may end within, and a suffix. */
const WHOLE = /^spiffe:\/\/[^/*]+\/ns\/[^/*]+\/sa\/[^/*]+$/;
const PREFIX = /^spiffe:\/\/([^/*]+(\/(ns?(\/([^/*]+(\/(s(a(\/[^/*]*)?)?)?)?)?)?)?)?)?$/;
const NO_IDENTITY =
  "is the identity of nobody; write cluster.local/ns/NAMESPACE/sa/ACCOUNT, or * at one end for the rest";

function identityProblem(text: string): string | undefined {
  const identity = identityOf(text);
  if (identity.endsWith("*"))
    return PREFIX.test(identity.slice(0, -1)) || text === "*" ? undefined : NO_IDENTITY;
  const known = identity.startsWith("*") ? !identity.includes("*", 1) : WHOLE.test(identity);
  return known ? undefined : NO_IDENTITY;
}

function pathProblem(text: string): string | undefined {
  if (text.slice(1, -1).includes("*")) return INNER_STAR;
  if (/[?#]/.test(text)) return "has a query or fragment, and paths are compared without";
  if (text.startsWith("*") && text.length > 1 && text.endsWith("*")) return INNER_STAR;
  return /^[/*]/.test(text) ? undefined : "does not begin with /, as all paths do";
}

function hostProblem(text: string): string | undefined {
  if (/[/\s]/.test(text)) return "is no host: only a name or an address, and a port, may stand there";
  return text.slice(1, -1).includes("*") ? INNER_STAR : undefined;
}

function missingFamily(cidrs: readonly string[], where: string): string[] {
  const found = new Set(cidrs.map((text) => readCidr(String(cidrTextOf(text)))?.family));
  const missing = FAMILIES.filter((family) => !found.has(family));
  if (cidrs.length === 0 || missing.length !== 1) return [];
  return [`${where} has no network of ${missing.join()}: it holds for no caller that comes over that family`];
}

/** What is to be told of a status that has changed: what does not hold any more, and what holds again. Pure. */
import type { Condition } from "../../objects/types.ts";

/** What an Event says. */
export interface News {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Conditions that are well when True, the one first that others follow from; and those that are well unless True. */
const WELL_WHEN_TRUE = ["Accepted", "ResolvedRefs", "Programmed"];
const WELL_UNLESS_TRUE = ["PartiallyInvalid"];
/** The control plane has yet to do its part, or to hear of it: nothing that anybody has to know. */
const UNDER_WAY = "Pending";
/** What every Gateway comes by when it is new, as its pods and addresses take their time. */
const USUAL_AT_FIRST = new Set(["NoResources", "AddressNotAssigned"]);

/** One thing that is not well. */
interface Ill extends Pick<Condition, "type"> {
  /** `listener http`, `parent Gateway shop/edge`; "" for the object itself. */
  readonly where: string;
  readonly reason: string;
  readonly message: string;
}

/** The conditions of a part of a status. */
interface Part {
  readonly where: string;
  readonly conditions: readonly Condition[];
}

/**
 * What changed between two statuses of a Gateway, ListenerSet, route, policy or class; `before` is undefined for the
 * first one. Nothing is told of parts that came or went while all is well, nor of entries of other controllers.
 */
export function newsOf(before: Fields | undefined, after: Fields, controllerName: string): News[] {
  const [then, now] = [partsOf(before ?? {}, controllerName), partsOf(after, controllerName)];
  const [illThen, illNow] = [illsOf(then), illsOf(now)];
  const known = new Set(illThen.map(textOf));
  const worse = illNow.filter((ill) => !known.has(textOf(ill)));
  const better = illThen.filter((ill) => isWellAgain(ill, now));
  return [
    ...worse.map((ill) => ({ type: gravityOf(ill, then), reason: ill.reason, message: textOf(ill) })),
    ...better.map((ill) => ({ type: "Normal" as const, reason: ill.type, message: againOf(ill) })),
  ];
}

interface Listener {
  readonly name: string;
  readonly conditions?: readonly Condition[];
}

interface Entry {
  readonly controllerName: string;
  readonly parentRef?: Reference;
  readonly ancestorRef?: Reference;
  readonly conditions?: readonly Condition[];
}

interface Reference {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

function partsOf(status: Fields, controllerName: string): Part[] {
  const own = (status["conditions"] ?? []) as readonly Condition[];
  const listeners = (status["listeners"] ?? []) as readonly Listener[];
  const entries = [...((status["parents"] ?? []) as Entry[]), ...((status["ancestors"] ?? []) as Entry[])];
  return [
    { where: "", conditions: own },
    ...listeners.map(({ name, conditions = [] }) => ({ where: `listener ${name}`, conditions })),
    ...entries
      .filter((entry) => entry.controllerName === controllerName)
      .map((entry) => ({ where: parentText(entry), conditions: entry.conditions ?? [] })),
  ];
}

function parentText({ parentRef, ancestorRef }: Entry): string {
  const { kind = "Gateway", namespace, name, sectionName, port } = (parentRef ?? ancestorRef) as Reference;
  const key = namespace === undefined ? name : `${namespace}/${name}`;
  const section = sectionName === undefined ? "" : `, section ${sectionName}`;
  return `${kind} ${key}${section}${port === undefined ? "" : `, port ${port}`}`;
}

/** What is not well, without what only says again that something else is not. */
function illsOf(parts: readonly Part[]): Ill[] {
  const all = parts.flatMap(({ where, conditions }) =>
    conditions.filter(isIll).map((one) => illOf(where, one)),
  );
  return all.filter((ill) => !all.some((other) => follows(ill, other)));
}

function isIll({ type, status, reason }: Condition): boolean {
  if (WELL_UNLESS_TRUE.includes(type)) return status === "True";
  return WELL_WHEN_TRUE.includes(type) && status === "False" && reason !== UNDER_WAY;
}

function illOf(where: string, { type, reason = "", message = "" }: Condition): Ill {
  return { where, type, reason, message };
}

/** Whether one names the other as its cause: in its own part, or as the whole that speaks of a part. */
function follows(ill: Ill, cause: Ill): boolean {
  if (ill === cause || cause.message === "" || !ill.message.includes(cause.message)) return false;
  if (ill.where !== cause.where) return ill.where === "";
  return ill.message !== cause.message || rankOf(ill) > rankOf(cause);
}

function rankOf({ type }: Ill): number {
  return WELL_WHEN_TRUE.indexOf(type);
}

function textOf({ where, type, message }: Ill): string {
  const state = WELL_UNLESS_TRUE.includes(type) ? "True" : "False";
  return `${where === "" ? "" : `${where}: `}${type} is ${state}: ${message}`;
}

function againOf({ where, type }: Ill): string {
  const state = WELL_UNLESS_TRUE.includes(type) ? "no longer True" : "True";
  return `${where === "" ? "" : `${where}: `}${type} is ${state}`;
}

/** A part that is gone is not well again. */
function isWellAgain({ where, type }: Ill, parts: readonly Part[]): boolean {
  const part = parts.find((one) => one.where === where);
  if (part === undefined) return false;
  const condition = part.conditions.find((one) => one.type === type);
  return WELL_UNLESS_TRUE.includes(type) ? condition?.status !== "True" : condition?.status === "True";
}

function gravityOf({ where, type, reason }: Ill, before: readonly Part[]): News["type"] {
  if (!USUAL_AT_FIRST.has(reason)) return "Warning";
  const part = before.find((one) => one.where === where);
  return part?.conditions.find((one) => one.type === type)?.status === "True" ? "Warning" : "Normal";
}

import type { AnyObject } from "../types.ts";

/** What events.k8s.io calls the fields of an Event that core/v1 has other names for (pkg/apis/events/v1/conversion.go). */
const NAMES: Readonly<Record<string, string>> = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};
const NEW_NAMES = Object.fromEntries(Object.entries(NAMES).map(([ours, core]) => [core, ours]));

/** Strings that core/v1 writes even when they are empty, and events.k8s.io does not. */
const WRITTEN_EMPTY = ["reportingComponent", "reportingInstance"];

/** An Event of events.k8s.io/v1 as core/v1 knows it, in which form all Events are stored. */
export function toCoreEvent(event: AnyObject): AnyObject {
  return { ...renamed(event, NAMES), kind: "Event", apiVersion: "v1" } as AnyObject;
}

/** An Event of core/v1 as events.k8s.io/v1 shows it. */
export function fromCoreEvent(event: AnyObject): AnyObject {
  const kept = Object.fromEntries(
    Object.entries(event).filter(([name, value]) => value !== "" || !WRITTEN_EMPTY.includes(name)),
  );
  return { ...renamed(kept, NEW_NAMES), kind: "Event", apiVersion: "events.k8s.io/v1" } as AnyObject;
}

function renamed(object: object, names: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value]));
}

/** A field selector over events.k8s.io's names, in those of core/v1. */
export function toCoreEventFields(selector: string): string {
  return selector
    .replaceAll(/(^|,)regarding\./g, "$1involvedObject.")
    .replaceAll(/(^|,)reportingController(?=[!=])/g, "$1reportingComponent");
}

import { type FieldError, invalid, required } from "../field-errors.ts";
import { immutable } from "../metadata/validate-metadata.ts";
import { sameJson } from "../patch/json-value.ts";
import { asErrors, dnsSubdomainProblems, qualifiedNameProblems } from "../service/formats.ts";
import type { KubeEvent } from "../types.ts";

// pkg/apis/core/validation/events.go: what core/v1 asks of Events, and the more that events.k8s.io/v1 does.
// Fields are named as core/v1 names them, whichever group is asked, but for the reporting controller.

interface FullEvent extends KubeEvent {
  readonly action?: string;
  readonly related?: object;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string | null };
}

const MAX_WORD = 128;
const MAX_MESSAGE = 1024;

/** Checks an Event of core/v1: it stands in the namespace of what it tells of; one with an eventTime is whole. */
export function validateEvent(event: KubeEvent): FieldError[] {
  return check(event, "reportingComponent");
}

/** Checks a new Event of events.k8s.io/v1, given in the form of core/v1. */
export function validateNewEvent(event: KubeEvent): FieldError[] {
  const { eventTime, type = "", firstTimestamp, lastTimestamp, count, source } = event;
  const unset = (field: string, isSet: boolean): FieldError[] =>
    isSet ? [invalid(field, "", "needs to be unset")] : [];
  return [
    ...check(event, "reportingController"),
    ...checkSeries(event),
    ...(eventTime ? [] : [required("eventTime")]),
    ...(type === "Normal" || type === "Warning" ? [] : [invalid("type", "", `has invalid value: ${type}`)]),
    ...unset("firstTimestamp", Boolean(firstTimestamp)),
    ...unset("lastTimestamp", Boolean(lastTimestamp)),
    ...unset("count", Boolean(count)),
    ...unset("source", Boolean(source?.component || source?.host)),
  ];
}

const FROZEN = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "type",
  "eventTime",
  "action",
  "related",
] as const;

/** Checks a change of an Event through events.k8s.io/v1: only its series and metadata may change. */
export function validateNewEventUpdate(next: KubeEvent, stored: KubeEvent): FieldError[] {
  const [after, before] = [next as FullEvent, stored as FullEvent];
  return [
    ...check(after, "reportingController"),
    ...(sameJson(after.series ?? null, before.series ?? null) ? [] : checkSeries(after)),
    ...FROZEN.flatMap((field) => immutable(field, after[field], before[field])),
    ...immutable("reportingController", after.reportingComponent, before.reportingComponent),
    ...immutable("reportingInstance", after.reportingInstance, before.reportingInstance),
  ];
}

function check(event: FullEvent, controllerField: string): FieldError[] {
  const here = event.metadata.namespace ?? "";
  return [
    ...(event.eventTime ? checkWhole(event, controllerField) : checkPlace(event, ["", "default"])),
    ...asErrors("namespace", here, dnsSubdomainProblems(here)),
  ];
}

/** What is in no namespace has its Events in one of a few. */
function checkPlace({ metadata, involvedObject }: FullEvent, homes: readonly string[]): FieldError[] {
  const { namespace = "" } = involvedObject ?? {};
  const here = metadata.namespace ?? "";
  const fits = namespace === "" ? homes.includes(here) : namespace === here;
  return fits ? [] : [invalid("involvedObject.namespace", namespace, "does not match event.namespace")];
}

function checkWhole(event: FullEvent, controllerField: string): FieldError[] {
  const { reportingComponent: controller = "", reportingInstance, action, reason, message = "" } = event;
  const isHomeless = (event.involvedObject?.namespace ?? "") === "";
  return [
    ...(isHomeless ? checkPlace(event, ["default", "kube-system"]) : []),
    ...(controller === "" ? [required(controllerField)] : []),
    ...asErrors(controllerField, controller, qualifiedNameProblems(controller)),
    ...checkWord("reportingInstance", reportingInstance),
    ...checkWord("action", action),
    ...checkWord("reason", reason),
    ...(Buffer.byteLength(message) > MAX_MESSAGE ? [tooLongText("message", MAX_MESSAGE)] : []),
  ];
}

function checkWord(field: string, value = ""): FieldError[] {
  if (value === "") return [required(field)];
  return Buffer.byteLength(value) > MAX_WORD ? [tooLongText(field, MAX_WORD)] : [];
}

function tooLongText(field: string, most: number): FieldError {
  return invalid(field, "", `can have at most ${most} characters`);
}

function checkSeries({ series }: FullEvent): FieldError[] {
  if (series === undefined) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid("series.count", "", "should be at least 2")] : []),
    ...(series.lastObservedTime ? [] : [required("series.lastObservedTime")]),
  ];
}

import { fromCoreEvent, toCoreEvent, toCoreEventFields } from "../../objects/events/convert.ts";
import { validateNewEvent, validateNewEventUpdate } from "../../objects/events/validate.ts";
import {
  admitNames,
  applyPatch,
  decodeValue,
  defaultObject,
  type FieldError,
  formatTime,
  managedKind,
  readConfiguration,
  serverSideApply,
} from "../../objects/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { invalidObject } from "../../objects/status.ts";
import type { AnyObject, KubeEvent } from "../../objects/types.ts";
import { yaml } from "../../objects/yaml.ts";
import { type Answer, type Call, type Reply, readBody, STREAMED } from "../http/call.ts";
import { methodNotAllowed } from "../http/replies.ts";
import { createAdmitted, updateAdmitted } from "../admission/write.ts";
import type { Produce, UpdatePlace } from "../registry/write.ts";
import { mediaType, readObject } from "./body.ts";
import { remove, removeCollection } from "./delete.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { bodyOf, formOf, objectReply } from "./negotiate.ts";
import { writeQuery } from "./options.ts";
import { patchTypeOf, unknownPatch } from "./patch-types.ts";
import type { Target } from "./target.ts";
import { watch } from "./watch.ts";

/** How a kind looks whose objects are stored as another kind's. */
const EVENT_VIEW = { kind: KINDS.ReportedEvent, show: fromCoreEvent };

/** Whether a request is for Events of events.k8s.io, which are stored as those of core/v1. */
export function isReportedEvent(kind: Target["kind"]): boolean {
  return kind === KINDS.ReportedEvent;
}

/** Answers a request for Events of events.k8s.io/v1: the same objects as core/v1's. @throws ApiError */
export async function serveReportedEvents(call: Call, target: Target, verb: string): Promise<Answer> {
  const inner: Target = { ...target, kind: KINDS.Event, view: EVENT_VIEW };
  const asked = withCoreFields(call);
  switch (verb) {
    case "list":
      return shown(asked, list(asked, inner));
    case "get":
      return shown(asked, get(asked, inner));
    case "watch":
      return watch(asked, inner);
    case "delete":
      return shown(asked, await remove(asked, inner));
    case "deletecollection":
      return shown(asked, await removeCollection(asked, inner));
    case "create":
      return shown(call, await create(call, inner));
    case "update":
    case "patch":
      return shown(call, await change(call, inner, verb));
    default:
      throw methodNotAllowed();
  }
}

function withCoreFields(call: Call): Call {
  const fields = call.query.get("fieldSelector") ?? "";
  if (fields === "") return call;
  const query = new URLSearchParams(call.query);
  query.set("fieldSelector", toCoreEventFields(fields));
  return { ...call, query };
}

/** An answer about Events of core/v1 in the words of events.k8s.io. */
function shown(call: Call, answer: Answer): Answer {
  if (answer === STREAMED || formOf(call).as !== "Object") return answer;
  const { body } = answer as Reply;
  const form = formOf(call);
  const value = form.yaml ? yaml().parse(String(body)) : JSON.parse(String(body));
  return { ...(answer as Reply), ...bodyOf(form, JSON.stringify(shownValue(value))) };
}

function shownValue(value: AnyObject): object {
  if (value.kind === "Event") return fromCoreEvent(value);
  if (value.kind !== "EventList") return value;
  const items = (value["items"] as AnyObject[]).map((item) => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = fromCoreEvent(item);
    return rest;
  });
  return { ...value, apiVersion: "events.k8s.io/v1", items };
}

async function create(call: Call, { kind, namespace, context }: Target): Promise<Answer> {
  const { dryRun, fieldValidation, manager } = writeQuery(call, "create");
  const { object, warnings } = await readEvent(call, fieldValidation);
  admitNames(kind, object, { namespace: namespace! });
  defaultObject(kind, object);
  refuse(object, validateNewEvent(object as AnyObject & KubeEvent));
  const written = await createAdmitted(context, call.user, { kind, namespace, dryRun, manager }, object);
  return objectReply(call, kind, written.text, { status: 201, warnings: [...warnings, ...written.warnings] });
}

type Mode = ReturnType<typeof writeQuery>["fieldValidation"];

async function readEvent(
  call: Call,
  mode: Mode,
): Promise<{ object: AnyObject; warnings: readonly string[] }> {
  const { object, warnings } = await readObject(call, KINDS.ReportedEvent, mode);
  return { object: toCoreEvent(object), warnings };
}

function refuse({ metadata }: AnyObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: "", kind: "Event" }, metadata.name ?? "", errors);
}

async function change(call: Call, target: Target, verb: "update" | "patch"): Promise<Answer> {
  const { kind, namespace, name, context } = target;
  const type = verb === "update" ? "update" : patchTypeOf(mediaType(call));
  if (type === undefined) throw unknownPatch();
  const query = writeQuery(call, type === "update" || type === "apply" ? type : "patch");
  const place: UpdatePlace = {
    ...{ kind, namespace, name: name!, dryRun: query.dryRun, manager: query.manager },
    ...(type === "apply" ? { creates: "always" } : type === "update" ? { creates: "as its kind says" } : {}),
  };
  const produce = await producerOf(call, target, type, query);
  const written = await updateAdmitted(context, call.user, place, (stored) => {
    const produced = produce(stored && fromCoreEvent(stored));
    const object = toCoreEvent(produced.object);
    admitNames(kind, object, { namespace: namespace!, name: name! });
    defaultObject(kind, object);
    const event = object as AnyObject & KubeEvent;
    refuse(object, stored ? validateNewEventUpdate(event, stored as typeof event) : validateNewEvent(event));
    return { ...produced, object };
  });
  const status = written.created ? 201 : 200;
  return objectReply(call, kind, written.text, { status, warnings: written.warnings });
}

/** Makes the next state of an Event; states are in the form of events.k8s.io. */
async function producerOf(
  call: Call,
  { context }: Target,
  type: "update" | "json" | "merge" | "strategic" | "apply",
  { fieldValidation: mode, manager, force }: ReturnType<typeof writeQuery>,
): Promise<Produce> {
  const kind = KINDS.ReportedEvent;
  if (type === "update") {
    const { object, warnings } = await readEvent(call, mode);
    return () => ({ object: fromCoreEvent(object), warnings });
  }
  const text = await readBody(call);
  if (type !== "apply") return (stored) => applyPatch(kind, stored!, { type, text, mode });
  const { configuration, warnings } = readConfiguration(text, mode);
  return (live) => {
    const now = formatTime(context.now());
    const request = { live, configuration, manager, force, subresource: undefined, now };
    const result = serverSideApply(managedKind(kind), request);
    const { object } = decodeValue(kind, result.object, "Ignore");
    return { object, warnings, ownersKnown: true };
  };
}

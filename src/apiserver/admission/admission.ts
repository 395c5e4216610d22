import { randomUUID } from "node:crypto";
import { applyJsonPatch, decodeValue, defaultObject, sameObject } from "../../objects/index.ts";
import { apiVersionOf } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject } from "../../objects/types.ts";
import type { Store } from "../../store/contract.ts";
import type { ApiContext } from "../context.ts";
import { type Attributes, inKind } from "./attributes.ts";
import { badPatch, callFailed, denied, dryRunUnsupported } from "./errors.ts";
import { isExempt, matchedKind, mayMatch, type Question } from "./match.ts";
import { type Registered, Registrations } from "./registrations.ts";
import { readVerdict, requestOf, reviewVersion, type Verdict } from "./review.ts";
import { WebhookTransport } from "./transport.ts";

/** What mutating webhooks made of an object. */
export interface Mutated {
  readonly object: AnyObject;
  readonly warnings: readonly string[];
}

/** Asks webhooks about requests. Where none is registered, nothing of this costs anything. */
export class Admission {
  readonly #mutating: Registrations;
  readonly #validating: Registrations;
  readonly #transport: WebhookTransport;

  constructor(store: Store<string>, closing: AbortSignal) {
    this.#mutating = new Registrations(store, "mutating");
    this.#validating = new Registrations(store, "validating");
    this.#transport = new WebhookTransport(store, closing);
  }

  /** Whether any webhook may have to be asked; the answer is no at once where none is registered. */
  concerns(question: Question): boolean {
    const may = ({ webhook }: Registered): boolean => mayMatch(webhook, question);
    return !isExempt(question.kind) && (this.#mutating.all.some(may) || this.#validating.all.some(may));
  }

  /** Whether a validating webhook is to be asked. */
  validates(context: ApiContext, attributes: Attributes): boolean {
    return this.#validating.all.some(
      ({ webhook }) => matchedKind(webhook, attributes, context) !== undefined,
    );
  }

  /**
   * Asks the mutating webhooks one after the other, then once more those with reinvocationPolicy IfNeeded whose object
   * was changed after they saw it.
   * @throws ApiError when one denies or fails
   */
  async mutate(context: ApiContext, attributes: Attributes): Promise<Mutated> {
    let { object } = attributes;
    const warnings: string[] = [];
    const seen = new Map<Registered, AnyObject | undefined>();
    const ask = async (registered: Registered): Promise<void> => {
      const now = object === undefined ? attributes : { ...attributes, object };
      const verdict = await this.#ask(context, registered, now, true);
      if (verdict === undefined) return;
      warnings.push(...verdict.warnings);
      if (verdict.patch !== undefined) object = patched(registered, now, verdict.patch);
      seen.set(registered, object);
    };
    for (const registered of this.#mutating.all) await ask(registered);
    for (const [registered, last] of seen) {
      const again = registered.webhook.reinvocationPolicy === "IfNeeded" && object !== last;
      if (again && !sameObject(object, last)) await ask(registered);
    }
    return { object: object as AnyObject, warnings };
  }

  /** Asks the validating webhooks, all at once; of several that deny, the first one registered is told. @throws ApiError */
  async validate(context: ApiContext, attributes: Attributes): Promise<readonly string[]> {
    const asked = this.#validating.all.map((registered) => this.#ask(context, registered, attributes, false));
    const results = await Promise.allSettled(asked);
    const failed = results.find((result) => result.status === "rejected");
    const warnings = results.flatMap((result) =>
      result.status === "fulfilled" ? (result.value?.warnings ?? []) : [],
    );
    if (failed === undefined) return warnings;
    if (failed.reason instanceof ApiError)
      failed.reason.warnings = [...(failed.reason.warnings ?? []), ...warnings];
    throw failed.reason;
  }

  /** Undefined when the webhook is not concerned, or could not be asked and that is to be ignored. */
  async #ask(
    context: ApiContext,
    { webhook }: Registered,
    asked: Attributes,
    mutating: boolean,
  ): Promise<Verdict | undefined> {
    const kind = matchedKind(webhook, asked, context);
    if (kind === undefined) return undefined;
    if (asked.dryRun && webhook.sideEffects !== "None" && webhook.sideEffects !== "NoneOnDryRun")
      throw dryRunUnsupported(webhook.name);
    const verdict = await this.#call(context, webhook, inKind(asked, kind), asked, mutating);
    if (verdict === undefined || verdict.allowed) return verdict;
    const refusal = denied(webhook.name, verdict.status);
    refusal.warnings = verdict.warnings;
    throw refusal;
  }

  async #call(
    { log, closing }: ApiContext,
    webhook: Registered["webhook"],
    attributes: Attributes,
    asked: Attributes,
    mutating: boolean,
  ): Promise<Verdict | undefined> {
    const version = reviewVersion(webhook);
    const uid = randomUUID();
    try {
      if (version === undefined)
        throw new Error("webhook does not accept known AdmissionReview versions (v1, v1beta1)");
      const request = requestOf(attributes, uid, asked);
      const body = JSON.stringify({
        kind: "AdmissionReview",
        apiVersion: `admission.k8s.io/${version}`,
        request,
      });
      const { clientConfig, timeoutSeconds = 10 } = webhook;
      const text = await this.#transport.post(clientConfig, body, timeoutSeconds, closing);
      return readVerdict(text, { version, uid, mutating });
    } catch (error) {
      const why = (error as Error).message;
      if (webhook.failurePolicy !== "Ignore") throw callFailed(webhook.name, why);
      log(`webhook ${webhook.name} failed and is ignored, as its failurePolicy says: ${why}`);
      return undefined;
    }
  }
}

/** The object with a webhook's patch, decoded and defaulted anew. @throws ApiError 500 when that cannot be done */
function patched(
  { webhook }: Registered,
  attributes: Attributes,
  patch: NonNullable<Verdict["patch"]>,
): AnyObject {
  const { kind, object, objectKind } = attributes;
  if (object === undefined) throw badPatch(webhook.name, "there is no object in this request");
  try {
    const next = applyJsonPatch(object, patch) as AnyObject;
    if (objectKind !== undefined) return next;
    const decoded = decodeValue(kind, { ...next, apiVersion: apiVersionOf(kind) }, "Ignore").object;
    defaultObject(kind, decoded);
    return decoded;
  } catch (error) {
    throw badPatch(webhook.name, (error as Error).message);
  }
}

/** One collection of objects behind a map: enough of PATCH to replay recorded requests without a server. */
import { createService, updateService } from "../../../src/allocation/index.ts";
import {
  checkManagerOptions,
  keepTimesIfUnchanged,
  managedFieldsAfterUpdate,
  managedKind,
  managerOf,
  readConfiguration,
  serverSideApply,
} from "../../../src/objects/apply/index.ts";
import {
  type AnyObject,
  admitCreate,
  admitNames,
  applyPatch,
  beforeCreate,
  beforeUpdate,
  decodeValue,
  defaultObject,
  type FieldError,
  fillSystemMetadata,
  formatTime,
  KINDS,
  type Kind,
  metadataErrors,
  prepareForUpdate,
  sameObject,
} from "../../../src/objects/index.ts";
import { ApiError, invalidObject, notFound } from "../../../src/objects/status.ts";
import type { Service } from "../../../src/objects/types.ts";
import { MemoryLedger, serviceCidr } from "../../allocation/registry.ts";
import { type Answer, NETWORK, PATCHES, RANGES, type Step } from "../mini-api.ts";

interface Target {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

const PATHS = /^\/(?:api|apis\/([^/]+))\/v1\/namespaces\/([^/]+)\/([a-z]+)\/([^/]+)$/;

function targetOf(path: string): Target {
  const url = new URL(path, "http://api");
  const [, group = "", namespace = "", plural = "", name = ""] =
    PATHS.exec(decodeURIComponent(url.pathname)) ?? [];
  const kind = Object.values(KINDS).find((one) => one.plural === plural && one.group === group);
  if (kind === undefined) throw new Error(`no such path: ${path}`);
  return { kind, namespace, name, query: url.searchParams };
}

/** One collection of objects behind a map, which PATCH works on. */
export class Registry {
  private readonly objects = new Map<string, AnyObject>();
  private readonly ledger = new MemoryLedger([serviceCidr("kubernetes", ...RANGES)]);
  private revision = 100;
  private seconds = Date.parse("2026-01-01T00:00:00Z");

  patch(step: Step): Answer {
    const target = targetOf(step.path);
    const warnings: string[] = [];
    this.seconds += 1000;
    try {
      const stored = this.objects.get(keyOf(target));
      const next = this.produce(step, target, stored, warnings);
      if (stored !== undefined) return { status: 200, body: this.update(target, next, stored), warnings };
      return { status: 201, body: this.create(target, next), warnings };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.code, body: error.status, warnings };
    }
  }

  private produce(step: Step, target: Target, stored: AnyObject | undefined, warnings: string[]): AnyObject {
    const { kind, query } = target;
    const type = PATCHES[step.type ?? ""];
    const fieldManager = query.get("fieldManager") ?? "";
    const force = query.get("force") === null ? undefined : query.get("force") === "true";
    const errors = checkManagerOptions(type === undefined ? "apply" : "patch", { fieldManager, force });
    if (errors.length > 0) throw invalidObject({ group: "meta.k8s.io", kind: "PatchOptions" }, "", errors);
    const text = typeof step.body === "string" ? step.body : JSON.stringify(step.body);
    const now = formatTime(new Date(this.seconds));
    const managed = managedKind(kind);
    if (type === undefined) {
      const read = readConfiguration(text, "Warn");
      const request = {
        live: stored,
        configuration: read.configuration,
        manager: fieldManager,
        force: force === true,
        now,
      };
      const object = decodeValue(kind, serverSideApply(managed, request).object, "Ignore").object;
      warnings.push(...read.warnings);
      admitNames(kind, object, target);
      defaultObject(kind, object);
      return object;
    }
    if (stored === undefined) throw notFound({ group: kind.group, kind: kind.plural }, target.name);
    const patched = applyPatch(kind, stored, { type, text, mode: "Warn" });
    warnings.push(...patched.warnings);
    const next = patched.object;
    defaultObject(kind, next);
    const manager = managerOf(fieldManager, "node");
    const managedFields = managedFieldsAfterUpdate(managed, { live: stored, next, manager, now });
    if (managedFields === undefined) delete next.metadata.managedFields;
    else next.metadata.managedFields = [...managedFields];
    return next;
  }

  private create({ kind, ...target }: Target, object: AnyObject): AnyObject {
    fillSystemMetadata(object, { now: new Date(this.seconds) });
    if (kind === KINDS.Service) {
      createService(this.ledger, NETWORK, object as unknown as Service, { validateMetadata });
    } else {
      admitCreate(kind, object);
      beforeCreate(kind, object);
    }
    return this.store({ kind, ...target }, object);
  }

  private update(target: Target, next: AnyObject, stored: AnyObject): AnyObject {
    const { kind } = target;
    const { creationTimestamp, uid } = stored.metadata;
    Object.assign(next.metadata, { creationTimestamp, uid });
    if (kind === KINDS.Service) {
      prepareForUpdate(kind, next, stored, "metadata");
      const [to, from] = [next as unknown as Service, stored as unknown as Service];
      updateService(this.ledger, NETWORK, to, from, { validateMetadata });
    } else beforeUpdate(kind, next, stored);
    keepTimesIfUnchanged(next, stored);
    next.metadata.resourceVersion = stored.metadata.resourceVersion ?? "";
    return sameObject(next, stored) ? stored : this.store(target, next);
  }

  private store(target: Target, object: AnyObject): AnyObject {
    object.metadata.resourceVersion = String(++this.revision);
    const clean = decodeValue(target.kind, object, "Ignore").object;
    this.objects.set(keyOf(target), clean);
    return clean;
  }
}

function keyOf({ kind, namespace, name }: Target): string {
  return `${kind.plural}/${namespace}/${name}`;
}

function validateMetadata(service: Service, stored?: Service): FieldError[] {
  return metadataErrors(KINDS.Service, service, stored);
}

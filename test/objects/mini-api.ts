/**
 * The objects room behind a map, to replay recorded requests without a server: enough of POST, PUT, PATCH and GET to
 * judge decoding, defaults, validation, patches and tables. What a server adds (managedFields, lists, deletion) is absent.
 */
import { createService, updateService } from "../../src/allocation/index.ts";
import {
  type AnyObject,
  admitCreate,
  admitNames,
  applyPatch,
  beforeCreate,
  beforeUpdate,
  decodeBody,
  decodeValue,
  defaultObject,
  deprecationOf,
  fillSystemMetadata,
  KINDS,
  type Kind,
  metadataErrors,
  sameObject,
  tableOf,
} from "../../src/objects/index.ts";
import { ApiError, alreadyExists, badRequest, conflict, notFound } from "../../src/objects/status.ts";
import type { Service } from "../../src/objects/types.ts";
import { MemoryLedger, networkOf, serviceCidr } from "../allocation/registry.ts";

/** Single-stack IPv4 first, both families possible, as the recorded cluster. */
export const RANGES = ["10.96.0.0/16", "fd00:10:96::/112"] as const;
/** The network that Services get their addresses from. */
export const NETWORK = networkOf(...RANGES);

/** One recorded request. */
export interface Step {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
}

/** What is compared with the recorded answer. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly warnings: readonly string[];
}

interface Target {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query: URLSearchParams;
}

/** The kinds of patches by their media types. */
export const PATCHES: Readonly<Record<string, "json" | "merge" | "strategic">> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
};

/** What a path means; undefined for paths that the replay leaves out. */
export function targetOf(path: string): Target | undefined {
  const url = new URL(path, "http://api");
  const match =
    /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(
      url.pathname,
    );
  const kind = Object.values(KINDS).find(
    (one) => one.plural === match?.[3] && one.group === (match?.[1] ?? ""),
  );
  if (match === null || kind === undefined) return undefined;
  const [, , namespace, , name, subresource] = match;
  return {
    kind,
    query: url.searchParams,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name: decodeURIComponent(name) }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** Objects behind a map, with enough of the verbs to replay recorded requests. */
export class MiniApi {
  private readonly objects = new Map<string, AnyObject>();
  private readonly ledger = new MemoryLedger([serviceCidr("kubernetes", ...RANGES)]);
  private revision = 100;

  handle(step: Step): Answer {
    const target = targetOf(step.path);
    if (target === undefined) throw new Error(`no such path: ${step.path}`);
    const warnings: string[] = [];
    const deprecation = deprecationOf(target.kind);
    if (deprecation !== undefined) warnings.push(deprecation);
    try {
      const status = step.method === "POST" ? 201 : 200;
      return { status, body: this.answer(step, target, warnings), warnings };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.code, body: error.status, warnings };
    }
  }

  private answer(step: Step, target: Target, warnings: string[]): unknown {
    switch (step.method) {
      case "POST":
        return this.create(step, target, warnings);
      case "PUT":
        return this.put(step, target, warnings);
      case "PATCH":
        return this.patch(step, target, warnings);
      case "DELETE":
        return this.remove(target);
      default:
        return this.read(step, target);
    }
  }

  private key({ kind, namespace = "" }: Target, name: string): string {
    return `${kind.group}/${kind.plural}/${kind.namespaced ? namespace : ""}/${name}`;
  }

  private found(target: Target): AnyObject {
    const object = this.objects.get(this.key(target, target.name ?? ""));
    if (object === undefined)
      throw notFound({ group: target.kind.group, kind: target.kind.plural }, target.name ?? "");
    return object;
  }

  private store(target: Target, object: AnyObject): AnyObject {
    const dryRun = target.query.get("dryRun") === "All";
    if (!dryRun) object.metadata.resourceVersion = String(++this.revision);
    const clean = decodeValue(target.kind, object, "Ignore").object;
    if (!dryRun) this.objects.set(this.key(target, clean.metadata.name), clean);
    return clean;
  }

  private decode(step: Step, target: Target, warnings: string[]): AnyObject {
    const text = typeof step.body === "string" ? step.body : JSON.stringify(step.body ?? "");
    const mode = (target.query.get("fieldValidation") ?? "Warn") as "Warn";
    const decoded = decodeBody(target.kind, text, { mode, yaml: step.type === "application/yaml" });
    if (mode === "Warn") warnings.push(...decoded.warnings);
    return decoded.object;
  }

  private create(step: Step, target: Target, warnings: string[]): AnyObject {
    const object = this.decode(step, target, warnings);
    admitNames(target.kind, object, target.namespace === undefined ? {} : { namespace: target.namespace });
    defaultObject(target.kind, object);
    admitCreate(target.kind, object);
    fillSystemMetadata(object, { now: new Date() });
    if (this.objects.has(this.key(target, object.metadata.name))) {
      throw alreadyExists({ group: target.kind.group, kind: target.kind.plural }, object.metadata.name);
    }
    if (target.kind === KINDS.Service) {
      const options = { validateMetadata: (next: Service) => metadataErrors(target.kind, next) };
      const written = createService(this.ledger, NETWORK, object as unknown as Service, options);
      warnings.push(...written.warnings);
    } else warnings.push(...beforeCreate(target.kind, object));
    return this.store(target, object);
  }

  private put(step: Step, target: Target, warnings: string[]): AnyObject {
    const object = this.decode(step, target, warnings);
    admitNames(target.kind, object, { namespace: target.namespace ?? "", name: target.name ?? "" });
    return this.update(target, object, this.found(target), warnings);
  }

  private patch(step: Step, target: Target, warnings: string[]): AnyObject {
    const type = PATCHES[step.type ?? ""];
    if (type === undefined) throw badRequest("415: Unsupported Media Type");
    const text = typeof step.body === "string" ? step.body : JSON.stringify(step.body);
    const stored = this.found(target);
    const patched = applyPatch(target.kind, stored, { type, text, mode: "Warn" });
    admitNames(target.kind, patched.object, { namespace: target.namespace ?? "", name: target.name ?? "" });
    warnings.push(...patched.warnings);
    return this.update(target, patched.object, stored, warnings);
  }

  private update(target: Target, next: AnyObject, stored: AnyObject, warnings: string[]): AnyObject {
    const { kind, subresource } = target;
    const version = next.metadata.resourceVersion;
    const subject = { group: kind.group, kind: kind.plural };
    if (version !== undefined && version !== stored.metadata.resourceVersion) {
      const why =
        "the object has been modified; please apply your changes to the latest version and try again";
      throw conflict(subject, stored.metadata.name, why);
    }
    defaultObject(kind, next);
    if (kind === KINDS.Service && subresource === undefined) {
      const options = { validateMetadata: (one: Service, old?: Service) => metadataErrors(kind, one, old) };
      const service = next as unknown as Service;
      next.metadata.uid ??= stored.metadata.uid ?? "";
      const written = updateService(this.ledger, NETWORK, service, stored as unknown as Service, options);
      warnings.push(...written.warnings);
    } else warnings.push(...beforeUpdate(kind, next, stored, subresource));
    next.metadata.resourceVersion = stored.metadata.resourceVersion ?? "";
    return sameObject(next, stored) ? stored : this.store(target, next);
  }

  private remove(target: Target): unknown {
    const object = this.found(target);
    this.objects.delete(this.key(target, target.name ?? ""));
    const details = { name: object.metadata.name, kind: target.kind.plural, uid: object.metadata.uid };
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
  }

  private read(step: Step, target: Target): unknown {
    if (target.name !== undefined) return this.found(target);
    const prefix = this.key(target, "");
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const objects = keys.map((key) => this.objects.get(key) as AnyObject);
    if (!step.accept?.includes("as=Table")) return { items: objects };
    const includeObject = (target.query.get("includeObject") ?? "Metadata") as "Metadata";
    const table = tableOf(target.kind, objects, { now: new Date(), includeObject });
    table.metadata.resourceVersion = String(this.revision);
    return table;
  }
}

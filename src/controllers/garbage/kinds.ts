import { Backoff, Discovery, pause, type ServedKind } from "../../client/index.ts";
import { type Kind, KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { KubeObject } from "../../objects/types.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { Follower, type FollowerEvents } from "./follower.ts";

/** Milliseconds between looks at discovery without a reason: aggregated APIs come and go untold. */
const PERIOD = 300_000;
/** Milliseconds before discovery is asked once more, where it has not yet what a definition says; doubled each time. */
const FIRST_RECHECK = 100;
const MAX_RECHECK = 30_000;
/** So often discovery is asked for the kind of a definition that it does not have; then with the next change. */
const MAX_RECHECKS = 12;
/** Milliseconds for which owners that wait for their dependants wait for a kind's first list. */
const MAX_SETTLING = 30_000;
/** One key in the queue: what is looked at is always the whole of discovery. */
const ALL = "all kinds";

/**
 * Kinds that are not followed: Events, as of the real collector (--gc-ignored-resources), and what the controllers of
 * Service ranges write and clear away, of which there are many.
 */
const IGNORED: ReadonlySet<string> = new Set(
  [KINDS.Event, KINDS.ReportedEvent, KINDS.ServiceCIDR, KINDS.IPAddress].map(keyOf),
);

/** What happens to objects of followed kinds beside their own changes. */
export interface KindEvents extends Pick<FollowerEvents, "onChange"> {
  /** Nobody watches the object any longer. */
  readonly onForgotten: (object: KubeObject) => void;
  /** Kinds came or went. */
  readonly onKinds: () => void;
}

/**
 * Follows the objects of all kinds in discovery that can be listed, watched and deleted and that nobody else caches,
 * as they come and go with their CustomResourceDefinitions (pkg/controller/garbagecollector Sync).
 */
export class FollowedKinds {
  readonly #context: ControllerContext;
  readonly #events: KindEvents;
  readonly #cached: ReadonlySet<string>;
  readonly #followers = new Map<string, Follower>();
  /** Kinds of which their definition was seen. */
  readonly #defined = new Set<string>();
  readonly #failing = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #queue: ReturnType<ControllerContext["queue"]>;
  #definitions: Follower | undefined;
  #discovery: Discovery;
  #backoff = new Backoff(FIRST_RECHECK, MAX_RECHECK);
  #rechecks = 0;
  #looked: Promise<void>;
  #onLooked = (): void => {};

  constructor(context: ControllerContext, cached: readonly Kind[], events: KindEvents) {
    this.#context = context;
    this.#events = events;
    this.#cached = new Set([...cached, KINDS.CustomResourceDefinition].map(keyOf));
    this.#discovery = new Discovery(context.client);
    this.#looked = new Promise((resolve) => {
      this.#onLooked = resolve;
    });
    this.#queue = context.queue({ name: "kinds-of-objects", workers: 1, firstRetry: 100 }, () =>
      this.#look(),
    );
    context.every(PERIOD, () => this.#queue.add(ALL));
    context.onStop(async () => {
      const all = [...this.#followers.values(), ...(this.#definitions ? [this.#definitions] : [])];
      await Promise.all(all.map(({ informer }) => informer.stopped()));
    });
  }

  /**
   * Resolves when the objects of all kinds have been listed once, but for kinds that fail or do not answer for
   * long, and when the controllers end.
   */
  async settled(): Promise<void> {
    const enough = new AbortController();
    const all = this.#looked.then(() =>
      Promise.all([...this.#followers.values()].map((follower) => follower.settled)),
    );
    await Promise.race([all, pause(MAX_SETTLING, AbortSignal.any([enough.signal, this.#context.signal]))]);
    enough.abort();
  }

  /** The kind of an owner, looked up anew when it is not known; undefined when the server has none such. */
  async find(apiVersion: string, kind: string): Promise<ServedKind | undefined> {
    const known = await this.#discovery.find(apiVersion, kind);
    if (known !== undefined) return known;
    const found = await new Discovery(this.#context.client).find(apiVersion, kind);
    if (found !== undefined) this.#queue.addAfter(ALL, FIRST_RECHECK);
    return found;
  }

  async #look(): Promise<void> {
    try {
      this.#definitions ??= this.#followDefinitions();
      await this.#definitions.settled;
      const discovery = new Discovery(this.#context.client);
      const { kinds, failures } = await discovery.survey();
      if (this.#context.signal.aborted) return;
      this.#discovery = discovery;
      this.#report(failures);
      const changed = this.#follow(kinds.filter((kind) => this.#isWanted(kind)));
      const left = this.#leave(new Set(kinds.map(keyOf)), failures);
      if (changed || left) this.#events.onKinds();
      this.#lookAgain(kinds, failures.size > 0);
    } finally {
      this.#onLooked();
    }
  }

  #followDefinitions(): Follower {
    const { client, signal } = this.#context;
    const kind = KINDS.CustomResourceDefinition;
    const onChange: FollowerEvents["onChange"] = (_, change) => {
      this.#events.onChange(kind, change);
      this.#backoff.reset();
      this.#rechecks = 0;
      this.#queue.add(ALL);
    };
    return new Follower(client, kind, { onChange, onError: (...what) => this.#failed(...what) }, signal);
  }

  #isWanted(kind: ServedKind): boolean {
    const key = keyOf(kind);
    const can = ["list", "watch", "delete"].every((verb) => kind.verbs.includes(verb));
    return can && !this.#cached.has(key) && !IGNORED.has(key);
  }

  /** Follows what is not followed yet, or in another version. */
  #follow(kinds: readonly ServedKind[]): boolean {
    let changed = false;
    for (const kind of kinds) {
      const key = keyOf(kind);
      if (this.#isDefined(key)) this.#defined.add(key);
      const before = this.#followers.get(key);
      if (before?.kind.version === kind.version) continue;
      changed = true;
      before?.stop();
      const { onChange } = this.#events;
      const events = { onChange, onError: (of: Kind, error: unknown) => this.#failed(of, error) };
      const follower = new Follower(this.#context.client, kind, events, this.#context.signal);
      this.#followers.set(key, follower);
      if (before !== undefined) void follower.synced.then(() => this.#compare(before, follower));
    }
    return changed;
  }

  /** Tells what went while the version of a kind changed. */
  #compare(before: Follower, now: Follower): void {
    const present = new Set(now.informer.list().map(({ metadata }) => metadata.uid));
    const gone = before.informer.list().filter(({ metadata }) => !present.has(metadata.uid));
    for (const object of gone) this.#events.onChange(now.kind, { type: "deleted", object });
  }

  /** Leaves kinds that are served no longer. With its definition, all objects of a kind are gone. */
  #leave(served: ReadonlySet<string>, failures: ReadonlyMap<string, Error>): boolean {
    let changed = false;
    const failing = new Set([...failures.keys()].map((version) => /^(.*)\//.exec(version)?.[1] ?? ""));
    for (const [key, follower] of this.#followers) {
      const { kind, informer } = follower;
      const defined = this.#isDefined(key);
      const wait = failing.has(kind.group) || (defined && this.#rechecks < MAX_RECHECKS);
      if (served.has(key) || wait) continue;
      changed = true;
      follower.stop();
      this.#followers.delete(key);
      this.#refused.delete(key);
      const isGone = this.#defined.delete(key) && !defined && this.#definitions?.informer.synced === true;
      for (const object of informer.list()) {
        if (isGone) this.#events.onChange(kind, { type: "deleted", object });
        else this.#events.onForgotten(object);
      }
    }
    return changed;
  }

  #isDefined(key: string): boolean {
    const [group, plural] = key.split("/");
    return this.#definitions?.informer.get(`${plural}.${group}`) !== undefined;
  }

  /** A definition's kind comes into discovery some time after it; an API that is down may come back. */
  #lookAgain(kinds: readonly ServedKind[], failed: boolean): void {
    const names = new Set(kinds.map(({ plural, group }) => `${plural}.${group}`));
    const missing = (this.#definitions?.informer.list() ?? []).some(
      ({ metadata }) => !names.has(metadata.name),
    );
    if (failed || (missing && this.#rechecks < MAX_RECHECKS)) {
      this.#rechecks++;
      this.#queue.addAfter(ALL, this.#backoff.next());
    } else if (!missing) {
      this.#rechecks = 0;
      this.#backoff.reset();
    }
  }

  #report(failures: ReadonlyMap<string, Error>): void {
    for (const version of this.#failing) if (!failures.has(version)) this.#failing.delete(version);
    for (const [version, error] of failures) {
      if (this.#failing.has(version)) continue;
      this.#failing.add(version);
      this.#context.options.log?.(`discovery of ${version} fails, going on without it: ${error.message}`);
    }
  }

  /** Logs the first failure of a kind; not found is one that goes, as discovery will tell. */
  #failed(kind: Kind, error: unknown): void {
    const key = keyOf(kind);
    if (error instanceof ApiError && error.code === 404) {
      this.#queue.addAfter(ALL, FIRST_RECHECK);
      return;
    }
    if (this.#refused.has(key) || this.#context.signal.aborted) return;
    this.#refused.add(key);
    const name = kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
    this.#context.options.log?.(`watching the owners of ${name}: ${(error as Error).message}`);
  }
}

function keyOf({ group, plural }: Kind): string {
  return `${group}/${plural}`;
}

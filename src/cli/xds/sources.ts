/** Caches of all kinds that proxies' configurations are made from; kinds that are not installed yet are waited for. */
import { Discovery, Informer, type KubeClient, type ObjectChange } from "../../client/index.ts";
import { apiVersionOf, type Kind, KINDS } from "../../objects/kinds.ts";
import type { KubeObject } from "../../objects/types.ts";

/** Takes one change of an object in. */
export type Intake = (change: ObjectChange<KubeObject>) => void;

/** A kind, and what takes its changes in. */
export interface Source {
  readonly kind: Kind;
  readonly intake: Intake;
  /** What is kept of an object, besides what is left out of all. */
  readonly transform?: (object: never) => KubeObject;
  /** Its status counts as well (a pod's addresses); else changes of that alone are not handed on. */
  readonly withStatus?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Which objects are followed. */
export interface SourcesOptions {
  readonly client: KubeClient;
  readonly kinds: readonly Source[];
  readonly onError?: (error: unknown) => void;
}

/** The caches, by kind. */
export interface Sources {
  get(kind: Kind, key: string): KubeObject | undefined;
  /** Calls the listener with each change of every object, those of statuses alone included. */
  onAny(listener: (kind: Kind, change: ObjectChange<KubeObject>) => void): void;
}

/**
 * Fills the caches and hands everything that is there to the intakes; resolves when every kind that is installed has
 * been handed on, so that nobody acts on half of a cluster. Kinds installed later follow then.
 */
export async function startSources(options: SourcesOptions, signal: AbortSignal): Promise<Sources> {
  const { client, kinds, onError } = options;
  const informers = new Map<string, Informer<KubeObject>>();
  const listeners: ((kind: Kind, change: ObjectChange<KubeObject>) => void)[] = [];
  const start = async (source: Source): Promise<void> => {
    const { kind, intake, transform = (object) => object, labelSelector, fieldSelector } = source;
    const informer = new Informer<KubeObject>(client, kind, {
      ...(labelSelector && { labelSelector }),
      ...(fieldSelector && { fieldSelector }),
      ...(onError && { onError: (error) => signal.aborted || onError(error) }),
      transform: (object: KubeObject) => transform(withoutBallast(object) as never),
    });
    informers.set(nameOf(kind), informer);
    await informer.start(signal);
    for (const object of informer.list()) intake({ type: "added", object });
    informer.onChange((change) => {
      if (source.withStatus || isNews(change)) intake(change);
      for (const listener of listeners) listener(kind, change);
    });
  };
  const waiting = new Map(kinds.map((entry) => [nameOf(entry.kind), entry]));
  const startServed = async (): Promise<void> => {
    const served = await servedKinds(
      client,
      [...waiting.values()].map(({ kind }) => kind),
    );
    const ready = [...waiting.values()].filter(({ kind }) => served.has(nameOf(kind)));
    for (const { kind } of ready) waiting.delete(nameOf(kind));
    await Promise.all(ready.map(start));
  };
  await followDefinitions(client, waiting, startServed, options, signal);
  return {
    get: (kind, key) => informers.get(nameOf(kind))?.get(key),
    onAny: (listener) => void listeners.push(listener),
  };
}

function nameOf(kind: Kind): string {
  return `${kind.plural}.${kind.group}`;
}

/** A look at discovery now, and whenever the definition of a kind that is missing appears or changes. */
async function followDefinitions(
  client: KubeClient,
  waiting: ReadonlyMap<string, unknown>,
  look: () => Promise<void>,
  { onError }: SourcesOptions,
  signal: AbortSignal,
): Promise<void> {
  let looking: Promise<void> = Promise.resolve();
  const again = (): Promise<void> => {
    looking = looking.then(look).catch((error: unknown) => {
      if (signal.aborted) return;
      onError?.(error);
      setTimeout(() => void again(), RETRY_MS).unref();
    });
    return looking;
  };
  const definitions = new Informer<KubeObject>(client, KINDS.CustomResourceDefinition, {
    metadataOnly: true,
    transform: nameOnly,
    ...(onError && { onError: (error) => signal.aborted || onError(error) }),
  });
  await definitions.start(signal);
  await look();
  definitions.onChange(({ object }) => {
    if (waiting.has(object.metadata.name)) void again();
  });
  // those that came between the look and the listener
  if (definitions.list().some(({ metadata }) => waiting.has(metadata.name))) await again();
}

const RETRY_MS = 500;

async function servedKinds(client: KubeClient, wanted: readonly Kind[]): Promise<Set<string>> {
  const discovery = new Discovery(client);
  const versions = [...new Set(wanted.map(apiVersionOf))];
  const served = new Set<string>();
  for (const list of await Promise.all(versions.map((version) => discovery.kindsOf(version)))) {
    for (const kind of list) served.add(nameOf(kind));
  }
  return served;
}

/** Whether a change is more than a write of a status: kinds with generations say so by them. */
function isNews({ type, object, previous }: ObjectChange<KubeObject>): boolean {
  if (type !== "updated" || previous === undefined) return true;
  const { generation } = object.metadata;
  if (generation === undefined || generation === 0 || generation !== previous.metadata.generation)
    return true;
  const rest = ({ metadata }: KubeObject) =>
    JSON.stringify([metadata.labels, metadata.annotations, metadata.deletionTimestamp, metadata.finalizers]);
  return rest(object) !== rest(previous);
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Without managed fields, and without the copy of itself that kubectl leaves in an object. */
function withoutBallast(object: KubeObject): KubeObject {
  const {
    managedFields: _,
    annotations,
    ...metadata
  } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  const { [LAST_APPLIED]: __, ...rest } = annotations ?? {};
  return { ...object, metadata: { ...metadata, ...(Object.keys(rest).length > 0 && { annotations: rest }) } };
}

function nameOnly({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, metadata: { name, uid, resourceVersion } } as KubeObject;
}

import type { Service } from "../../objects/types.ts";
import { ALL_ANNOTATIONS } from "../../traffic/balancer/index.ts";

/**
 * On each Service that is served: as what it was last understood, as JSON of its spec and the annotations that concern
 * load balancers. A process that starts after a mistake was made knows from it what to go on serving; it has to be there
 * before the mistake, as nobody may be looking when that is made. Nobody's to set.
 */
export const SERVED_AS_ANNOTATION = "tandem.dev/served-as";

/** Services as they were when they last had no error: one with a mistake goes on being served so. */
export class UnderstoodServices {
  /** By `namespace/name`. */
  readonly #seen = new Map<string, Service>();

  /** To be called for each Service without an error. */
  remember(key: string, service: Service): void {
    this.#seen.set(key, service);
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }

  /** The Service before its mistake, as this process or an earlier one knew it. */
  before(key: string, service: Service): Service | undefined {
    const seen = this.#seen.get(key);
    if (seen !== undefined && seen.metadata.uid === service.metadata.uid) return seen;
    return written(service);
  }
}

/** The text of {@link SERVED_AS_ANNOTATION} for a Service. */
export function servedAs({ metadata, spec }: Service): string {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => concernsBalancers(key));
  return JSON.stringify({ annotations: Object.fromEntries(annotations), spec }, inOrder);
}

/** The same text for the same Service, in whatever order its fields come. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function concernsBalancers(given: string): boolean {
  return ALL_ANNOTATIONS.some(({ key, suffix }) =>
    suffix === undefined ? given === key : given.startsWith(key),
  );
}

/** What an earlier process wrote; undefined where it is nothing that could be a Service's. */
function written(service: Service): Service | undefined {
  const text = service.metadata.annotations?.[SERVED_AS_ANNOTATION];
  try {
    const { annotations, spec } = JSON.parse(text ?? "null") as Pick<Service, "spec"> & Service["metadata"];
    if (typeof spec !== "object" || spec === null) return undefined;
    return { ...service, metadata: { ...service.metadata, annotations: annotations ?? {} }, spec };
  } catch {
    return undefined;
  }
}

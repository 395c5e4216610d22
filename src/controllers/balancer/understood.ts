import type { Service } from "../../objects/types.ts";
import { ALL_ANNOTATIONS } from "../../traffic/balancer/index.ts";

/**
 * On a Service with a mistake: what it was before, as JSON of its spec and the annotations that concern load balancers,
 * so that the next process knows it, too. Nobody's to set; it goes when the mistake does.
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
  return JSON.stringify({ annotations: Object.fromEntries(annotations.sort()), spec });
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
    return { ...service, metadata: { ...service.metadata, annotations: annotations ?? {} }, spec };
  } catch {
    return undefined;
  }
}

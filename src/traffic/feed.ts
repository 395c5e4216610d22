import type { EndpointSlice, KubeObject, Service } from "../objects/types.ts";
import type { ObjectChange, TrafficModel } from "./tracker.ts";

/** What the model needs of an informer. */
export interface ObjectSource<T> {
  list(): readonly T[];
  onChange(listener: (change: ObjectChange<T>) => void): () => void;
}

/** The caches that a model is fed from; namespaces only matter to DNS. */
export interface TrafficSources {
  readonly services: ObjectSource<Service>;
  readonly slices: ObjectSource<EndpointSlice>;
  readonly namespaces?: ObjectSource<KubeObject>;
}

/** Fills a model with what the sources hold and keeps feeding it their changes; the result ends that. */
export function feedModel(model: TrafficModel, sources: TrafficSources): () => void {
  const ends = [
    feed(sources.services, (change) => model.onService(change)),
    feed(sources.slices, (change) => model.onSlice(change)),
  ];
  if (sources.namespaces) ends.push(feed(sources.namespaces, (change) => model.onNamespace(change)));
  return () => {
    for (const end of ends) end();
  };
}

function feed<T>(source: ObjectSource<T>, accept: (change: ObjectChange<T>) => void): () => void {
  const end = source.onChange(accept);
  for (const object of source.list()) accept({ type: "added", object });
  return end;
}

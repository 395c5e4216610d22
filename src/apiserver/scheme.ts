/** The objects room, plus what it does not have yet. */
import type { Kind } from "../objects/index.ts";
import type { AnyObject } from "../objects/types.ts";

export interface TableOptions {
  readonly now: Date;
  readonly includeObject?: "None" | "Metadata" | "Object";
}

export function tableOf(_kind: Kind, objects: readonly AnyObject[], _options: TableOptions): AnyObject {
  const column = (name: string): object => ({
    name,
    type: "string",
    format: "",
    description: "",
    priority: 0,
  });
  const rows = objects.map((object) => ({
    cells: [object.metadata.name, object.metadata.creationTimestamp],
    object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
  }));
  const columnDefinitions = [column("Name"), column("Created At")];
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: {},
    columnDefinitions,
    rows,
  } as unknown as AnyObject;
}

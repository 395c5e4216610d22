import type { ObjectMeta } from "../../types.ts";
import type { Schema } from "../schema.ts";

/** `spec.names` and `status.acceptedNames` of a CustomResourceDefinition (apiextensions.k8s.io/v1). */
export interface DefinitionNames {
  plural: string;
  singular?: string;
  kind: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

/** A column that `kubectl get` shows. */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

/** Where the subresource `scale` finds what it needs. */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

/** One version of a custom resource. */
export interface DefinitionVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: Schema };
  subresources?: { status?: object; scale?: ScalePaths };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

/** One condition of a definition. */
export interface DefinitionCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: string | null;
  reason?: string;
  message?: string;
}

/** A CustomResourceDefinition (apiextensions.k8s.io/v1). */
export interface Definition {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: {
    group: string;
    names: DefinitionNames;
    scope: string;
    versions: DefinitionVersion[];
    conversion?: { strategy: string; webhook?: object };
    preserveUnknownFields?: boolean;
  };
  status?: {
    conditions?: DefinitionCondition[] | null;
    acceptedNames?: DefinitionNames;
    storedVersions?: string[] | null;
  };
}

/** Holds a definition that is being deleted until its objects are gone. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/** Whether a definition has a condition with status True. */
export function isTrueCondition({ status }: Definition, type: string): boolean {
  return (status?.conditions ?? []).some((each) => each.type === type && each.status === "True");
}

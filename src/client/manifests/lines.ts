/** Lines of fields in YAML. */
import type { Node as YamlNode, YAMLMap } from "yaml";
import { yaml } from "../../objects/yaml.ts";

/** The line on which a node begins, from 1. */
export type LineOf = (node: YamlNode | null) => number;

/** Finds lines of fields below a node; of one that is not written, the line of the nearest above it. */
export function lineFinder(
  node: YAMLMap,
  lineOf: LineOf,
): (path: readonly (string | number)[], textLine?: number) => number {
  const { isNode, isScalar } = yaml();
  return (path, textLine) => {
    for (let length = path.length; length > 0; length--) {
      const found: unknown = node.getIn(path.slice(0, length), true);
      if (!isNode(found)) continue;
      const isBlock = isScalar(found) && (found.type === "BLOCK_LITERAL" || found.type === "BLOCK_FOLDED");
      return lineOf(found) + (isBlock && length === path.length && textLine !== undefined ? 1 + textLine : 0);
    }
    return lineOf(node);
  };
}

import { isObject, type JsonObject } from "../patch/json-value.ts";
import { setKey } from "../schema/go-json.ts";
import { itemElements } from "./list-items.ts";
import { fieldType, type ListType, type MapType, type MergeType, shapeOf } from "./merge-type.ts";
import type { PathElement } from "./path-element.ts";

/**
 * Merges a configuration into an object: nothing is removed, and of a leaf that both have the
 * configuration's value stays. Items keep the object's order where the configuration says nothing else,
 * otherwise its order (structured-merge-diff typed/merge.go).
 * @throws ItemError when a list has items that cannot be told apart
 */
export function merge(object: unknown, configuration: unknown, type: MergeType): unknown {
  return mergeValues(object, configuration, type);
}

/** Undefined stands for a value that is not there. */
function mergeValues(left: unknown, right: unknown, type: MergeType): unknown {
  const shape = shapeOf(type, right === undefined ? left : right);
  if (shape === "map" && type.map !== undefined) return mergeMaps(left, right, type.map);
  if (shape === "list" && type.list !== undefined) return mergeLists(left, right, type.list);
  return rightOf(left, right);
}

function rightOf(left: unknown, right: unknown): unknown {
  return right === undefined ? left : right;
}

function mergeMaps(left: unknown, right: unknown, type: MapType): unknown {
  const [old, next] = [isObject(left) ? left : {}, isObject(right) ? right : {}];
  const isEmpty = Object.keys(old).length === 0 && Object.keys(next).length === 0;
  if (type.atomic || isEmpty) return rightOf(left, right);
  const result: JsonObject = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const value = mergeValues(own(old, name), own(next, name), fieldType(type, name));
    if (value !== undefined) setKey(result, name, value);
  }
  return Object.keys(result).length > 0 ? result : undefined;
}

function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function mergeLists(left: unknown, right: unknown, type: ListType): unknown {
  const [old, next] = [Array.isArray(left) ? left : [], Array.isArray(right) ? right : []];
  if (type.atomic || (old.length === 0 && next.length === 0)) return rightOf(left, right);
  const items = new ListMerge(type, old, next).items();
  return items.length > 0 ? items : undefined;
}

/**
 * The interleaving of two lists, step by step as the original does it, so that the order comes out the
 * same.
 */
class ListMerge {
  private readonly type: ListType;
  private readonly left: readonly unknown[];
  private readonly leftElements: readonly PathElement[];
  private readonly rightElements: readonly PathElement[];
  /** What stands at a step; null when the list has it more than once. */
  private readonly leftItems: ReadonlyMap<PathElement, unknown>;
  private readonly rightItems: ReadonlyMap<PathElement, unknown>;
  private readonly shared: PathElement[];
  private readonly merged = new Set<PathElement>();
  private readonly out: unknown[] = [];
  private nextShared: PathElement | undefined;
  private l = 0;
  private r = 0;

  constructor(type: ListType, left: readonly unknown[], right: readonly unknown[]) {
    this.type = type;
    this.left = left;
    this.leftElements = itemElements(type, left);
    this.rightElements = itemElements(type, right);
    this.leftItems = indexed(this.leftElements, left);
    this.rightItems = indexed(this.rightElements, right);
    this.shared = this.rightElements.filter((element) => this.leftItems.has(element));
    this.advanceShared();
  }

  items(): unknown[] {
    while (this.l < this.leftElements.length || this.r < this.rightElements.length) {
      if (!this.takeBoth() && !this.takeLeft()) this.takeRight();
    }
    return this.out;
  }

  private advanceShared(): void {
    this.nextShared = this.shared.shift();
  }

  /** Takes an item that is next in both lists, or passes one of the left that comes later in the right. */
  private takeBoth(): boolean {
    const left = this.leftElements[this.l];
    const right = this.rightElements[this.r];
    if (left === undefined || right === undefined) return false;
    if (left === right) {
      this.push(this.leftItems.get(left), this.rightItems.get(left));
      this.merged.add(left);
      this.l++;
      this.r++;
      this.advanceShared();
      return true;
    }
    const passes = this.rightItems.has(left) && this.nextShared !== undefined && this.nextShared !== left;
    if (passes) this.l++;
    return passes;
  }

  private takeLeft(): boolean {
    const element = this.leftElements[this.l];
    if (element === undefined) return false;
    if (!this.rightItems.has(element)) {
      this.push(this.left[this.l], undefined);
      this.l++;
      return true;
    }
    if (this.merged.has(element)) this.l++;
    return false;
  }

  private takeRight(): void {
    const element = this.rightElements[this.r];
    if (element === undefined) return;
    this.merged.add(element);
    this.push(this.leftItems.get(element), this.rightItems.get(element));
    this.r++;
    if (this.nextShared === element) this.advanceShared();
  }

  private push(left: unknown, right: unknown): void {
    const value = mergeValues(left, right, this.type.items);
    if (value !== undefined) this.out.push(value);
  }
}

function indexed(elements: readonly PathElement[], items: readonly unknown[]): Map<PathElement, unknown> {
  const result = new Map<PathElement, unknown>();
  elements.forEach((element, index) => {
    result.set(element, result.has(element) ? null : items[index]);
  });
  return result;
}

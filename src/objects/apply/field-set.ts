import { canonicalElement, compareElements, FieldsError, type PathElement } from "./path-element.ts";

/**
 * A set of field paths as the tree that managedFields carry (`fieldsV1`): each key is a step, its value what
 * is below. A step is itself a member when its value is empty or has the key `.`; otherwise only members
 * below it are in the set. The set itself is the tree's root, which is never a member. Sets are never
 * changed, and share branches (structured-merge-diff fieldpath/set.go).
 */
export interface FieldSet {
  readonly [element: PathElement]: FieldSet;
}

/** The empty set; as the value of a step: the step is a member and nothing below it. */
export const EMPTY: FieldSet = Object.freeze({});

const SELF = ".";

/** A tree under construction. */
export type MutableFieldSet = Record<PathElement, FieldSet>;

/** Whether a set has no members. */
export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the step with this value is a member itself. */
export function isMember(node: FieldSet | undefined): boolean {
  return node !== undefined && (node[SELF] !== undefined || isEmpty(node));
}

/** Whether members are below the step with this value. */
export function hasChildren(node: FieldSet | undefined): node is FieldSet {
  for (const element in node) if (element !== SELF) return true;
  return false;
}

/** The value of a step: a member or not, with what is below; undefined when that is nothing. */
export function nodeOf(member: boolean, children: FieldSet | undefined): FieldSet | undefined {
  if (!hasChildren(children)) return member ? EMPTY : undefined;
  if (!member) return children;
  return { [SELF]: EMPTY, ...children };
}

/** The set with one path more. */
function insert(set: FieldSet, path: readonly PathElement[]): FieldSet {
  const [element, ...rest] = path;
  if (element === undefined) return set;
  const node = set[element];
  const children = node === undefined ? EMPTY : childrenOf(node);
  const next = rest.length === 0 ? nodeOf(true, children) : nodeOf(isMember(node), insert(children, rest));
  return { ...set, [element]: next ?? EMPTY };
}

/** The set of these paths. */
export function setOf(...paths: (readonly PathElement[])[]): FieldSet {
  return paths.reduce(insert, EMPTY);
}

/** What is below a step, as a set of its own. */
export function childrenOf(node: FieldSet): FieldSet {
  if (node[SELF] === undefined) return node;
  const { [SELF]: _, ...children } = node;
  return children;
}

/** Whether a path is a member. */
export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

/** Which members a combination of two sets has, by the sets that they are in. */
interface Rule {
  readonly left: boolean;
  readonly right: boolean;
  readonly both: boolean;
}

const UNION: Rule = { left: true, right: true, both: true };
const INTERSECTION: Rule = { left: false, right: false, both: true };
const DIFFERENCE: Rule = { left: true, right: false, both: false };

/** The members of either set. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  return isEmpty(b) ? a : combine(a, b, UNION);
}

/** The members of both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, INTERSECTION);
}

/** The members of the first set that are not in the second; what is below a removed member stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) ? a : combine(a, b, DIFFERENCE);
}

function combine(a: FieldSet, b: FieldSet, rule: Rule): FieldSet {
  const result: MutableFieldSet = {};
  for (const element in a) {
    if (element === SELF) continue;
    const left = a[element] ?? EMPTY;
    const right = b[element];
    const node = right === undefined ? (rule.left ? left : undefined) : combineNodes(left, right, rule);
    if (node !== undefined) result[element] = node;
  }
  if (!rule.right) return result;
  for (const element in b) {
    if (element !== SELF && a[element] === undefined) result[element] = b[element] ?? EMPTY;
  }
  return result;
}

function combineNodes(left: FieldSet, right: FieldSet, rule: Rule): FieldSet | undefined {
  const [inLeft, inRight] = [isMember(left), isMember(right)];
  const member = inLeft ? (inRight ? rule.both : rule.left) : inRight && rule.right;
  return nodeOf(member, combine(left, right, rule));
}

/** The members of the first set that are neither in the second nor below a member of it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  const result: MutableFieldSet = {};
  for (const element in a) {
    if (element === SELF) continue;
    const left = a[element] ?? EMPTY;
    const right = b[element];
    if (right !== undefined && isMember(right)) continue;
    const node = right === undefined ? left : nodeOf(isMember(left), recursiveDifference(left, right));
    if (node !== undefined) result[element] = node;
  }
  return result;
}

/** The members that have no members below them. */
export function leaves(set: FieldSet): FieldSet {
  const result: MutableFieldSet = {};
  for (const element in set) {
    if (element === SELF) continue;
    const node = set[element] ?? EMPTY;
    result[element] = hasChildren(node) ? leaves(node) : EMPTY;
  }
  return result;
}

/** Whether two sets have the same members. */
export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let count = 0;
  for (const element in a) {
    if (element === SELF) continue;
    count++;
    const left = a[element] ?? EMPTY;
    const right = b[element];
    if (right === undefined || isMember(left) !== isMember(right) || !sameSet(left, right)) return false;
  }
  for (const element in b) if (element !== SELF) count--;
  return count === 0;
}

/** The paths of a set in its order: at each level first the members, then what is below. */
export function* paths(set: FieldSet, prefix: readonly PathElement[] = []): Generator<PathElement[]> {
  const elements = Object.keys(set)
    .filter((element) => element !== SELF)
    .sort(compareElements);
  for (const element of elements) if (isMember(set[element])) yield [...prefix, element];
  for (const element of elements) yield* paths(set[element] ?? EMPTY, [...prefix, element]);
}

/** The set with its keys in the order in which they are written: `.` first, then as steps are ordered. */
export function inOrder(set: FieldSet): FieldSet {
  const keys = Object.keys(set);
  const sorted = isSorted(keys);
  if (!sorted) keys.sort(compareElements);
  let result: MutableFieldSet | undefined = sorted ? undefined : {};
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] ?? "";
    const value = set[key] ?? EMPTY;
    const ordered = inOrder(value);
    if (result === undefined && ordered !== value) result = copyFirst(set, keys, i);
    if (result !== undefined) result[key] = ordered;
  }
  return result ?? set;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if (compareElements(keys[i - 1] ?? "", keys[i] ?? "") > 0) return false;
  }
  return true;
}

function copyFirst(set: FieldSet, keys: readonly string[], count: number): MutableFieldSet {
  const result: MutableFieldSet = {};
  for (let i = 0; i < count; i++) result[keys[i] ?? ""] = set[keys[i] ?? ""] ?? EMPTY;
  return result;
}

/**
 * Reads a `fieldsV1` of anybody: brings steps to their canonical form and leaves out kinds of steps that are
 * unknown.
 * @throws FieldsError
 */
export function readFields(fields: unknown): FieldSet {
  if (fields === undefined || fields === null) return EMPTY;
  return childrenOf(readNode(fields, 0) ?? EMPTY);
}

/** No object is nested as deep as this. */
const MAX_DEPTH = 1000;

function readNode(fields: unknown, depth: number): FieldSet {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields) || depth > MAX_DEPTH) {
    throw new FieldsError("fields must be an object of objects");
  }
  const result: MutableFieldSet = {};
  let self = false;
  for (const [key, value] of Object.entries(fields)) {
    if (key === SELF) {
      self = true;
      continue;
    }
    const element = canonicalElement(key);
    if (element !== undefined) result[element] = readNode(value, depth + 1);
  }
  return isEmpty(result) ? EMPTY : self ? { [SELF]: EMPTY, ...result } : result;
}

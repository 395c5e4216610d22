/** The annotations of one Service, read once by the table; what is wrong with them is noted as findings. */
import { closest } from "../../errors/closest.ts";
import type { BalancerFinding } from "./model.ts";
import {
  ALL_ANNOTATIONS,
  ANNOTATIONS,
  type AnnotationName,
  type AnnotationSpec,
  AWS_BALANCER_PREFIX,
  IN_TREE_ONLY,
} from "./annotations/index.ts";
import { meantElsewhere, meantOfAws } from "./meant.ts";
import { parseBool, parseInt32, parseJson, parseList, parseMap } from "./parse.ts";

interface Values {
  string: string;
  bool: boolean;
  int32: number;
  list: readonly string[];
  map: Readonly<Record<string, string>>;
  json: unknown;
}

type ValueOf<N extends AnnotationName> = Values[(typeof ANNOTATIONS)[N]["type"]];

/** The path of an annotation as findings name it. */
export function annotationField(key: string): string {
  return `metadata.annotations[${key}]`;
}

/** Annotations by their short names (annotations.ts). A value that is refused reads as if it were not there. */
export class AnnotationReader {
  readonly findings: BalancerFinding[] = [];
  readonly #annotations: Readonly<Record<string, string>>;
  readonly #provider: "aws" | "local";
  readonly #values = new Map<string, unknown>();

  constructor(annotations: Readonly<Record<string, string>>, provider: "aws" | "local") {
    this.#annotations = annotations;
    this.#provider = provider;
    for (const key of Object.keys(annotations).sort()) this.#readKey(key, String(annotations[key]));
  }

  /** The value of an annotation; undefined where it is not there or was refused. */
  get<N extends AnnotationName>(name: N): ValueOf<N> | undefined {
    return this.#values.get(ANNOTATIONS[name].key) as ValueOf<N> | undefined;
  }

  /** What stands there, be it refused, not read, or misspelt. */
  text(name: AnnotationName): string | undefined {
    return this.#annotations[ANNOTATIONS[name].key];
  }

  /** Whether it stands there, be it refused or not. */
  has(name: AnnotationName): boolean {
    return this.#annotations[ANNOTATIONS[name].key] !== undefined;
  }

  /** The value of one annotation of a family, as that of port 80. */
  at<N extends AnnotationName>(name: N, suffix: string): ValueOf<N> | undefined {
    return this.#values.get(`${ANNOTATIONS[name].key}${suffix}`) as ValueOf<N> | undefined;
  }

  /** What follows the keys of a family of annotations, sorted. */
  suffixes(name: AnnotationName): string[] {
    const start = ANNOTATIONS[name].key;
    const keys = Object.keys(this.#annotations).filter((key) => key.startsWith(start));
    return keys.map((key) => key.slice(start.length)).sort();
  }

  /** Notes that a value cannot be served; a warning only where it does not concern the provider. */
  refuse(name: AnnotationName, message: string, next?: string, suffix = ""): void {
    const spec: AnnotationSpec = ANNOTATIONS[name];
    const ours = spec.concerns === "both" || spec.concerns === this.#provider;
    this.#note(ours ? "error" : "warning", spec.key + suffix, message, next);
  }

  /** Notes what is odd about a value that can be served. */
  warn(name: AnnotationName, message: string, next?: string, suffix = ""): void {
    this.#note("warning", ANNOTATIONS[name].key + suffix, message, next);
  }

  #note(level: BalancerFinding["level"], key: string, message: string, next: string | undefined): void {
    this.findings.push({ level, field: annotationField(key), message, next });
  }

  #readKey(key: string, raw: string): void {
    const spec = specOf(key);
    if (spec === undefined) {
      this.#unknown(key);
      return;
    }
    if (spec.unreadBeside !== undefined && this.#annotations[spec.unreadBeside] !== undefined) return;
    const suffix = key.slice(spec.key.length);
    const parsed = parse(spec, key, raw);
    const error = "error" in parsed ? parsed.error : spec.refuses?.(raw, parsed.value);
    if (error !== undefined) this.refuse(spec.id, error, advice(spec, raw, "value" in parsed), suffix);
    else if ("value" in parsed) this.#values.set(key, parsed.value);
  }

  #unknown(key: string): void {
    if (key === QUIC_OF_PODS) return;
    if (!key.startsWith(AWS_BALANCER_PREFIX)) {
      const meant = meantElsewhere(key);
      if (meant !== undefined) this.#noSuch(key, meant);
      return;
    }
    if (IN_TREE_ONLY.includes(key)) {
      this.#note("warning", key, "only the in-tree cloud provider reads this annotation", undefined);
      return;
    }
    this.#noSuch(key, meantOfAws(key));
  }

  #noSuch(key: string, meant: string | undefined): void {
    const next = meant === undefined ? "see docs/load-balancers.md for all there are" : `write ${meant}`;
    this.#note("warning", key, "there is no such annotation: it has no effect", next);
  }
}

/** Meant for pods, but found on Services, too. */
const QUIC_OF_PODS = `${AWS_BALANCER_PREFIX}quic-enabled-containers`;
const PLAIN = new Map(ALL_ANNOTATIONS.filter((spec) => !spec.suffix).map((spec) => [spec.key, spec]));
const FAMILIES_OF_KEYS = ALL_ANNOTATIONS.filter((spec) => spec.suffix !== undefined);

function specOf(key: string) {
  return PLAIN.get(key) ?? FAMILIES_OF_KEYS.find((spec) => key.startsWith(spec.key));
}

function parse(spec: AnnotationSpec, key: string, raw: string): { value: unknown } | { error: string } {
  const failed = (kind: string, why: string) => ({
    error: `failed to parse ${kind} annotation, ${key}: ${raw}${why}`,
  });
  switch (spec.type) {
    case "string":
      return { value: raw };
    case "list":
      return { value: parseList(raw) };
    case "map": {
      const value = parseMap(raw);
      return value === undefined ? failed("stringMap", "") : { value };
    }
    case "bool":
    case "int32":
    case "json": {
      const read = { bool: parseBool, int32: parseInt32, json: parseJson }[spec.type];
      const parsed = read(raw);
      return "error" in parsed ? failed(spec.type, `: ${parsed.error}`) : parsed;
    }
  }
}

function advice(spec: AnnotationSpec, raw: string, formed: boolean): string {
  if (spec.values !== undefined) {
    const meant = spec.values.length === 1 ? spec.values[0] : closest(raw, spec.values);
    return meant === undefined ? `write one of ${spec.values.join(", ")}` : `write ${quoted(meant)}`;
  }
  if (spec.next !== undefined) return spec.next;
  if (formed && spec.type === "map") return "correct that key or value";
  const forms = {
    string: "shorten or correct it",
    bool: "write true or false",
    int32: "write a whole number",
    list: "write values divided by commas",
    map: "write key=value pairs divided by commas, a comma inside a value as \\,",
    json: 'write JSON such as {"type":"forward","forwardConfig":{"targetGroups":[]}}',
  };
  return forms[spec.type];
}

/** As YAML needs it, in which a bare star is no text. */
function quoted(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : JSON.stringify(value);
}

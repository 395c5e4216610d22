/** How the text of an annotation is read; see parse.ts. */
export type ValueType = "string" | "bool" | "int32" | "list" | "map" | "json";

/** One annotation, or a family of them that differ in what follows the key (`suffix`). */
export interface AnnotationSpec {
  /** The whole key; of a family the key up to and with its last dot. */
  readonly key: string;
  /** What follows the key: a port number, or protocol and port as `TCP-80`. */
  readonly suffix?: "PORT" | "PROTO-PORT";
  readonly type: ValueType;
  /** What holds without it, in words. */
  readonly default: string;
  /** Whom it concerns: errors in what concerns AWS alone are warnings for the local provider, and the reverse. */
  readonly concerns: "both" | "aws" | "local";
  /** The only values, where there are few; compared as they are. */
  readonly values?: readonly string[];
  /** Why a value is refused (the AWS Load Balancer Controller's words), else undefined. */
  readonly refuses?: (raw: string, parsed: unknown) => string | undefined;
  /** What to write in the place of a value that is refused, where its type does not say it. */
  readonly next?: string;
  /** The key of an annotation that, where it stands, keeps this one from being read. */
  readonly unreadBeside?: string;
  /** What to use in its place. */
  readonly deprecated?: string;
  readonly meaning: string;
}

/** What AWS's keys start with. */
export const AWS_PREFIX = "service.beta.kubernetes.io/";
/** What most of AWS's keys start with. */
export const AWS_BALANCER_PREFIX = `${AWS_PREFIX}aws-load-balancer-`;

/** The whole key of one of AWS's annotations. */
export const aws = (name: string) => `${AWS_BALANCER_PREFIX}${name}`;

type Refusal = (value: string) => string;

/** Refuses all but the given values. */
export function oneOf(values: readonly string[], text: Refusal) {
  return { values, refuses: (raw: string) => (values.includes(raw) ? undefined : text(raw)) };
}

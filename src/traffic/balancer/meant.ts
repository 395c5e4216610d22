/** Which annotation was meant by one that there is not. */
import { closest } from "../../errors/closest.ts";
import { ALL_ANNOTATIONS, AWS_BALANCER_PREFIX } from "./annotations/index.ts";
import { AWS_PREFIX } from "./annotations/spec.ts";

const OWN_PREFIX = "tandem.dev/";

/** What AWS's keys begin with, the longer before the shorter. */
const AWS_BEGINNINGS = [AWS_BALANCER_PREFIX, `${AWS_PREFIX}load-balancer-`, AWS_PREFIX];
const AWS_KEYS = byEnd(AWS_BEGINNINGS);
const OWN_KEYS = byEnd([OWN_PREFIX]);

/** Keys by what is left of them without what many share, which would make every key near to every other. */
function byEnd(beginnings: readonly string[]): ReadonlyMap<string, string> {
  const ends = ALL_ANNOTATIONS.flatMap(({ key }) => {
    const beginning = beginnings.find((text) => key.startsWith(text));
    return beginning === undefined ? [] : [[key.slice(beginning.length), key] as const];
  });
  return new Map(ends);
}

function nearest(end: string, keys: ReadonlyMap<string, string>): string | undefined {
  const meant = closest(end, keys.keys());
  return meant === undefined ? undefined : keys.get(meant);
}

/** The annotation of AWS that was meant by one with its prefix that there is not. */
export function meantOfAws(key: string): string | undefined {
  return nearest(key.slice(AWS_BALANCER_PREFIX.length), AWS_KEYS);
}

/** As AWS's keys begin where the prefix is misspelt: `services.beta…`, `service.kubernetes.io/`, `aws-loadbalancer-`. */
const NEARLY_AWS = /^services?(\.[a-z]+)*\.io\/aws-?load-?balancer-/i;
/** Annotations that are on Services rightly, and no wishes of users to load balancers. */
const OTHERS_OF_OURS = new Set(
  [
    "replaced-load-balancers",
    "served-as",
    "registered-targets",
    "hostname",
    "family-readiness",
    "prefer-family",
    "ip-families",
  ].map((name) => OWN_PREFIX + name),
);

/**
 * What was meant by a key that has neither AWS's prefix nor is known; undefined where it is nearly none of ours, and so
 * somebody else's business.
 */
export function meantElsewhere(key: string): string | undefined {
  const [nearly = ""] = NEARLY_AWS.exec(key) ?? [];
  if (nearly !== "") return nearest(key.slice(nearly.length), AWS_KEYS) ?? `${AWS_BALANCER_PREFIX}…`;
  if (!key.startsWith(OWN_PREFIX) || OTHERS_OF_OURS.has(key)) return undefined;
  return nearest(key.slice(OWN_PREFIX.length), OWN_KEYS);
}

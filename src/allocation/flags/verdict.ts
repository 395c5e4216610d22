/** The components whose flags decide the families of a cluster. */
export const COMPONENTS = ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kubelet"] as const;
/** A component whose flags are judged. */
export type Component = (typeof COMPONENTS)[number];

/** The release whose rules are applied. */
export const KUBERNETES_VERSION = "v1.35";

/** What a component would say to its command line. */
export interface Verdict {
  readonly accepted: boolean;
  /** The component's own text; empty when it accepts. */
  readonly error: string;
  /** What it would accept but would not work as meant. */
  readonly notes: readonly string[];
}

/** A verdict that accepts. */
export function accept(notes: readonly string[] = []): Verdict {
  return { accepted: true, error: "", notes };
}

/** A verdict that refuses with the component's text. */
export function refuse(error: string): Verdict {
  return { accepted: false, error, notes: [] };
}

/**
 * One text for several errors, as apimachinery's utilerrors.Aggregate prints them: one alone, or `[a, b]`, each text
 * once. Undefined for none.
 */
export function aggregate(errors: readonly string[]): string | undefined {
  const texts = [...new Set(errors)];
  return texts.length <= 1 ? texts[0] : `[${texts.join(", ")}]`;
}

const ESCAPES: Record<string, string> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** A string as Go's `%q` prints it. */
export function goQuote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what %q escapes
  const escaped = text.replace(/[\u0000-\u001f\u007f"\\]/g, (char) => {
    return ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}

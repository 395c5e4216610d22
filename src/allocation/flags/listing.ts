/** Finds Kubernetes' components in a process listing, as `ps -ef`, `ps aux`, `ps ax`, `pgrep -a` and the like print it. */
import { COMPONENTS, type Component } from "./verdict.ts";

/** One process of a listing. */
export interface ComponentProcess {
  readonly component: Component;
  readonly args: readonly string[];
  /** Line of the listing, from 1. */
  readonly line: number;
  readonly pid?: number;
}

/** What stands before the command, with the process id as the first group and the command as the second. */
const FORMATS: readonly RegExp[] = [
  // ps -ef: UID PID PPID C STIME TTY TIME CMD
  /^\s*\S+\s+(\d+)\s+\d+\s+\d+\s+\S+\s+\S+\s+(?:\d+-)?\d+:\d\d(?::\d\d)?\s+(.*)$/,
  // ps aux: USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND
  /^\s*\S+\s+(\d+)\s+[\d.]+\s+[\d.]+\s+\d+\s+\d+\s+\S+\s+\S+\s+\S+\s+\d+:\d\d(?:\.\d\d)?\s+(.*)$/,
  // ps ax: PID TTY STAT TIME COMMAND
  /^\s*(\d+)\s+\S+\s+\S+\s+(?:\d+-)?\d+:\d\d(?::\d\d)?\s+(.*)$/,
  // ps -e -o pid,args and pgrep -a
  /^\s*(\d+)\s+(\/?[A-Za-z].*)$/,
];

/** Programs that run another one that follows on the same command line. */
const WRAPPERS = new Set([
  ..."sudo nohup env nice exec sh bash dash tini dumb-init catatonit kube-log-runner go-runner hyperkube".split(
    " ",
  ),
  ..."setsid stdbuf chroot nsenter".split(" "),
]);
const SHELL_END = /^(\||\|\||&|&&|;|[0-9]?>.*)$/;

/** The components that a listing shows, in its order; searches, editors and other programs that name them are not. */
export function findComponents(listing: string): ComponentProcess[] {
  const found: ComponentProcess[] = [];
  const wrapped: ComponentProcess[] = [];
  for (const [index, line] of listing.split(/\r?\n/).entries()) {
    const { command, pid } = splitLine(line);
    const match = matchCommand(joinLists(command.split(/\s+/).filter((word) => word !== "")));
    if (match === undefined) continue;
    const { component, args } = match;
    const process = { component, args, line: index + 1, ...(pid === undefined ? {} : { pid }) };
    (match.wrapped ? wrapped : found).push(process);
  }
  // A shell that waits for the component shows the same command line as the component itself: count it once.
  const alone = wrapped.filter((process) => !found.some((other) => sameCommand(process, other)));
  return dropRepeats([...found, ...alone].sort((a, b) => a.line - b.line));
}

/** Several listings in one text show a process more than once. */
function dropRepeats(processes: readonly ComponentProcess[]): ComponentProcess[] {
  const seen = new Set<string>();
  return processes.filter((process) => {
    if (process.pid === undefined) return true;
    const key = `${process.pid} ${process.component}`;
    return !seen.has(key) && seen.add(key);
  });
}

function sameCommand(a: ComponentProcess, b: ComponentProcess): boolean {
  return a.component === b.component && a.args.join(" ") === b.args.join(" ");
}

function splitLine(line: string): { command: string; pid?: number } {
  for (const format of FORMATS) {
    const match = format.exec(line);
    if (match !== null) return { command: match[2]!, pid: Number(match[1]) };
  }
  return { command: line };
}

interface CommandMatch {
  component: Component;
  args: string[];
  wrapped: boolean;
}

function matchCommand(words: readonly string[]): CommandMatch | undefined {
  const first = componentOf(words[0] ?? "");
  if (first !== undefined) return { component: first, args: words.slice(1), wrapped: false };
  if (!WRAPPERS.has(baseName(words[0] ?? "").replace(/^-/, ""))) return undefined;
  const at = words.findIndex((word) => componentOf(word) !== undefined);
  if (at < 0) return undefined;
  const rest = words.slice(at + 1);
  const end = rest.findIndex((word) => SHELL_END.test(word));
  return { component: componentOf(words[at]!)!, args: end < 0 ? rest : rest.slice(0, end), wrapped: true };
}

function componentOf(word: string): Component | undefined {
  const name = baseName(word);
  return COMPONENTS.find((component) => component === name);
}

function baseName(word: string): string {
  return word.slice(word.lastIndexOf("/") + 1);
}

/** A listing has no quotes: `--flag=a, b` was one argument, for components take no positional ones. */
function joinLists(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const previous = joined.at(-1);
    if (previous?.startsWith("--") && previous.endsWith(",") && !word.startsWith("-")) {
      joined[joined.length - 1] = `${previous} ${word}`;
    } else joined.push(word);
  }
  return joined;
}

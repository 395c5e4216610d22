import { extname } from "node:path";
import { LAB_APP, LAB_NODE } from "../init/root-layout.ts";

/** What an image is in the lab: a program, as ENTRYPOINT and CMD of an image are. */
export interface ImageProgram {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Symbolic links in the pod's root, path → target: programs that tests call by a path of the image. */
  readonly links?: Readonly<Record<string, string>>;
}

/** An image that the lab cannot run; becomes the reason ErrImagePull. */
export class UnknownImage extends Error {}

interface Rule {
  /** Last parts of image names, without registry and tag. */
  readonly names: readonly string[];
  readonly program: ImageProgram;
}

const extension = extname(import.meta.filename);

/** One of the programs of this folder, run by the Node that runs Tandem. */
function builtin(name: string, cmd: readonly string[] = []): ImageProgram {
  const file = `${LAB_APP}/src/lab/images/programs/${name}${extension}`;
  return { entrypoint: [`${LAB_NODE}/node`, file], cmd };
}

/** Commands in agnhost pods are called by the path that they have in the real image. */
const AGNHOST: ImageProgram = {
  ...builtin("agnhost", ["pause"]),
  links: { "/agnhost": `${LAB_APP}/src/lab/images/bin/agnhost` },
};
const SHELL: ImageProgram = { entrypoint: [], cmd: ["/bin/sh"] };
const IDLE: ImageProgram = { entrypoint: ["/bin/sleep", "infinity"], cmd: [] };

/** Images that are built in, by the last part of their names. */
const RULES: readonly Rule[] = [
  { names: ["tcp-echo-server", "tcp-echo"], program: builtin("tcp-echo") },
  { names: ["http-echo"], program: builtin("http-echo") },
  { names: ["agnhost"], program: AGNHOST },
  { names: ["pause", "probe"], program: IDLE },
  {
    names: [
      "curl",
      "busybox",
      "alpine",
      "debian",
      "ubuntu",
      "netshoot",
      "bash",
      "sleep",
      "toolbox",
      "nettools",
      "alpine-curl",
      "dnsutils",
      "network-multitool",
    ],
    program: SHELL,
  },
];

/**
 * Finds the program for an image: a built-in one, or a program of the host whose name is the last part of the
 * image's (`nginx:1.27` runs `nginx`). Registry, tag and digest do not count.
 * @throws UnknownImage when there is neither
 */
export function programOf(image: string, isOnHost: (program: string) => boolean): ImageProgram {
  const name = lastPart(image);
  const rule = RULES.find(({ names }) => names.includes(name));
  if (rule !== undefined) return rule.program;
  if (isOnHost(name)) return { entrypoint: [name], cmd: [] };
  const known = builtinImages().join(", ");
  throw new UnknownImage(
    `the lab has no program for image ${JSON.stringify(image)}: it runs built-in images (${known}) and programs ` +
      `of the host, and ${JSON.stringify(name)} is none on this machine's PATH`,
  );
}

/** The names of all built-in images, for the node's list of images. */
export function builtinImages(): string[] {
  return RULES.flatMap(({ names }) => names);
}

/** `docker.io/istio/tcp-echo-server:1.3@sha256:…` is `tcp-echo-server`. */
export function lastPart(image: string): string {
  const path = image.split("@")[0] ?? "";
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.split(":")[0] ?? "";
}

/** The command line of a container: `command` replaces the entrypoint and its CMD, `args` the CMD. */
export function commandLine(
  program: ImageProgram,
  command: readonly string[] = [],
  args: readonly string[] = [],
): string[] {
  if (command.length > 0) return [...command, ...args];
  return [...program.entrypoint, ...(args.length > 0 ? args : program.cmd)];
}

/** Programs of the lab's own that every container finds first on its PATH: nc, tandem-probe. */
export const POD_PATH = `${LAB_APP}/src/lab/images/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

import { basename, extname, join } from "node:path";
import { LAB_APP, LAB_NODE } from "../init/root-layout.ts";
import { findMapping, type ImageMapping, LAB_IMAGES, placeOfProgram } from "./mapping.ts";

/** What an image is in the lab: a program, as ENTRYPOINT and CMD of an image are. */
export interface ImageProgram {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Symbolic links in the pod's root, path → target: programs that tests call by a path of the image. */
  readonly links?: Readonly<Record<string, string>>;
  /** Another entrypoint for certain arguments. */
  readonly instead?: {
    readonly entrypoint: readonly string[];
    when(args: readonly string[]): boolean;
  };
}

/** What a lab has beside the images that are built in. */
export interface LabImages {
  readonly mappings: readonly ImageMapping[];
  /** Whether the image `envoy` has its program. */
  readonly envoy: boolean;
  isHostProgram(name: string): boolean;
}

/** An image that the lab cannot run; becomes the reason ErrImagePull. */
export class UnknownImage extends Error {}

interface Rule {
  /** Last parts of image names, without registry and tag. */
  readonly names: readonly string[];
  readonly program: ImageProgram;
  /** A program that is not Tandem's, and that the image is nothing without. */
  readonly needs?: string;
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

/** Where pods find Envoy; the folder is on their PATH. */
export const LAB_ENVOY = join(LAB_IMAGES, "envoy", "envoy");
const ENVOY_IMAGES = ["envoy", "envoy-distroless"];
const CONFIG_FLAG = /^(-c|--config-path|--config-yaml)(=|$)/;

/** Envoy as Tandem's gateways run it; with a configuration among its arguments, Envoy alone, as its own image does. */
const ENVOY: ImageProgram = {
  entrypoint: [`${LAB_NODE}/node`, `${LAB_APP}/src/cli/main${extension}`, "internal", "envoy"],
  cmd: [],
  instead: { entrypoint: [LAB_ENVOY], when: (args) => args.some((arg) => CONFIG_FLAG.test(arg)) },
};
/** Tandem itself: what prepares a pod for its sidecar. */
const TANDEM: ImageProgram = {
  entrypoint: [`${LAB_NODE}/node`, `${LAB_APP}/src/cli/main${extension}`],
  cmd: ["--help"],
};
const IDLE: ImageProgram = { entrypoint: ["/bin/sleep", "infinity"], cmd: [] };

/** nginx and HAProxy as their images run them: see bin/nginx and bin/haproxy. */
const NGINX: ImageProgram = { entrypoint: [], cmd: ["nginx", "-g", "daemon off;"] };
const HAPROXY: ImageProgram = {
  entrypoint: [],
  cmd: ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
  instead: { entrypoint: ["haproxy"], when: ([first = ""]) => first.startsWith("-") },
};

/** Programs that scripts/setup-tools unpacked, as pods see them. */
export const LAB_TOOLS = `${LAB_APP}/.tools/bin`;

/** Images that are built in, by the last part of their names. */
const RULES: readonly Rule[] = [
  { names: ["tcp-echo-server", "tcp-echo"], program: builtin("tcp-echo") },
  { names: ["http-echo"], program: builtin("http-echo") },
  { names: ["agnhost"], program: AGNHOST },
  { names: ["pause", "probe"], program: IDLE },
  { names: ["tandem"], program: TANDEM },
  { names: ["nginx", "nginx-unprivileged"], program: NGINX, needs: "nginx" },
  { names: ["haproxy", "haproxy-alpine", "haproxy-debian"], program: HAPROXY, needs: "haproxy" },
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
 * Finds the program for an image: one that was mapped to it, a built-in one, or a program of the host whose name is the
 * last part of the image's (`socat:1.8` runs `socat`). Registry, tag and digest do not count but for mappings.
 * @throws UnknownImage when there is none
 */
export function programOf(image: string, { mappings, envoy, isHostProgram }: LabImages): ImageProgram {
  const mapped = findMapping(image, mappings);
  if (mapped !== undefined) return mappedProgram(mappings[mapped] as ImageMapping, mapped);
  const name = lastPart(image);
  const rule = RULES.find(({ names }) => names.includes(name));
  if (rule?.needs !== undefined && !isHostProgram(rule.needs)) throw lacks(image, rule.needs);
  if (rule !== undefined) return rule.program;
  if (ENVOY_IMAGES.includes(name)) return envoyProgram(image, envoy);
  if (isHostProgram(name)) return { entrypoint: [name], cmd: [] };
  const known = builtinImages().join(", ");
  throw new UnknownImage(
    `the lab has no program for image ${JSON.stringify(image)}: it runs built-in images (${known}) and programs ` +
      `of the host, and ${JSON.stringify(name)} is none on this machine's PATH`,
  );
}

/** The program has the path that it has in most images, `/NAME`, beside its own. */
function mappedProgram(mapping: ImageMapping, index: number): ImageProgram {
  const place = placeOfProgram(mapping, index);
  return { entrypoint: [place], cmd: [], links: { [`/${basename(place)}`]: place } };
}

function envoyProgram(image: string, present: boolean): ImageProgram {
  if (present) return ENVOY;
  throw new UnknownImage(
    `the lab has no Envoy for image ${JSON.stringify(image)}: none was found on this machine when the cluster was ` +
      "brought up; run scripts/setup, or put envoy on the PATH, then tandem down and tandem up",
  );
}

function lacks(image: string, program: string): UnknownImage {
  return new UnknownImage(
    `the lab has no ${program} for image ${JSON.stringify(image)}: it is not on this machine; install it, or run ` +
      `sh scripts/setup-tools ${program}, which unpacks Debian's beside Tandem`,
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
  if (program.instead?.when(args)) return [...program.instead.entrypoint, ...args];
  return [...program.entrypoint, ...(args.length > 0 ? args : program.cmd)];
}

/** Programs of the lab's own come first on the PATH of every container: nc, nginx, tandem-probe, envoy where there is one. */
export const POD_PATH = `${LAB_APP}/src/lab/images/bin:${LAB_IMAGES}/envoy:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${LAB_TOOLS}`;

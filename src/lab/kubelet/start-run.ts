/** The start of one run of a container: what it is made of, then its process; and what is told when that fails. */
import type { Container } from "../../objects/types.ts";
import { commandLine, type ImageProgram, programOf, UnknownImage } from "../images/registry.ts";
import { ConfigError } from "./env.ts";
import { expandVariables } from "./expand.ts";
import { linkPrograms } from "./image-links.ts";
import type { LogFile } from "./log-file.ts";
import { type BindMount, StartError, startProcess } from "./process.ts";
import type { ContainerHost, RunningContainer } from "./running-container.ts";

/** A run before it starts: its image's program, and the command with its variables expanded. */
export interface PreparedRun {
  readonly program: ImageProgram;
  readonly command: readonly string[];
  readonly env: Record<string, string>;
  readonly mounts: readonly BindMount[];
}

/**
 * Finds out what a container is to run.
 * @throws UnknownImage, or ConfigError when a variable or a file has no source
 */
export async function prepareRun(spec: Container, host: ContainerHost): Promise<PreparedRun> {
  const program = programOf(spec.image ?? "", host.images);
  const env = await host.environment(spec);
  const lookup = (name: string) => env[name];
  const expand = (texts?: string[]) => texts?.map((text) => expandVariables(text, lookup));
  const command = commandLine(program, expand(spec.command), expand(spec.args));
  return { program, command, env, mounts: host.mounts(spec, env) };
}

/** Starts the process of a run; resolves once its volumes are mounted. */
export async function launchRun(
  spec: Container,
  { program, command, env, mounts }: PreparedRun,
  place: { readonly sandboxPid: number; readonly log: LogFile; readonly joins: readonly string[] },
): Promise<RunningContainer> {
  const { sandboxPid, joins } = place;
  const { stdin = false, tty = false, stdinOnce = false } = spec;
  const cwd = spec.workingDir || "/";
  linkPrograms(sandboxPid, program);
  const process = startProcess({ ...place, command, env, cwd, mounts, stdin, tty });
  await process.mounted;
  return { name: spec.name, process, env, cwd, mounts, joins, sandboxPid, stdinOnce };
}

/** What the state and the event say of a start that failed, in the kubelet's words. */
export function startFailure(spec: Container, error: Error): { reason: string; eventText: string } {
  if (error instanceof UnknownImage) {
    const image = JSON.stringify(spec.image);
    return { reason: "ErrImagePull", eventText: `Failed to pull image ${image}: ${error.message}` };
  }
  if (error instanceof ConfigError)
    return { reason: "CreateContainerConfigError", eventText: `Error: ${error.message}` };
  const reason = error instanceof StartError ? "RunContainerError" : "CreateContainerError";
  return { reason, eventText: `Error: ${error.message}` };
}

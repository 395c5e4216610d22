/** The load generators of these tests: started where clients are, and what they saw. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LoadReport } from "./http-load.ts";
import type { Home } from "./tandem.ts";

/** Node and this checkout, as pods see them. */
export const NODE = "/run/tandem/node/node";
/** This checkout, as pods see it. */
export const APP = "/run/tandem/app";

/** Where clients are: words of `tandem lab exec`, such as `-n demo deploy/client`. */
export type Place = readonly string[];
/** Outside of the cluster, with the programs of this machine. */
export const OUTSIDE: Place = ["--outside"];

/** A program that goes on until its input ends, and reports then. */
export interface Running<Report> {
  say(line: string): void;
  end(): Promise<Report>;
}

/** Starts a generator of this folder with its arguments; resolves when it has said that it has started. */
export async function startProgram<Report>(
  home: Home,
  place: Place,
  name: string,
  args: readonly string[],
): Promise<Running<Report>> {
  const exec = place === OUTSIDE ? place : ["-i", ...place];
  const it = home.command(["lab", "exec", ...exec, "--", ...commandOf(place, name, args)]);
  const child = spawn(it.file, it.args, { env: it.env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "started");
  return {
    say: (line) => void child.stdin.write(`${line}\n`),
    end: async () => {
      child.stdin.end();
      return JSON.parse((await lines.next()).value ?? "{}") as Report;
    },
  };
}

/** Requests at a steady rate (http-load.ts has the form) to the targets in turn, until `end`. */
export function startLoad(
  home: Home,
  place: Place,
  rate: string,
  targets: readonly string[],
): Promise<Running<LoadReport>> {
  return startProgram<LoadReport>(home, place, "http-load.ts", [rate, ...targets]);
}

/**
 * The same for so many seconds, on its own, as `exec` goes through the control plane; gives what looks for the report,
 * which is undefined as long as it goes on.
 */
export function leaveLoad(
  home: Home,
  place: Place,
  rate: string,
  targets: readonly string[],
  seconds: number,
): () => LoadReport | undefined {
  const inPlace = (...command: string[]) => home.run(["lab", "exec", ...place, "--", ...command]);
  const words = commandOf(place, "http-load.ts", [rate, ...targets]).map((word) => `'${word}'`);
  const script = `(sleep ${seconds} | ${words.join(" ")}) >/tmp/load 2>&1 &`;
  assert.equal(inPlace("sh", "-c", script).status, 0);
  return () => {
    const [, report = "", end] = inPlace("cat", "/tmp/load").stdout.split("\n");
    return end === undefined ? undefined : (JSON.parse(report) as LoadReport);
  };
}

/** Targets of http-load.ts: a path at each of the addresses, asked for by this host. */
export function targetsOf(host: string, addresses: readonly string[], path = "/"): string[] {
  return addresses.map((address) => `${host}|http://${urlHost(address)}${path}`);
}

/** An address as URLs write it. */
export function urlHost(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}

function commandOf(place: Place, name: string, args: readonly string[]): string[] {
  return place === OUTSIDE
    ? [process.execPath, join(import.meta.dirname, name), ...args]
    : [NODE, `${APP}/test/whole/${name}`, ...args];
}

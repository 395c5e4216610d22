import { spawn } from "node:child_process";
import { constants } from "node:os";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { outsideOf } from "../lab/index.ts";
import { stateDirOfCluster } from "./cluster.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * `tandem lab exec --outside`: runs a program of the host as a client outside of the cluster; its exit code becomes ours.
 * Without a command it is a shell.
 */
export async function execOutside(command: readonly string[], flags: { name: string }): Promise<void> {
  const outside = outsideOf(stateDirOfCluster(flags.name));
  if (outside === undefined) throw new Error(`cluster ${flags.name} ended just now`);
  const words = command.length > 0 ? command : ["/bin/sh"];
  const [program = "", ...args] = [...outside.prefix, ...words];
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...outside.env } });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    process.exitCode = await endOf(child);
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}

function endOf(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9)),
    );
    child.once("error", (cause) =>
      reject(
        new UserError({
          what: "cannot run the command",
          where: "tandem lab exec --outside",
          why: cause.message,
          next: "sudo apt-get install util-linux",
          exitCode: EXIT.failed,
          cause,
        }),
      ),
    );
  });
}

import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { ApiError } from "../objects/status.ts";
import { addFaultCommands } from "./lab-faults.ts";
import { addRunCommand } from "./lab-run.ts";
import { execOutside } from "./lab-outside.ts";
import { findPodOf } from "./lab-target.ts";
import { DEFAULT_NAME, kubeconfigOf } from "./cluster.ts";
import { loseWhatNobodyReads } from "./lossy-output.ts";

interface ExecFlags {
  name: string;
  namespace: string;
  container?: string;
  stdin?: boolean;
  tty?: boolean;
  outside?: boolean;
}

/** `tandem lab`: work inside the running cluster. */
export function define(): Command {
  const lab = new Command("lab").description("Work inside the running cluster.");
  lab
    .command("exec [target] [command...]")
    .description(
      "Run a command in a pod: POD, pod/NAME, deploy/NAME, rs/NAME, ds/NAME, sts/NAME, job/NAME or svc/NAME; or outside of the cluster.",
    )
    .usage("[options] <target> -- <command...>  |  --outside -- <command...>")
    .option(
      "--outside",
      "a program of this machine, as a client outside of the cluster, on its nodes' network",
    )
    .option("--name <cluster>", "the cluster of `tandem up`", DEFAULT_NAME)
    .option("-n, --namespace <namespace>", "namespace of the target", "default")
    .option("-c, --container <name>", "container, where the pod has several")
    .option("-i, --stdin", "pass standard input on")
    .option("-t, --tty", "give the command a terminal")
    .action(exec);
  addFaultCommands(lab);
  addRunCommand(lab);
  return lab;
}

async function exec(target: string | undefined, command: string[], flags: ExecFlags): Promise<void> {
  if (flags.outside) return execOutside(target === undefined ? [] : [target, ...command], flags);
  if (target === undefined) throw noTarget();
  const client = new KubeClient(await loadKubeconfig(kubeconfigOf(flags.name)));
  const words = command.length > 0 ? command : ["/bin/sh"];
  const interactive = command.length === 0 && process.stdin.isTTY;
  const stdin = flags.stdin || interactive;
  const tty = Boolean((flags.tty || interactive) && process.stdin.isTTY);
  loseWhatNobodyReads(() => process.exit(EXIT.failed)); // it may have more to say without an end
  try {
    const pod = await findPodOf(client, target, flags.namespace);
    if (tty) process.stdin.setRawMode(true);
    process.exitCode = await client.exec({
      namespace: flags.namespace,
      pod,
      command: words,
      ...(flags.container === undefined ? {} : { container: flags.container }),
      ...(stdin ? { stdin: process.stdin } : {}),
      stdout: process.stdout,
      stderr: process.stderr,
      tty,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const where = `${target} in namespace ${flags.namespace}`;
    const next = `kubectl -n ${flags.namespace} get pods`;
    throw new UserError({ what: "cannot run the command", where, why: error.message, next, cause: error });
  } finally {
    if (tty) process.stdin.setRawMode(false);
    process.stdin.unref?.();
    client.close();
  }
  // an unread standard input must not hold the command up
  if (stdin) setImmediate(() => process.exit(process.exitCode ?? EXIT.ok));
}

function noTarget(): UserError {
  return new UserError({
    what: "cannot run the command",
    where: "tandem lab exec",
    why: "it needs a pod, or --outside",
    next: "tandem lab exec deploy/web -- sh, or tandem lab exec --outside -- curl http://172.18.255.1",
    exitCode: EXIT.usage,
  });
}

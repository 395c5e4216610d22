import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { Command } from "commander";
import { KubeClient, loadKubeconfig } from "../client/index.ts";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { kubeconfigOf } from "./cluster.ts";
import { createLesserUser } from "./kubeconfig/lesser-user.ts";
import { parseDays, parseUserName, parseVerbs } from "./kubeconfig/flags.ts";
import { parseResources } from "./kubeconfig/resources.ts";
import { userKubeconfig } from "./kubeconfig/text.ts";

interface CreateFlags {
  namespace: string;
  verbs: string;
  resources: string;
  user: string;
  validFor: string;
  name: string;
  kubeconfig?: string;
  output?: string;
}

/** `tandem kubeconfig`: kubeconfigs for others. */
export function define(): Command {
  return new Command("kubeconfig")
    .description("Make kubeconfigs for users that may do less than you.")
    .addCommand(defineCreate());
}

function defineCreate(): Command {
  return new Command("create")
    .description(
      "Make a user that may do some things in one namespace and nothing else: a ServiceAccount, its Role and " +
        "RoleBinding and a token; print its kubeconfig. Run it again with other verbs to change what the user may do.",
    )
    .requiredOption("-n, --namespace <namespace>", "where the user may work; it must exist")
    .requiredOption("--verbs <verbs>", "what the user may do, for example get,list,watch")
    .option("--resources <resources>", "to what: services,pods/log,deployments.apps; all by default", "*")
    .option("--user <name>", "the user's name", "guest")
    .option("--valid-for <days>", "how long the kubeconfig holds", "365")
    .option("--name <cluster>", "the cluster of `tandem up`", "tandem")
    .option("--kubeconfig <file>", "make the user in the cluster of this kubeconfig instead")
    .option("-o, --output <file>", "write the kubeconfig to this new file, readable by you alone")
    .action(create);
}

async function create(flags: CreateFlags): Promise<void> {
  const verbs = parseVerbs(flags.verbs);
  const user = parseUserName(flags.user);
  const seconds = parseDays(flags.validFor) * 24 * 3600;
  if (flags.output !== undefined && existsSync(flags.output))
    throw cannotWrite(flags.output, "the file exists");
  const config = await loadKubeconfig(flags.kubeconfig ?? kubeconfigOf(flags.name));
  const client = new KubeClient(config);
  try {
    const { namespace } = flags;
    const made = await createLesserUser(client, {
      namespace,
      user,
      seconds,
      rules: (c) => parseResources(c, flags.resources, verbs),
    });
    const cluster = flags.kubeconfig === undefined ? flags.name : "cluster";
    const text = userKubeconfig({ config, cluster, user, namespace, token: made.token });
    if (flags.output === undefined) process.stdout.write(text);
    else writeNewFile(flags.output, text);
    console.error(`${user} may ${verbs.join(", ")} in namespace ${namespace} until ${made.expires}`);
    if (flags.output !== undefined) console.error(`next: export KUBECONFIG=${flags.output}`);
  } finally {
    client.close();
  }
}

/** Never over a file that is there: it may be somebody's only kubeconfig. */
function writeNewFile(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw cannotWrite(path, code === "EEXIST" ? "the file exists" : message, cause);
  }
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

function cannotWrite(path: string, why: string, cause?: unknown): UserError {
  return new UserError({
    what: "cannot write the kubeconfig",
    where: `flag -o, file ${path}`,
    why,
    next: "name another file, or remove this one",
    exitCode: EXIT.badInput,
    cause,
  });
}

/**
 * A shell adds variables of its own to its environment and drops those whose names it could not have itself; these pass
 * it as arguments. The others stay in the environment, where only the user can read them.
 */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const OF_SHELLS =
  /^(PWD|OLDPWD|SHLVL|_|IFS|PPID|OPTIND|OPTARG|PS[0-9]|LINENO|E?UID|ENV|SHELLOPTS|POSIXLY_CORRECT|BASH.*)$/;

const JOIN = `
while [ "$1" != -- ]; do
  echo 0 > "$1" || exit 128
  shift
done
shift
exec "$@"`;

/**
 * The command that joins groups and then becomes the command given, in the same process and with the same environment. So
 * all of it runs in the groups, from its first instruction on, whatever its namespaces.
 * @param joins files `cgroup.procs`, as seen by the process that starts this
 */
export function joining(
  joins: readonly string[],
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): { command: readonly string[]; env: Record<string, string> } {
  if (joins.length === 0) return { command, env: { ...env } };
  const isPlain = ([name]: [string, string]) => PLAIN.test(name) && !OF_SHELLS.test(name);
  const all = Object.entries(env);
  const unset = ["PWD", "OLDPWD", "SHLVL", "_"].flatMap((name) => ["-u", name]);
  const odd = all.filter((entry) => !isPlain(entry)).map(([name, value]) => `${name}=${value}`);
  return {
    command: ["/bin/sh", "-c", JOIN, "join", ...joins, "--", "/usr/bin/env", ...unset, ...odd, ...command],
    env: Object.fromEntries(all.filter(isPlain)),
  };
}

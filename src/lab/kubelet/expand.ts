/**
 * Expands `$(NAME)` as Kubernetes does (third_party/forked/golang/expansion): `$$` is a dollar sign, a name that is
 * not known stays as it is written.
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (written, what: string, name: string) =>
    what === "$" ? "$" : (lookup(name) ?? written),
  );
}

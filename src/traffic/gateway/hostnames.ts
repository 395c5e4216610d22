/**
 * Hostnames of listeners and routes: exact ones, wildcards (`*.example.com`, which stands for any number of labels in
 * front, GatewaySpec.listeners) and `*`, any. All are lower case.
 */

/** Any hostname. */
export const ANY_HOST = "*";

/** A hostname as the API has it (absent, empty, upper case) in the form used here. */
export function hostnameOf(hostname: string | undefined): string {
  return hostname === undefined || hostname === "" ? ANY_HOST : hostname.toLowerCase();
}

/** Whether everything that `narrow` stands for (one hostname, or a wildcard's) is also meant by `wide`. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === ANY_HOST || wide === narrow) return true;
  if (!wide.startsWith("*.") || narrow === ANY_HOST) return false;
  const suffix = wide.slice(1);
  return narrow.startsWith("*.") ? narrow.slice(1).endsWith(suffix) : narrow.endsWith(suffix);
}

/** What both stand for: the narrower one, or undefined when they have nothing in common. */
function intersection(one: string, other: string): string | undefined {
  if (covers(one, other)) return other;
  return covers(other, one) ? one : undefined;
}

/** The hostnames that a route serves on a listener, without repetition: none when they do not intersect. */
export function routeHostnames(listener: string, route: readonly string[] | undefined): string[] {
  if (route === undefined || route.length === 0) return [listener];
  const served = new Set<string>();
  for (const hostname of route) {
    const common = intersection(listener, hostnameOf(hostname));
    if (common !== undefined) served.add(common);
  }
  return [...served];
}

/** The most specific of the patterns that cover a hostname: what a connection or request for it belongs to. */
export function ownerOf(hostname: string, patterns: ReadonlySet<string>): string | undefined {
  return [hostname, ...wildcardsOver(hostname)].find((pattern) => patterns.has(pattern));
}

/** All wildcards that cover a hostname (apart from itself), the most specific one first, `*` last. */
export function wildcardsOver(hostname: string): string[] {
  const labels = hostname.split(".");
  const wildcards = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
  return [...wildcards, ANY_HOST].filter((wildcard) => wildcard !== hostname);
}

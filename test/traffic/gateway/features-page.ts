import { FEATURES, SUPPORTED_FEATURES } from "../../../src/traffic/gateway/index.ts";

/** docs/gateway-features.md as the table of features has it. */
export function featuresPage(): string {
  const rest = Object.entries(FEATURES).filter((entry): entry is [string, string] => entry[1] !== true);
  return `# Features of the Gateway API

Which features of Gateway API v1.6.3 the GatewayClass claims in \`status.supportedFeatures\`, and why not the others.
Written from the table in \`src/traffic/gateway/features.ts\`; a test compares the two.

## Claimed (${SUPPORTED_FEATURES.length})

${SUPPORTED_FEATURES.map(({ name }) => `- ${name}`).join("\n")}

## Not claimed (${rest.length})

| feature | reason |
|---|---|
${rest.map(([name, reason]) => `| ${name} | ${reason} |`).join("\n")}

## Beyond features

- **Hostnames**: a request goes to the most specific hostname that some route has on its listener, and is answered by
  the rules of that hostname alone (404 if none matches). Rules of wider hostnames are not tried after that.
- **Regular expressions** in paths come after exact paths and before prefixes; they are RE2, and match the whole path.
- **Query parameters** are compared as they stand in the request, name and value, undecoded: \`b%20c\` and \`b+c\` are not
  \`b c\`. Of several of one name the first counts.
- **Retries** (\`rules[].retry\`, a field of the experimental channel's definitions): besides the codes, connections that
  fail or are reset and tries that run into \`timeouts.backendRequest\` are tried again. Pauses are random: up to
  \`backoff\` before the first retry, up to the double before the next, and so on, at most ten times of it.
- **Several certificates** for one listener are all offered; the one that fits the server name is shown.
- **TLS options** of listeners: \`tandem.dev/tls-min-version\`, \`tandem.dev/tls-max-version\` (\`1.0\` to \`1.3\`),
  \`tandem.dev/tls-ciphers\` and \`tandem.dev/alpn\` (comma-separated).
- **HTTP and HTTPS cannot share a port**; HTTPS and TLS of both modes can, by server name. UDP shares with all.
- **Ports 19000, 19001 and 19003** are the proxy's own (admin, stats, readiness): listeners get PortUnavailable.
`;
}

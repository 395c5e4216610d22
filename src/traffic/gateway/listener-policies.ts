/** Traffic policies as they meet listeners. */
import type { ResolvedListener } from "./listeners.ts";
import type { ClientPolicy } from "./policy-model.ts";
import { clientSettings, type PolicyReferences, type PolicySite } from "./policies/index.ts";
import type { LookupKey } from "./routes/types.ts";

/** A listener as the place where policies are in force. */
export function siteOf({ owner, spec }: ResolvedListener, gateway: string): PolicySite {
  return { gateway, owner: `${owner.kind}/${owner.key}`, listener: spec.name };
}

/** The listener with what ClientTrafficPolicies say about it; its own `tls.options` come first. */
export function withClientSettings(
  listener: ResolvedListener,
  gateway: string,
  references: PolicyReferences,
  lookups: Set<LookupKey>,
): ResolvedListener {
  const { policy, tls, lookups: asked } = clientSettings(siteOf(listener, gateway), references);
  for (const key of asked) lookups.add(key);
  if (policy === undefined && tls === undefined) return listener;
  const { security } = listener;
  return {
    ...listener,
    ...(policy && { client: policy }),
    ...(tls && security?.tls && { security: { ...security, tls: { ...tls, ...security.tls } } }),
  };
}

/** What is decided before a connection is told apart from others of its port, and so is one for all listeners there. */
const OF_PORT: readonly string[] = [
  "proxyProtocol",
  "keepalive",
  "bufferLimit",
] satisfies (keyof ClientPolicy)[];

interface Halves {
  readonly port: { readonly policy?: ClientPolicy };
  readonly chain: { readonly policy?: ClientPolicy };
}

const NOTHING: Halves = { port: {}, chain: {} };
const halves = new WeakMap<ClientPolicy, Halves>();

/**
 * The policy of several listeners that are told apart too late for one each: that of the first that has any. Parted into
 * what is the port's and what is the chain's; equal arguments give the same objects.
 */
export function clientPolicy(listeners: readonly ResolvedListener[]): Halves {
  const policy = listeners.find(({ client }) => client !== undefined)?.client;
  if (policy === undefined) return NOTHING;
  const before = halves.get(policy);
  if (before !== undefined) return before;
  const parts = Object.entries(policy);
  const result = {
    port: half(parts.filter(([part]) => OF_PORT.includes(part))),
    chain: half(parts.filter(([part]) => !OF_PORT.includes(part))),
  };
  halves.set(policy, result);
  return result;
}

function half(parts: readonly [string, unknown][]): { readonly policy?: ClientPolicy } {
  return parts.length === 0 ? {} : { policy: Object.fromEntries(parts) };
}

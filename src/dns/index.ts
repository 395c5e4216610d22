/** DNS for a cluster: the names of Services, their endpoints and pods, over both families. */
export { type BalancerEntry, BalancerNames } from "./balancers.ts";
export { dropSelf, parseResolvConf, parseResolver } from "./resolv-conf.ts";
export { type DnsServer, type DnsServerOptions, startDnsServer } from "./server.ts";
export { type Resolver, resolverText } from "./udp-channel.ts";
export { createUpstream, type Upstream, type UpstreamOptions } from "./upstream.ts";

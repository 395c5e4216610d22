export type { KeyPair } from "./desired.ts";
export { createHost, type HostOptions } from "./host.ts";
export type { AddressPool, PoolCount } from "./addresses.ts";
export { AddressBook } from "./pools.ts";
export { createLocalProvider, HOLD_MS, type LocalProvider } from "./provider.ts";
export { type AddressRange, parseRange, whyNoRange } from "./ranges.ts";
export type { LocalHost, LocalProxy, ProxyRefusal } from "./seams.ts";

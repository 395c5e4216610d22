export type { KeyPair } from "./desired.ts";
export { createHost, type HostOptions } from "./host.ts";
export { AddressBook, type AddressPool, type PoolCount } from "./pools.ts";
export { createLocalProvider, HOLD_MS, type LocalProvider } from "./provider.ts";
export { type AddressRange, parseRange, whyNoRange } from "./ranges.ts";
export type { LocalHost, LocalProxy, ProxyRefusal } from "./seams.ts";

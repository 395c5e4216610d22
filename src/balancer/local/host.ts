/**
 * The addresses on a host's interfaces. The kernel answers ARP and NDP for them; that they have come here it tells the
 * neighbours by itself (arp_notify, ndisc_notify), when told that the interface's hardware address has "changed".
 */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { familyOfText } from "../../ip/address.ts";
import { IpChanges } from "./ip-changes.ts";
import type { HeldAddress, LocalHost } from "./seams.ts";

const execute = promisify(execFile);

/** What the addresses of a host are kept with. */
export interface HostOptions {
  /** A folder that outlives this process: a file for each address, which says whose it is. */
  readonly folder: string;
  /** The interface for addresses whose pool names none; undefined: that of the default route. */
  readonly link: string | undefined;
  /**
   * So many seconds after the last sign of life of this process the kernel takes the addresses away by itself, as another
   * host may have them then; undefined: they stay.
   */
  readonly lifetime?: number | undefined;
  /** Takes them away at once, where they have a lifetime. */
  readonly signal?: AbortSignal | undefined;
  readonly now?: () => Date;
}

/** The host, and what resolves after the signal: when addresses that have a lifetime are gone. */
export interface RunningHost extends LocalHost {
  readonly ended: Promise<void>;
}

interface Remembered extends HeldAddress {
  readonly created: string;
}

/** Needs CAP_NET_ADMIN. What fails is thrown, with what `ip` said; nothing with a lifetime is added after the signal. */
export function createHost(options: HostOptions): RunningHost {
  const { folder, link, lifetime, signal, now = () => new Date() } = options;
  mkdirSync(folder, { recursive: true });
  /** The addresses that are kept alive from here, and their interfaces. */
  const own = new Map<string, string>();
  const changes = new IpChanges();
  const ended =
    lifetime === undefined ? Promise.resolve() : keepAlive(own, lifetime, folder, changes, signal);
  const refuseAfterEnd = (): void => {
    if (lifetime !== undefined) signal?.throwIfAborted();
  };
  const put = async (address: string, on: string): Promise<void> => {
    await changes.make(() => {
      refuseAfterEnd();
      // before it is made: at the end everything goes that may have come
      own.set(address, on);
      return ["address", "replace", ...addressOn(address, on, lifetime)];
    });
  };
  const presence = new Presence();
  const announceSoon = announcer();
  let defaultLink: Promise<string> | undefined;
  const linkFor = (named: string | undefined): Promise<string> => {
    if (named !== undefined) return Promise.resolve(named);
    defaultLink ??= link === undefined ? linkOfDefaultRoute() : Promise.resolve(link);
    return defaultLink;
  };
  return {
    async add(addresses) {
      for (const held of addresses) {
        const on = await linkFor(held.link);
        refuseAfterEnd();
        if (!isSame(readOne(folder, held.address), held, on))
          write(folder, { ...held, link: on, created: stamp(now()) });
        const present = await presence.now();
        const isNew = present.get(held.address) !== on;
        if (isNew || own.get(held.address) !== on) await put(held.address, on);
        present.set(held.address, on);
        if (isNew) announceSoon(on);
      }
    },
    async remove(addresses) {
      for (const address of addresses) {
        own.delete(address);
        const present = await presence.now();
        const on = present.get(address);
        if (on !== undefined) await changes.make(() => removal(address, on));
        present.delete(address);
        rmSync(fileOf(folder, address), { force: true });
      }
    },
    list: () => Promise.resolve(readAll(folder)),
    ended,
  };
}

function bits(address: string): number {
  return familyOfText(address) === "IPv6" ? 128 : 32;
}

/**
 * IPv6 addresses are deprecated from the start: they are for those who come, and the kernel must not choose one for
 * connections to targets, though it is the nearest to them (RFC 6724, rule 3).
 */
function addressOn(address: string, link: string, lifetime: number | undefined): string[] {
  const own = [`${address}/${bits(address)}`, "dev", link];
  const life = lifetime === undefined ? "forever" : String(lifetime);
  if (familyOfText(address) === "IPv6") return [...own, "nodad", "valid_lft", life, "preferred_lft", "0"];
  return lifetime === undefined ? own : [...own, "valid_lft", life, "preferred_lft", life];
}

function removal(address: string, link: string): readonly string[] {
  return ["address", "del", `${address}/${bits(address)}`, "dev", link];
}

/** Four signs of life in a lifetime: one that comes late does no harm. Resolves when all are gone after the signal. */
function keepAlive(
  own: ReadonlyMap<string, string>,
  lifetime: number,
  folder: string,
  changes: IpChanges,
  signal: AbortSignal | undefined,
): Promise<void> {
  // what does not succeed is tried again, or goes by itself
  const each = (words: (address: string, on: string) => readonly string[]): Promise<unknown> =>
    Promise.allSettled([...own].map(([address, on]) => changes.make(() => words(address, on))));
  const renew = (address: string, on: string): readonly string[] => {
    if (!own.has(address)) throw new Error("it has been taken away meanwhile");
    return ["address", "replace", ...addressOn(address, on, lifetime)];
  };
  const timer = setInterval(() => void each(renew), (lifetime * 1000) / 4);
  const end = async (): Promise<void> => {
    clearInterval(timer);
    await each(removal);
    for (const address of own.keys()) rmSync(fileOf(folder, address), { force: true });
  };
  return new Promise((resolve) => {
    if (signal?.aborted) resolve(end());
    else signal?.addEventListener("abort", () => resolve(end()), { once: true });
  });
}

function isSame(known: Remembered | undefined, held: HeldAddress, link: string): boolean {
  return known?.service === held.service && known.uid === held.uid && known.link === link;
}

const ANNOUNCE_AFTER_MS = 50;

/** Many addresses that come within a moment are announced together, as each announcement is of all of an interface. */
function announcer(): (link: string) => void {
  const waiting = new Set<string>();
  return (link) => {
    if (waiting.has(link)) return;
    waiting.add(link);
    setTimeout(() => {
      waiting.delete(link);
      // where it fails neighbours find out by themselves, later
      void announce(link).catch(() => {});
    }, ANNOUNCE_AFTER_MS).unref();
  };
}

/** Gratuitous ARP, and unsolicited neighbour advertisements, for all addresses of an interface. */
async function announce(link: string): Promise<void> {
  allow(`ipv4/conf/${link}/arp_notify`);
  allow(`ipv6/conf/${link}/ndisc_notify`);
  const [shown] = JSON.parse(await ip(["-json", "link", "show", "dev", link])) as { address?: string }[];
  if (shown?.address !== undefined) await ip(["link", "set", "dev", link, "address", shown.address]);
}

function allow(name: string): void {
  try {
    writeFileSync(`/proc/sys/net/${name}`, "1");
  } catch {
    // a kernel without this family, or a container that must not: neighbours find out by themselves, later
  }
}

const PRESENCE_MS = 1_000;

/** What is on the host, looked at again after a moment, as others may change it: many Services ask at the same time. */
class Presence {
  #at = Number.NEGATIVE_INFINITY;
  #known: Promise<Map<string, string>> = Promise.resolve(new Map());

  now(): Promise<Map<string, string>> {
    if (performance.now() - this.#at > PRESENCE_MS) {
      this.#at = performance.now();
      this.#known = presentAddresses();
      this.#known.catch(() => {
        this.#at = Number.NEGATIVE_INFINITY;
      });
    }
    return this.#known;
  }
}

/** Host addresses by the interface that has them. */
async function presentAddresses(): Promise<Map<string, string>> {
  const shown = JSON.parse(await ip(["-json", "address", "show"])) as {
    ifname: string;
    addr_info?: { local?: string; prefixlen?: number }[];
  }[];
  return new Map(
    shown.flatMap(({ ifname, addr_info = [] }) =>
      addr_info.flatMap(({ local }): [string, string][] => (local === undefined ? [] : [[local, ifname]])),
    ),
  );
}

async function linkOfDefaultRoute(): Promise<string> {
  for (const family of ["-4", "-6"]) {
    const routes = JSON.parse((await ip(["-json", family, "route", "show", "default"])) || "[]") as {
      dev?: string;
    }[];
    const dev = routes.find((route) => route.dev !== undefined)?.dev;
    if (dev !== undefined) return dev;
  }
  throw new Error("this host has no default route: name the interface for addresses with --interface");
}

async function ip(args: readonly string[]): Promise<string> {
  try {
    return (await execute("ip", [...args], { timeout: 10_000 })).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`ip ${args.join(" ")}: ${stderr?.trim() || message}`, { cause: error });
  }
}

/** `fd00--1.json`: a colon is nothing for names of files everywhere. */
function fileOf(folder: string, address: string): string {
  return join(folder, `${address.replaceAll(":", "-")}.json`);
}

function write(folder: string, held: Remembered): void {
  const path = fileOf(folder, held.address);
  writeFileSync(`${path}.new`, JSON.stringify(held));
  renameSync(`${path}.new`, path);
}

function readAll(folder: string): Remembered[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.flatMap((name) => readFile(join(folder, name)) ?? []);
}

function readOne(folder: string, address: string): Remembered | undefined {
  return readFile(fileOf(folder, address));
}

/** Undefined also where another process has removed it meanwhile. */
function readFile(path: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Remembered;
  } catch {
    return undefined;
  }
}

function stamp(date: Date): string {
  return date.toISOString().replace(/\.\d+/, "");
}
